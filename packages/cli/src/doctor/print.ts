import { styleText } from 'node:util'
import { line, oneLine, redact, wrapped } from '../output.ts'
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
  /** Names of findings that are known, and do not count. */
  readonly accept?: readonly string[] | undefined
}

/** Prints a diagnosis. On a terminal its lines fit; for a pipe each finding is one line, which grep finds whole. */
export function printDiagnosis(diagnosis: Diagnosis, options: Options): void {
  const { isTTY, columns } = process.stdout
  for (const text of linesOf(diagnosis, { ...options, width: isTTY ? widthOf(columns) : Number.POSITIVE_INFINITY }))
    line(text)
}

/** A terminal that does not know its width says 0, and so does one that runs within a program. */
export const widthOf = (columns: number | undefined) => Math.max(40, Math.min(columns || 80, 100))

/** A line for each thing that was looked at, what was found below it, and a line that counts. */
export function* linesOf(
  { checks }: Diagnosis,
  { all, url, backup, accept = [], width }: Options & { readonly width: number },
): Generator<string> {
  const isAccepted = ({ name, level }: Check) => level !== 'green' && accept.includes(name)
  for (const [about, found] of byAbout(checks)) {
    const counted = found.filter((check) => !isAccepted(check))
    const worst = LEVELS.find((level) => counted.some((check) => check.level === level)) ?? 'green'
    const greens = found.filter(({ level }) => level === 'green').length
    const known = counted.length < found.length ? `, ${found.length - counted.length} accepted` : ''
    yield `${styleText(MARKS[worst][1], `[${MARKS[worst][0]}]`)} ${styleText('bold', about)} (${greens} of ${found.length} green${known})`
    for (const level of LEVELS)
      for (const check of counted.filter((each) => each.level === level && (all || level !== 'green')))
        yield* drawn(check, width)
  }
  yield ''
  yield* paragraph(summaryOf(checks, isAccepted), { width })
  for (const text of notLookedAt({ url, backup })) yield* paragraph(text, { width })
}

function byAbout(checks: readonly Check[]): ReadonlyMap<string, readonly Check[]> {
  const all = new Map<string, Check[]>()
  for (const check of checks) all.set(check.about, [...(all.get(check.about) ?? []), check])
  return all
}

function* drawn({ name, level, what, mend, docs }: Check, width: number): Generator<string> {
  const [mark, color] = MARKS[level]
  const head = `  ${styleText(color, mark)} `
  yield* paragraph(`${safe(what)} ${styleText('dim', `(${name})`)}`, { width, indent: 4, head })
  if (mend !== null) yield* mended(safe(mend), width)
  if (level === 'red') yield styleText('dim', `      ${docs}`)
}

/**
 * What is to be copied is never broken, because a shell would take its second line for another command. It is what follows the last colon of
 * a mend that is no sentence.
 */
function* mended(mend: string, width: number): Generator<string> {
  const [head, indent] = ['    → ', 6]
  if (mend.endsWith('.') || mend.length <= width - indent) return yield* paragraph(mend, { width, indent, head })
  const [, prose = '', command = ''] = /^(.*: )?(.*)$/s.exec(mend) ?? []
  if (prose === '') return yield `${head}${command}`
  yield* paragraph(prose.trim(), { width, indent, head })
  yield `${' '.repeat(indent)}${command}`
}

function* paragraph(
  text: string,
  { width, indent = 0, head = '' }: { readonly width: number; readonly indent?: number; readonly head?: string },
): Generator<string> {
  const lines = width === Number.POSITIVE_INFINITY ? [text] : wrapped(text, width - indent)
  for (const [i, each] of lines.entries()) yield `${i === 0 ? head : ' '.repeat(indent)}${each}`
}

/** What a server, a config or a site has said may be in it. */
const safe = (text: string) => redact(oneLine(text))

function summaryOf(checks: readonly Check[], isAccepted: (check: Check) => boolean): string {
  const accepted = checks.filter(isAccepted)
  const rest = checks.filter((check) => !isAccepted(check))
  if (checks.length === 0) return 'Nothing was looked at.'
  const isGood = rest.every(({ level }) => level === 'green')
  const counts = LEVELS.map((level) => `${rest.filter((check) => check.level === level).length} ${level}`).join(', ')
  const names = [...new Set(accepted.map(({ name }) => name))].join(', ')
  return [
    isGood ? `No issues found: ${rest.length} ${rest.length === 1 ? 'check is' : 'checks are'} green.` : `${counts}.`,
    ...(accepted.length > 0 ? [`Accepted, and not counted: ${names}.`] : []),
  ].join(' ')
}

function* notLookedAt({ url, backup }: Options): Generator<string> {
  if (url === undefined)
    yield 'Not looked at: the running site. Name a page that begins a session: --url https://shop.example/login'
  if (!backup) yield 'Not looked at: backups. Which ones are made cannot be seen from here: --backup FILE'
}
