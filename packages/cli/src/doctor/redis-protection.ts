import type { Check, Topic } from './check.ts'
import { reachOf } from './network.ts'

/** What decides who reaches a Redis, and who is let in. */
export interface Listening {
  /** "Redis" or "Valkey". */
  readonly server: string
  /** `redis_version` of INFO, which Valkey has, too: the Redis that it behaves like. "" if it is not told. */
  readonly version: string
  /** Of CONFIG GET; null where that is forbidden. */
  readonly mode: string | null
  readonly bind: string | null
  /** Does it do what somebody without a password asks? Null if that is not known. */
  readonly isOpen: boolean | null
  /** Did it do so for a connection that came in from a network? */
  readonly isOpenFromNetwork: boolean
}

const ADVICE = 'In redis.conf: requirepass, or users with ACL SETUSER; and the password in the URL of the store.'

export function authCheck(topic: Topic, listening: Listening): Check {
  const name = 'redis-auth'
  const { server, isOpen } = listening
  if (isOpen === null)
    return topic.unknown(name, `${server} could not be asked without a password, and does not show its ACL.`, ADVICE)
  if (!isOpen) return topic.green(name, `${server} does nothing for anyone without a password.`)
  const beyond = isOpenBeyond(listening)
  if (beyond)
    return topic.red(
      name,
      `${server} listens to a network and asks for no password: anyone who reaches its port can end, copy and roll back sessions.`,
      ADVICE,
    )
  const others = beyond === null ? ' Whether it answers other machines, too, is not known.' : ''
  return topic.amber(
    name,
    `${server} asks for no password: every program on its machine can end and copy sessions.${others}`,
    ADVICE,
  )
}

export function protectedCheck(topic: Topic, listening: Listening): Check {
  const name = 'redis-protected-mode'
  const { server, mode, bind, isOpen } = listening
  if (mode === null) return topic.unknown(name, 'protected-mode is not known: CONFIG GET is forbidden on this server.')
  if (isOpen === false) return topic.green(name, `protected-mode is ${mode}, and ${server} asks for a password.`)
  if (mode === 'yes') return modeCheck(topic, name, listening)
  if (isOpen === null)
    return topic.unknown(
      name,
      `protected-mode is ${mode}, and whether ${server} asks for a password is not known.`,
      ADVICE,
    )
  const mend = 'CONFIG SET protected-mode yes, CONFIG REWRITE; and set a password.'
  if (isBoundBeyond(listening) === false)
    return topic.amber(name, `protected-mode is ${mode}: nothing but bind (${bind}) keeps other machines out.`, mend)
  return topic.red(name, `protected-mode is ${mode}: without a password, the server also answers other machines.`, mend)
}

function modeCheck(topic: Topic, name: string, listening: Listening): Check {
  const { bind, version } = listening
  if (doesProtect(listening)) return topic.green(name, 'protected-mode is yes.')
  const beyond = isBoundBeyond(listening)
  if (beyond === false) return topic.green(name, `protected-mode is yes, and bind (${bind}) keeps other machines out.`)
  if (beyond === null || version === '')
    return topic.unknown(
      name,
      `protected-mode is yes. Before Redis 7 it protects only where bind is not set; ${beyond === null ? 'bind' : 'the version'} is not known here.`,
      ADVICE,
    )
  return topic.red(
    name,
    `protected-mode is yes, but Redis ${version} does not heed it where bind is set (${bind}): it answers other machines.`,
    `${ADVICE} Or Redis 7 or later.`,
  )
}

/**
 * Redis 7.0 made protected-mode independent of bind (redis/redis#9034): it lets in loopback addresses and Unix sockets only, as long as the
 * default user has no password. Before, it did nothing where bind names any address, such as 0.0.0.0. Null if that is not known.
 */
function doesProtect({ version, mode, bind }: Listening): boolean | null {
  if (mode === null) return null
  if (mode !== 'yes') return false
  if (bind === '' || isSeven(version)) return true
  return bind === null || version === '' ? null : false
}

const isSeven = (version: string) => Number.parseInt(version, 10) >= 7

/** Does it listen to more than its own machine? Null if that is not known. */
function isBoundBeyond({ version, bind }: Listening): boolean | null {
  if (bind === null) return null
  // Without any address, Redis 7 listens to none, and an earlier one to all.
  if (bind === '') return version === '' ? null : !isSeven(version)
  // An address may have a "-" before it, for "if there is such an address".
  return bind
    .split(/\s+/)
    .filter(Boolean)
    .some((each) => reachOf(each.replace(/^-/, '')) !== 'machine')
}

/** Does it answer other machines without a password? */
function isOpenBeyond(listening: Listening): boolean | null {
  if (listening.isOpenFromNetwork) return true
  const [beyond, protects] = [isBoundBeyond(listening), doesProtect(listening)]
  if (beyond === false || protects) return false
  return beyond === null || protects === null ? null : true
}
