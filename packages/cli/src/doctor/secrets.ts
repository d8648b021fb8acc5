import { createKeyring } from 'strongroom/internal'
import { messageOf } from '../failure.ts'
import { number } from '../format.ts'
import { type Check, Topic } from './check.ts'
import { envFileChecks, fileAge, keyFileChecks } from './env-file.ts'
import { endOf } from './examine.ts'
import { isInHistory, missingHistory, repositoryOf, trackedFilesWith } from './repository.ts'

/** Where the secrets may be found, and what they are compared with. Values never leave this file. */
export interface SecretPlaces {
  readonly environment: NodeJS.ProcessEnv
  /** Of the application: its repository is searched. */
  readonly folder: string
  /** The environment file of the application, whether or not it exists. */
  readonly envFile: string
  /** Of the store; null for a config. */
  readonly url: string | null
  /** Are these the secrets of the application? Without it, STRONGROOM_SECRETS are. */
  readonly isRing: ((secrets: string) => boolean) | null
  readonly now: () => number
  /** Which keys the stored sessions need, by key id; null when that could not be read. */
  readonly keyUse: () => Promise<ReadonlyMap<number, number> | null>
}

const STANDARD = 'STRONGROOM_SECRETS'
const NEW = 'npx @strongroom/cli keys new'

export async function examineSecrets(places: SecretPlaces): Promise<readonly Check[]> {
  const topic = new Topic('secrets', 'secrets')
  const name = variableOf(places)
  const { environment, url } = places
  const isProduction = environment.NODE_ENV === 'production'
  const urls = [url, ...Object.values(environment)].filter((each) => typeof each === 'string')
  const files = [
    ...(await envFileChecks(topic, places.envFile, isProduction)),
    ...(await keyFileChecks(topic, urls, isProduction)),
  ]
  if (name === null) {
    const what = places.isRing
      ? 'No variable of the environment has the secrets, so they could not be looked at: they come from a vault, or they are in the code.'
      : `${STANDARD} is not set here, so the secrets could not be looked at.`
    return [topic.unknown('secrets-source', what, `Set ${STANDARD} here, or name its file with --env FILE.`), ...files]
  }
  const list = (places.environment[name] ?? '').split(/[\s,]+/).filter(Boolean)
  return [
    topic.green('secrets-source', `The secrets are in the variable ${name}.`),
    strengthCheck(topic, list),
    reuseCheck(topic, list, { name, environment: places.environment }),
    ...(await rotationChecks(topic, list, places)),
    ...(await committedChecks(topic, list, places.folder)),
    ...files,
  ]
}

function variableOf({ environment, isRing }: SecretPlaces): string | null {
  if (!isRing) return environment[STANDARD] ? STANDARD : null
  const names = [STANDARD, ...Object.keys(environment)]
  return names.find((name) => isRing(environment[name] ?? '')) ?? null
}

function strengthCheck(topic: Topic, list: readonly string[]): Check {
  const check = 'secrets-strength'
  for (const [i, secret] of list.entries()) {
    try {
      createKeyring([secret])
    } catch (error) {
      // What it says after its first sentence is the mend.
      const [what = ''] = messageOf(error).split('. ')
      return topic.red(check, endOf(what.replace(/^Secret 1\b/, `Secret ${i + 1}`)), NEW)
    }
  }
  return topic.green(
    check,
    `${list.length === 1 ? 'The secret has' : `All ${list.length} secrets have`} at least 32 bytes, and no pattern.`,
  )
}

function reuseCheck(
  topic: Topic,
  list: readonly string[],
  { name, environment }: { readonly name: string; readonly environment: NodeJS.ProcessEnv },
): Check {
  const check = 'secrets-reused'
  const twice = list.findIndex((secret, i) => list.indexOf(secret) !== i)
  if (twice >= 0)
    return topic.red(
      check,
      `Secrets ${list.indexOf(list[twice] ?? '') + 1} and ${twice + 1} are the same, so nothing was rotated.`,
      `Replace the first by the output of ${NEW}.`,
    )
  const others = Object.keys(environment).filter(
    (other) => other !== name && list.some((secret) => secret.length >= 16 && environment[other]?.includes(secret)),
  )
  if (others.length === 0) return topic.green(check, 'No other variable has one of these secrets.')
  return topic.red(
    check,
    `The variable ${others.join(', ')} has one of these secrets, too: a hole in what uses it opens the sessions.`,
    `Give each use a secret of its own: ${NEW}`,
  )
}

const YEAR = 365
const DAY = 86_400_000

async function rotationChecks(topic: Topic, list: readonly string[], places: SecretPlaces): Promise<readonly Check[]> {
  const age = fileAge(places.envFile, list, places.now())
  return [
    ageCheck(topic, age === null ? null : Math.floor(age / DAY), list.length),
    await retiredCheck(topic, list, places),
  ]
}

/** `days` is how old the first secret is at least; null if nothing says that. */
function ageCheck(topic: Topic, days: number | null, count: number): Check {
  const check = 'secrets-age'
  if (days !== null && days >= YEAR)
    return topic.amber(
      check,
      `The current secret is at least ${number(days)} days old: its file has not been changed since.`,
      `Put the output of ${NEW} before it, and remove the old one when keys list --count says that no session needs it.`,
    )
  if (count > 1) return topic.green(check, 'There are retired secrets, so the current one was made later than they.')
  return topic.unknown(
    check,
    days === null
      ? 'Nothing says how old the secret is.'
      : `Nothing says how old the secret is: its file was changed ${number(days)} days ago.`,
  )
}

async function retiredCheck(topic: Topic, list: readonly string[], { keyUse }: SecretPlaces): Promise<Check> {
  const check = 'secrets-retired'
  if (list.length === 1) return topic.green(check, 'There is no retired secret.')
  const kids = list.map(kidOf)
  const use = await keyUse().catch(() => null)
  if (use === null)
    return topic.unknown(
      check,
      'Whether sessions need the retired secrets could not be read from the store.',
      'npx @strongroom/cli keys list --count',
    )
  const idle = kids.flatMap((kid, i) => (i > 0 && kid !== null && !use.has(kid) ? [i + 1] : []))
  if (idle.length === 0) return topic.green(check, 'Sessions need each of the retired secrets.')
  const which = `Secret ${idle.join(' and ')}`
  return topic.amber(
    check,
    `${which} ${idle.length === 1 ? 'is' : 'are'} retired, and no stored session needs ${idle.length === 1 ? 'it' : 'them'}: a leak of it still opens old backups.`,
    'Remove it when npx @strongroom/cli keys list --count says so, too; then run keys forget with its key id.',
  )
}

function kidOf(secret: string): number | null {
  try {
    return createKeyring([secret]).current.kid
  } catch {
    return null
  }
}

/** A secret as it is, and in the base64 of a manifest of Kubernetes or the like, whatever stands before it there, and in hexadecimal. */
function spellingsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  const inBase64 = [0, 1, 2].map((before) => {
    const all = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    // Without the characters that it shares with what is before and after it.
    return all.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })
  const hex = bytes.toString('hex')
  return [secret, ...inBase64, hex, hex.toUpperCase()]
}

async function committedChecks(topic: Topic, list: readonly string[], folder: string): Promise<readonly Check[]> {
  const check = 'secrets-committed'
  // A short one may be a word that is everywhere; that it is short is red already.
  const wanted = list.filter(({ length }) => length >= 16)
  if (wanted.length === 0) return [topic.unknown(check, 'The secrets are too short to be looked for.')]
  const repository = await repositoryOf(folder)
  if (repository.kind === 'unknown') return [topic.unknown(check, repository.reason)]
  if (repository.kind === 'none') return [topic.green(check, 'The application is in no git repository.')]
  const mend = `Everyone who has the repository has the secret. Replace it (${NEW}), then run npx @strongroom/cli revoke-everybody.`
  const spelt = wanted.flatMap(spellingsOf)
  const files = await trackedFilesWith(repository.root, spelt)
  if (files === null) return [topic.unknown(check, 'git could not search the tracked files.')]
  if (files.length > 0)
    return [topic.red(check, `A secret is in a file that git tracks: ${files.slice(0, 3).join(', ')}.`, mend)]
  return [
    topic.green(check, 'No file that git tracks has one of the secrets.'),
    await historyCheck(topic, repository.root, { spelt, mend }),
  ]
}

interface Searched {
  readonly spelt: readonly string[]
  readonly mend: string
}

async function historyCheck(topic: Topic, root: string, { spelt, mend }: Searched): Promise<Check> {
  const check = 'secrets-history'
  const isThere = await isInHistory(root, spelt)
  if (isThere) return topic.red(check, 'A secret was committed once: it is in the history of the repository.', mend)
  const missing = await missingHistory(root)
  if (missing === 'commits')
    return topic.unknown(
      check,
      'This is a shallow clone, so most of the history is not here to be searched.',
      'git fetch --unshallow',
    )
  if (missing === 'files')
    return topic.unknown(
      check,
      'This is a partial clone, so files of the history are not here to be searched.',
      'Run this in a clone that was made without --filter.',
    )
  if (isThere === null || missing === null)
    return topic.unknown(check, 'The history of the repository is too long to be searched here.', 'gitleaks detect')
  return topic.green(check, 'No version in the history of the repository has one of the secrets.')
}
