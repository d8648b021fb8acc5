import { styleText } from 'node:util'
import { line, oneLine, redact } from '../output.ts'
import { type Check, type Diagnosis, LEVELS, type Level } from './check.ts'

const MARKS: Readonly<Record<Level, readonly [mark: string, color: 'red' | 'yellow' | 'cyan' | 'green']>> = {
  red: ['✗', 'red'],
  amber: ['!', 'yellow'],
  unknown: ['?', 'cyan'],
  green: ['✓', 'green'],
}

interface Options {
  /** Also what is green. */
  readonly all?: true
  readonly url?: string | undefined
  readonly backup?: readonly string[] | undefined
}

/** A line for each thing that was looked at, what was found below it, and a line that counts. */
export function printDiagnosis({ checks }: Diagnosis, { all, url, backup }: Options): void {
  for (const [about, found] of byAbout(checks)) {
    const worst = LEVELS.find((level) => found.some((check) => check.level === level)) ?? 'green'
    const greens = found.filter(({ level }) => level === 'green').length
    line(`${marked(worst)} ${styleText('bold', about)} (${greens} of ${found.length} green)`)
    for (const level of LEVELS)
      for (const check of found.filter((each) => each.level === level && (all || level !== 'green'))) draw(check)
  }
  line()
  line(`${countsOf(checks)}.`)
  for (const text of notLookedAt({ url, backup })) line(text)
}

function byAbout(checks: readonly Check[]): ReadonlyMap<string, readonly Check[]> {
  const all = new Map<string, Check[]>()
  for (const check of checks) all.set(check.about, [...(all.get(check.about) ?? []), check])
  return all
}

function draw({ name, level, what, mend, docs }: Check): void {
  const [mark, color] = MARKS[level]
  line(`  ${styleText(color, mark)} ${safe(what)} ${styleText('dim', `(${name})`)}`)
  if (mend !== null) line(`    → ${safe(mend)}`)
  if (level === 'red') line(styleText('dim', `      ${docs}`))
}

/** What a server, a config or a site has said may be in it. */
const safe = (text: string) => redact(oneLine(text))

const marked = (level: Level) => styleText(MARKS[level][1], `[${MARKS[level][0]}]`)

const countsOf = (checks: readonly Check[]) =>
  LEVELS.map((level) => `${checks.filter((check) => check.level === level).length} ${level}`).join(', ')

function* notLookedAt({ url, backup }: Options): Generator<string> {
  if (url === undefined)
    yield 'Not looked at: the running site. Name a page that begins a session: --url https://shop.example/login'
  if (!backup) yield 'Not looked at: backups. Which ones are made cannot be seen from here: --backup FILE'
}
