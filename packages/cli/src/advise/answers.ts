import { engineFromUrl } from 'strongroom/internal'
import { PROPERTIES, type Property } from '../lab/report.ts'
import { ATTACKERS, type AttackerName } from './attackers.ts'
import { NEEDS, type Need } from './needs.ts'

/** Servers that may be there already. */
export const BACKENDS = ['postgres', 'mysql', 'redis', 'valkey', 'memcached'] as const
/** The name of a server that may be there already. */
export type Backend = (typeof BACKENDS)[number]

/** What the advisor needs to know. `answersFrom` fills in what was not answered. */
export interface Answers {
  /** What matters. Nothing is recommended that the lab shows as broken for one of them. */
  readonly properties: readonly Property[]
  /** Against whom; null for everybody. What only others can do does not rule an engine out, and is named as given up. */
  readonly attackers: readonly AttackerName[] | null
  readonly needs: readonly Need[]
  /** What is there already, and can be used. */
  readonly have: readonly Backend[]
  /** Where that is: a URL, or `env:NAME` for one in an environment variable. A placeholder is written where it is missing. */
  readonly urls: Readonly<Partial<Record<Backend, string>>>
  /** Machines that run the application, and processes on each. */
  readonly servers: number
  readonly processes: number
  /** Data of a large session as JSON, in bytes. */
  readonly bytes: number
  /** How long a session lives at most, and unused, in ms. */
  readonly lifetime: number
  readonly idle: number
  /** Sessions at a time; null when not known. */
  readonly sessions: number | null
  /** Per second: requests that use their session, and logins. Null when not known. */
  readonly requests: number | null
  readonly logins: number | null
  /** Of a hundred such requests, how many change the session. */
  readonly writes: number
  /** The machine that a server of sessions has: processors, and memory in GB. */
  readonly cores: number
  readonly memory: number
}

const DEFAULTS: Answers = {
  properties: [],
  attackers: null,
  needs: [],
  have: [],
  urls: {},
  servers: 1,
  processes: 1,
  bytes: 1024,
  lifetime: 12 * 3_600_000,
  idle: 30 * 60_000,
  sessions: null,
  requests: null,
  logins: null,
  writes: 10,
  cores: 8,
  memory: 32,
}

/** An answer that cannot be used. The message says which, and lists what is known. */
export class AnswersError extends Error {}

const LISTS = {
  properties: PROPERTIES,
  needs: Object.keys(NEEDS),
  have: BACKENDS,
  attackers: Object.keys(ATTACKERS),
} as const

/** Bounds of the numbers: what is outside of them is a slip. */
const BOUNDS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  servers: [1, 10_000],
  processes: [1, 1024],
  bytes: [0, 2 ** 28],
  lifetime: [1000, 400 * 86_400_000],
  idle: [1000, 400 * 86_400_000],
  sessions: [0, 1e12],
  requests: [0, 1e9],
  logins: [0, 1e9],
  writes: [0, 100],
  cores: [1, 1024],
  memory: [0.1, 1e6],
}
const WHOLE = ['servers', 'processes', 'bytes']

/** Fills in the defaults. Throws `AnswersError` for what is unknown or impossible. */
export function answersFrom(given: Readonly<Partial<Answers>>): Answers {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(DEFAULTS, name))
      throw new AnswersError(`There is no answer called "${name}". Known: ${Object.keys(DEFAULTS).join(', ')}.`)
  const answers: Answers = { ...DEFAULTS, ...defined(given) }
  for (const [name, known] of Object.entries(LISTS)) checkList(name, answers[name as keyof typeof LISTS], known)
  for (const [name, bounds] of Object.entries(BOUNDS)) checkNumber(name, answers[name as keyof Answers], bounds)
  for (const [name, url] of Object.entries(answers.urls)) checkUrl(name, url)
  return {
    ...answers,
    properties: [...new Set(answers.properties)],
    attackers: answers.attackers && isEverybody(answers.attackers) ? null : answers.attackers,
    needs: [...new Set(answers.needs)],
    have: [...new Set(answers.have)],
    idle: Math.min(answers.idle, answers.lifetime),
  }
}

/** Nobody was left out, whatever the order. */
const isEverybody = (attackers: readonly AttackerName[]) =>
  LISTS.attackers.every((name) => attackers.includes(name as AttackerName))

const defined = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T

function checkList(name: string, given: unknown, known: readonly string[]): void {
  if (name === 'attackers' && given === null) return
  if (!Array.isArray(given)) throw new AnswersError(`"${name}" must be a list of these: ${known.join(', ')}.`)
  const unknown = given.find((each) => !known.includes(each))
  // What was given is not repeated: it may be a URL with a password, in the wrong place.
  if (unknown !== undefined)
    throw new AnswersError(`"${name}" has an entry that is not known. Known: ${known.join(', ')}.`)
}

function checkNumber(name: string, given: unknown, [least, most]: readonly [number, number]): void {
  if (given === null && ['sessions', 'requests', 'logins'].includes(name)) return
  const isFine = typeof given === 'number' && given >= least && given <= most
  if (isFine && (!WHOLE.includes(name) || Number.isInteger(given))) return
  const kind = WHOLE.includes(name) ? 'a whole number' : 'a number'
  throw new AnswersError(`"${name}" must be ${kind} from ${least} to ${most}.`)
}

const SCHEMES: Readonly<Record<Backend, RegExp>> = {
  postgres: /^postgres(?:ql)?:\/\//,
  mysql: /^(?:mysql|mariadb):\/\//,
  redis: /^rediss?(?:\+\w+)?:\/\//,
  valkey: /^(?:valkey|redis)s?(?:\+\w+)?:\/\//,
  memcached: /^memcached:\/\//,
}

/** It becomes part of a file that is printed and committed. No message repeats it. */
function checkUrl(name: string, url: unknown): void {
  checkList('urls', [name], BACKENDS)
  const { [name as Backend]: scheme } = SCHEMES
  if (typeof url === 'string' && /^env:[A-Za-z_]\w*$/.test(url)) return
  if (typeof url !== 'string' || !scheme.test(url))
    throw new AnswersError(
      `The URL of ${name} must begin with its scheme, or be env:NAME, for one in an environment variable.`,
    )
  if (hasSecret(name, url))
    throw new AnswersError(
      `The URL of ${name} has a password, and would be written into the config. Write ${name}=env:NAME instead.`,
    )
  if (!isUsable(url))
    throw new AnswersError(
      `The URL of ${name} cannot be used: the engine does not know its form, or one of its options. Write ${name}=env:NAME instead if it has a password.`,
    )
}

/**
 * A password that is not encoded may have a slash, a question mark or a hash in it. A user alone says nothing to Redis, so that it is a
 * password in the wrong place.
 */
function hasSecret(name: string, url: string): boolean {
  const [address = ''] = url.replace(/^[^:]*:\/\//, '').split('?')
  const hasUser = address.includes('@')
  return (
    /:.*@/s.test(url.replace(/^[^:]*:\/\//, '')) ||
    (hasUser && (name === 'redis' || name === 'valkey')) ||
    /[?&][^=&]*(?:pass(?!file)|pwd|secret|token)[^=&]*=|[?&]auth=/i.test(url)
  )
}

/** As the config would open it; nothing is connected. */
function isUsable(url: string): boolean {
  try {
    const engine = engineFromUrl(url)
    void Promise.resolve('kind' in engine ? undefined : engine.close()).catch(() => {})
    return true
  } catch {
    return false
  }
}
