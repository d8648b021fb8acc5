import { InvalidArgumentError } from 'commander'
import { milliseconds } from 'strongroom/internal'
import { type Answers, ATTACKERS, BACKENDS, type Backend, flagOf, NEEDS } from '../advise/index.ts'
import { misuse } from '../failure.ts'
import { PROPERTIES } from '../lab/report.ts'

/** The options of `advise` that are answers, as they are parsed. */
export interface AdviceFlags {
  readonly property?: readonly string[]
  readonly against?: readonly string[]
  readonly need?: readonly string[]
  readonly have?: readonly string[]
  readonly servers?: number
  readonly processes?: number
  readonly bytes?: number
  readonly lifetime?: number
  readonly idle?: number
  readonly sessions?: number
  readonly requests?: number
  readonly logins?: number
  readonly writes?: number
  readonly cores?: number
  readonly memory?: number
}

const names = {
  property: PROPERTIES.map(flagOf),
  against: Object.keys(ATTACKERS),
  need: Object.keys(NEEDS),
} as const

/** Names after each other, or separated by commas. Commander calls this for each word. */
const namesOf =
  (known: readonly string[]) =>
  (text: string, before: readonly string[] = []): string[] => {
    const words = text.split(',').filter(Boolean)
    if (words.some((word) => !known.includes(word))) throw new InvalidArgumentError(`Known: ${known.join(', ')}.`)
    return [...before, ...words]
  }

/** Commander would repeat what was given, and that may be a URL with a password. */
function backendsOf(text: string, before: readonly string[] = []): string[] {
  const words = text.split(',').filter(Boolean)
  if (words.every((word) => (BACKENDS as readonly string[]).includes(nameOf(word)))) return [...before, ...words]
  throw misuse(`--have takes these, each also with its URL, as in redis=env:REDIS_URL: ${BACKENDS.join(', ')}.`)
}

function numberOf(text: string): number {
  const value = Number(text.replaceAll('_', ''))
  if (/^[\d._e+]+$/i.test(text) && Number.isFinite(value)) return value
  throw new InvalidArgumentError('It must be a number, such as 1000 or 2.5.')
}

function wholeOf(text: string): number {
  const value = numberOf(text)
  if (Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('It must be a whole number.')
}

function durationOf(text: string): number {
  try {
    return milliseconds(text as `${number}h`, 'duration')
  } catch {
    throw new InvalidArgumentError('It must be a duration, such as 90s, 30m, 12h or 14d.')
  }
}

const nameOf = (entry: string) => entry.split('=', 1)[0] as string

export const parsers = {
  names,
  property: namesOf(['all', ...names.property]),
  against: namesOf(names.against),
  need: namesOf(names.need),
  have: backendsOf,
  number: numberOf,
  whole: wholeOf,
  duration: durationOf,
}

/** What the options answer; `properties` is missing where `--property` is. */
export function answersIn(flags: AdviceFlags): Partial<Answers> {
  const { property, against, need, have, ...rest } = flags
  const { servers, processes, bytes, lifetime, idle, sessions, requests, logins, writes, cores, memory } = rest
  const counts = { servers, processes, bytes, lifetime, idle, sessions, requests, logins, writes, cores, memory }
  const answers = {
    properties: property && PROPERTIES.filter((each) => isChosen(property, flagOf(each), servers ?? 1)),
    attackers: against,
    needs: need,
    have: have?.map(nameOf),
    urls: have && urlsIn(have),
    ...counts,
  }
  return Object.fromEntries(Object.entries(answers).filter(([, value]) => value !== undefined)) as Partial<Answers>
}

/** All that an application on this many servers can mean. */
function isChosen(chosen: readonly string[], name: string, servers: number): boolean {
  return chosen.includes(name) || (chosen.includes('all') && (name !== 'shared' || servers > 1))
}

function urlsIn(have: readonly string[]): Partial<Record<Backend, string>> {
  const urls = have
    .filter((entry) => entry.includes('='))
    .map((entry) => [nameOf(entry), entry.slice(entry.indexOf('=') + 1)])
  return Object.fromEntries(urls)
}
