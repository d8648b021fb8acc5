import { dirname, resolve } from 'node:path'
import { isDjangoUrl } from '@strongroom/django/internal'
import type { Command } from 'commander'
import { findConfig, type StoreOptions, storeUrl, withSessionsAt } from '../config.ts'
import { type Check, type Diagnosis, diagnose } from '../doctor/doctor.ts'
import { printDiagnosis } from '../doctor/print.ts'
import { loadEnv } from '../environment.ts'
import { EXIT, Failure, messageOf, misuse } from '../failure.ts'
import { wholeNumber, withExamples, withStoreOptions } from '../options.ts'
import { json, note } from '../output.ts'

interface Options extends StoreOptions {
  readonly url?: string
  readonly backup?: readonly string[]
  readonly strict?: true
  readonly accept?: readonly string[]
  readonly all?: true
  readonly timeout?: number
  readonly json?: true
}

export function doctor(program: Command): void {
  const command = withStoreOptions(program.command('doctor'))
    .summary('say what weakens this deployment, and what mends it')
    .description(
      'Looks at the settings and rights of the store, the clock, expired rows, the secrets and who else has them, and the cookie; with --url also at the running site, and with --backup at backups. Each finding is red (a promise is broken), amber (one is weakened), unknown or green, and says what mends it. It writes nothing. Run it where the application runs, as its user. With --store it cannot look at the cookie.',
    )
    .option('--url <url>', 'visit the running application, with a few requests', siteUrl)
    .option('--backup <file...>', 'look for session rows in these backups')
    .option('-v, --all', 'print what is green, too')
    .option('--strict', 'end with code 1 also for what is amber or unknown')
    .option('--accept <check...>', 'do not count these findings, which are known')
    .option('--timeout <ms>', 'for each part of a store, and each request (default: 5000)', wholeNumber)
    .action(run)
  withExamples(
    command,
    'strongroom doctor',
    'strongroom doctor --url https://shop.example/login --backup nightly.sql.gz',
    'strongroom doctor --store env:DATABASE_URL --strict --accept node-env --json',
  )
}

async function run(options: Options): Promise<void> {
  const diagnosis = await diagnosisFor(options)
  if (options.json) json(diagnosis)
  else printDiagnosis(diagnosis, options)
  noteUnmatched(diagnosis, options.accept ?? [])
  const failing = options.strict ? ['red', 'amber', 'unknown'] : ['red']
  const counts = ({ name, level }: Check) => failing.includes(level) && !options.accept?.includes(name)
  // What there is to say is printed already.
  if (diagnosis.checks.some(counts)) throw new Failure(EXIT.failed, '')
}

/** A name that is misspelt accepts nothing, and one whose finding is mended would accept the next one, which nobody knows yet. */
function noteUnmatched({ checks }: Diagnosis, accepted: readonly string[]): void {
  const findings = [...new Set(checks.filter(({ level }) => level !== 'green').map(({ name }) => name))]
  const known = findings.join(', ') || 'none'
  for (const [i, name] of accepted.entries()) {
    if (findings.includes(name)) continue
    // What is no name of a check is not repeated: it may be a secret, in the wrong place.
    const what = checks.some((check) => check.name === name)
      ? `--accept ${name} accepts nothing: that check is green`
      : `name ${i + 1} of --accept accepts nothing: no check of that name was made`
    note(`warning: ${what}. Findings: ${known}.`)
  }
}

async function diagnosisFor(options: Options): Promise<Diagnosis> {
  const store = await storeUrl(options)
  // Resolved now, because a config is loaded in its own folder.
  const given = {
    url: options.url,
    backups: options.backup?.map((file) => (file === '-' ? file : resolve(file))),
    timeout: options.timeout,
    envFile: options.env === undefined ? undefined : resolve(options.env),
  }
  if (store === null) return diagnoseConfig(options, given)
  if (isDjangoUrl(store))
    throw misuse('The doctor looks at stores of Strongroom. For a Django, run its own: python manage.py check --deploy')
  loadEnv(process.cwd(), options.env)
  return diagnose(store, given)
}

type Given = NonNullable<Parameters<typeof diagnose>[1]>

/** A config that cannot be loaded is a finding, too, and the secrets and the site are looked at all the same. */
async function diagnoseConfig(options: Options, given: Given): Promise<Diagnosis> {
  const config = findConfig(options)
  const folder = config === null ? process.cwd() : dirname(config)
  let diagnosis: Diagnosis | null = null
  try {
    await withSessionsAt(null, { ...options, needs: [] }, async (sessions) => {
      diagnosis = await diagnose(sessions, { ...given, folder })
    })
  } catch (error) {
    if (config === null) throw error
    if (diagnosis === null) return withoutConfig(error, await diagnose(null, { ...given, folder }))
  }
  return diagnosis as unknown as Diagnosis
}

function withoutConfig(error: unknown, rest: Diagnosis): Diagnosis {
  const check = {
    name: 'config',
    about: 'application',
    level: 'red',
    what: messageOf(error),
    mend: 'Mend the config, and run this again: nothing is known about its store and its cookie.',
    docs: 'docs/doctor.md#application',
  } as const
  return { ...rest, checks: [check, ...rest.checks] }
}

/** Commander would repeat what was given, and that may have a password in it. */
function siteUrl(text: string): string {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return text
  throw misuse('--url must be like https://shop.example/login, without a user and a password.')
}
