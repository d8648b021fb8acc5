import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyBaseLogger } from 'fastify'
import type { Level } from 'pino'
import type { Listener, SessionEvent } from 'strongroom'

/** What somebody should look at is a warning, what an audit asks for is info, and what every request does is debug. */
const LEVELS: Readonly<Record<SessionEvent['type'], Level>> = {
  storeError: 'error',
  rejected: 'warn',
  superseded: 'warn',
  reused: 'warn',
  proofRefused: 'warn',
  signal: 'warn',
  guessing: 'warn',
  anonymousRefused: 'warn',
  limit: 'warn',
  mismatch: 'warn',
  gone: 'warn',
  loginFailed: 'warn',
  created: 'info',
  renewed: 'info',
  bound: 'info',
  revoked: 'info',
  expired: 'info',
  adopted: 'info',
  cleared: 'info',
  loaded: 'debug',
  updated: 'debug',
  touched: 'debug',
  absent: 'debug',
  upgraded: 'debug',
  conflict: 'debug',
}

/** The logger of the request that is under way; see the hook below. */
export const requestLog = new AsyncLocalStorage<FastifyBaseLogger>()

/** A listener for the option `on`. It logs with the logger of the request, which knows its id, and otherwise with `log`. */
export function logEvents(log: FastifyBaseLogger): Listener {
  return (event) => {
    const logger = requestLog.getStore() ?? log
    const write = logger[LEVELS[event.type]].bind(logger)
    write({ session: fieldsOf(event) }, `session ${event.type}`)
  }
}

/** pino would print an error with its causes, and a driver's error may quote a key or a query. Ours says what failed without that. */
function fieldsOf(event: SessionEvent): object {
  if (event.type !== 'storeError') return event
  const { error, ...rest } = event
  return { ...rest, error: { type: error.name, message: error.message } }
}
