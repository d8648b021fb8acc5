import { ConfigError, StoreError } from '../../errors.ts'

/** What the first word of an error of Redis means to whoever has to do something about it. */
const ADVICE: Readonly<Record<string, string>> = {
  OOM: 'Redis is out of memory and refuses writes: raise maxmemory.',
  READONLY: 'This Redis is a replica and refuses writes; the client has to find the new master.',
  LOADING: 'Redis is loading its data and does not answer yet.',
  CLUSTERDOWN: 'The Redis Cluster is down: not all of its slots have a master.',
  MASTERDOWN: 'This Redis is a replica that has lost its master.',
  MOVED: 'The Redis Cluster has moved this slot, and the client has not found it.',
  ASK: 'The Redis Cluster is moving this slot, and the client has not found it.',
  TRYAGAIN: 'The Redis Cluster is moving this slot.',
  CROSSSLOT: 'This Redis is a cluster: hand in a cluster client, or write the URL as redis+cluster://.',
  MISCONF: 'Redis cannot save to its disk and refuses writes.',
  NOREPLICAS: 'Redis has too few replicas and refuses writes (min-replicas-to-write).',
  BUSY: 'Redis is busy with a script that does not end.',
  NOAUTH: 'Redis wants a password.',
  WRONGPASS: 'Redis refused the password.',
  NOPERM: 'Redis does not permit this user what sessions need: see the page of this engine.',
  WRONGTYPE: 'Under the prefix of the sessions there is a key of something else.',
}

const REACH = 'Redis cannot be reached. Check that it runs, and its address.'

/**
 * An error that tells what happened, and nothing that drivers attach: commands, arguments, and so the payload itself.
 * `trouble` is what was last wrong with the connection: clients say of a command only that it had none.
 */
export function unanswered(error: unknown, trouble?: unknown): Error {
  if (error instanceof StoreError || error instanceof ConfigError) return error
  const cause = clean(error)
  const answered = ADVICE[wordOf(cause)]
  if (answered) return new StoreError(answered, { cause })
  if (trouble) return new StoreError(ADVICE[wordOf(trouble)] ?? REACH, { cause: clean(trouble) })
  return new StoreError(isNetwork(cause) ? REACH : 'Redis did not answer; what came instead is the cause.', { cause })
}

export function tooLate(ms: number, trouble: unknown): StoreError {
  const message = `Redis did not answer within ${ms} ms. Check that it runs and can be reached.`
  return new StoreError(message, trouble ? { cause: clean(trouble) } : undefined)
}

function isNetwork(error: object): boolean {
  return 'code' in error && /^E[A-Z]+$/.test(String(error.code))
}

/** The first word of what Redis says of an error: "NOSCRIPT", "OOM". */
export function wordOf(error: unknown): string {
  return /^-?([A-Z]+)\b/.exec((error as Error | undefined)?.message ?? '')?.[1] ?? ''
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
