import { ConfigError, StoreError } from '../../errors.ts'
import { tlsAdvice } from '../shared/tls.ts'

/** What to do about an error of Redis, by the first word of its message. */
const ADVICE: Readonly<Record<string, string>> = {
  OOM: 'Redis is out of memory and rejects writes. Raise maxmemory.',
  READONLY: 'This Redis server is a replica and rejects writes. The client has to connect to the new master.',
  LOADING: 'Redis is still loading its data. Try again when it has finished.',
  CLUSTERDOWN: 'The Redis Cluster is down: some of its slots have no master.',
  MASTERDOWN: 'This Redis server is a replica that has lost its master.',
  MOVED: 'The Redis Cluster has moved this slot, and the client has not found its new node.',
  ASK: 'The Redis Cluster is moving this slot, and the client has not found its new node.',
  TRYAGAIN: 'The Redis Cluster is moving this slot. Try again.',
  CROSSSLOT: 'This Redis server belongs to a cluster. Pass a cluster client, or write the URL as redis+cluster://.',
  MISCONF: 'Redis cannot save to disk and rejects writes. Its log says why.',
  NOREPLICAS: 'Redis has too few replicas (min-replicas-to-write) and rejects writes.',
  BUSY: 'Redis is busy with a script that does not end.',
  NOAUTH:
    'Redis requires a password. Let the application read a URL with the password, like redis://:password@host:6379, from an environment variable; the command line also reads REDISCLI_AUTH.',
  WRONGPASS: 'Redis rejected the user name or the password.',
  NOPERM:
    'Redis does not permit this user a command that sessions need. The documentation of strongroom/redis lists them.',
  WRONGTYPE: 'A key under the prefix of the sessions belongs to something else. Give sessions a prefix of their own.',
}

/** What Redis says under the word ERR, which has no meaning of its own. */
const WITHOUT_CODE: readonly (readonly [RegExp, string])[] = [
  [
    /\bAUTH\b.*without any password configured/,
    'The URL or the client has a password for Redis, which has none for that user. Leave it out, or name the user.',
  ],
]

const lost = (to: string) => `the connection${to} was lost`
const noRoute = (to: string) => `there is no route${to || ' to it'}`

/** What the codes of Node mean; `to` is " to host:port", or empty. */
const NETWORK: Readonly<Record<string, (to: string) => string>> = {
  ECONNREFUSED: (to) => `the connection${to} was refused`,
  ETIMEDOUT: (to) => `the connection${to} timed out`,
  ECONNRESET: lost,
  EPIPE: lost,
  EHOSTUNREACH: noRoute,
  ENETUNREACH: noRoute,
  ENOTFOUND: () => 'its host was not found',
  EAI_AGAIN: () => 'its host was not found',
}

/** What the clients say in words of their own, without a code. */
const OF_CLIENTS: readonly (readonly [RegExp, string])[] = [
  [/^All sentinels are unreachable/, 'no sentinel can be reached'],
  [/^Failed to refresh slots cache/, 'no node of the cluster can be reached'],
  [/^(?:Protocol error, got |Unknown RESP type )/, 'what answers there is not Redis'],
  [/^The client is closed/, 'the client was never connected, or is closed: call await client.connect() first'],
  [/enableOfflineQueue options is false/, 'the client is not connected, and its enableOfflineQueue is off'],
  [/^(?:Connection is closed|Socket closed unexpectedly|Reached the max retries per request)/, lost('')],
]

function unreachable(error: unknown): string {
  const what = whatHappened(error)
  return `Redis cannot be reached${what && `: ${what}`}. Check that it is running, and check its address.`
}

/** What has become of the connection, for people; empty if that is not known. Never the text of the error itself. */
function whatHappened(error: unknown): string {
  const { code, message, errors } = (error ?? {}) as Record<string, unknown>
  // A host with several addresses: one error for each.
  if (Array.isArray(errors) && errors.length > 0) return whatHappened(errors[0])
  const known = NETWORK[String(code)]
  if (known) return known(toAddress(error as object))
  return OF_CLIENTS.find(([pattern]) => pattern.test(String(message)))?.[1] ?? ''
}

/** " to host:port", as Node's errors have it. */
function toAddress(error: object): string {
  const { address, port } = error as { address?: unknown; port?: unknown }
  if (typeof address !== 'string' || typeof port !== 'number') return ''
  return ` to ${address.includes(':') ? `[${address}]` : address}:${port}`
}

/**
 * Turns an error of a driver into a `StoreError`. Drivers attach commands and arguments to their errors, and with them session
 * data: of the original, only a cleaned message stays, as the cause. `connectionError` explains more than the error of a
 * command that failed for want of a connection.
 */
export function storeError(error: unknown, connectionError?: unknown): Error {
  if (error instanceof StoreError || error instanceof ConfigError) return error
  if (isNoDatabase(error) || isNoDatabase(connectionError)) return noDatabase()
  const cause = clean(error)
  const advice = adviceOn(error)
  if (advice) return new StoreError(advice, { cause })
  if (connectionError)
    return new StoreError(adviceOn(connectionError) ?? unreachable(connectionError), {
      cause: clean(connectionError),
    })
  const isOutage = isNetwork(cause) || whatHappened(error) !== ''
  return new StoreError(isOutage ? unreachable(error) : 'A call to Redis failed. The cause says why.', { cause })
}

/** By the first word of Redis, or the code of Node. */
function adviceOn(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  const [, known] = WITHOUT_CODE.find(([pattern]) => pattern.test(String((error as Error | undefined)?.message))) ?? []
  return ADVICE[codeOf(error)] ?? known ?? tlsAdvice('Redis', code)
}

/** `isConnected` where the client keeps the errors of its connection to itself. */
export function timeoutError(ms: number, connectionError: unknown, isConnected = true): Error {
  if (isNoDatabase(connectionError)) return noDatabase()
  const advice = adviceOn(connectionError)
  if (advice) return new StoreError(advice, { cause: clean(connectionError) })
  const what = whatHappened(connectionError) || (isConnected ? '' : 'the client is not connected')
  // A server that expects no TLS waits for the end of what it takes for a command.
  const tls = isConnected ? '' : ' Check that both sides use TLS (rediss:), or neither.'
  const message = `Redis did not answer within ${ms} ms${what && `: ${what}`}. Check that it is running and can be reached.${tls}`
  return new StoreError(message, connectionError ? { cause: clean(connectionError) } : undefined)
}

/** In these words, Redis and Valkey refuse SELECT. */
const isNoDatabase = (error: unknown) => /\bDB index\b/i.test(String((error as Error | undefined)?.message))

const noDatabase = () =>
  new ConfigError(
    'redis(): the server has no database of the number that the URL ends with, or that the client has as its db or database. Use another one, or raise "databases" in its configuration.',
  )

/** The first word of an error of Redis, which says what kind it is: "NOSCRIPT", "OOM". */
export function codeOf(error: unknown): string {
  return /^-?([A-Z]+)\b/.exec((error as Error | undefined)?.message ?? '')?.[1] ?? ''
}

function isNetwork(error: object): boolean {
  return 'code' in error && /^E[A-Z]+$/.test(String(error.code))
}

/** The same error without the values that it quotes. */
function clean(error: unknown): Error {
  const { message, code, errors, lastNodeError } = (error ?? {}) as Record<string, unknown>
  const inner = lastNodeError ?? (Array.isArray(errors) ? errors[0] : undefined)
  const text = (message === '' ? undefined : message) ?? (inner as Error | undefined)?.message ?? 'unknown'
  const known = String(text)
    .replace(/,? with args beginning with.*/s, '')
    .replace(/\/\/[^@/\s]*@/g, '//')
    .replace(/(['"`]).*?\1/gs, '…')
    .replace(/[0-9a-f]{32,}/gi, '…')
    .slice(0, 200)
  const cause = new Error(known, inner ? { cause: clean(inner) } : undefined)
  return typeof code === 'string' ? Object.assign(cause, { code }) : cause
}
