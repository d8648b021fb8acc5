import { functionOption, insteadOf } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'

/**
 * Throws `ConfigError` unless these are sessions, so that a mistake is found when the adapter is made, and not by its first visitor.
 * `example` is how the adapter is used.
 */
export function checkSessions(example: string, given: unknown): void {
  if (has(given, 'open') && has(given, 'attach')) return
  throw new ConfigError(
    `An adapter of strongroom takes sessions: const sessions = createSessions({ … }), then ${example}.${whatIsWrong(given)}`,
  )
}

/** Throws `ConfigError` unless it is a function; `example` is where it belongs. */
export function checkHandler(example: string, given: unknown): void {
  if (typeof given !== 'function') throw new ConfigError(`withSessions() takes a handler: write ${example}.`)
}

/** Throws `ConfigError` unless the option of that name is a function or was left out; `where` takes it. */
export function checkFunction(name: string, where: string, given: unknown): void {
  functionOption(`Option "${name}" of ${where}`, given, undefined)
}

function whatIsWrong(given: unknown): string {
  if (given === undefined || given === null) return ` It got ${given}: is the variable set, and exported?`
  if (typeof given === 'function' && 'sessions' in given)
    return ' It got the middleware of strongroom/express-session: pass its property "sessions".'
  // Express and Hono call what they are given with the request.
  if (typeof given === 'object' && ('headers' in given || 'req' in given))
    return ' It got a request: it was mounted itself, instead of what it returns.'
  if (has(given, 'register') && has(given, 'addHook'))
    return ' It got an application: it was registered itself, instead of what it returns.'
  return insteadOf(given) || ' It got something else.'
}

const has = (given: unknown, method: string) =>
  typeof (given as Readonly<Record<string, unknown>> | null | undefined)?.[method] === 'function'
