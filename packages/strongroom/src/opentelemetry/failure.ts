import { codeOf } from '../backing/guard.ts'
import { StrongroomError } from '../errors.ts'

/** Causes of causes are looked at so far: a cause may be its own. */
const DEPTH = 5
/** The name of a class. What looks otherwise may be anything. */
const CLASS = /^[A-Z][A-Za-z\d_$]{0,60}$/

/**
 * What `error.type` says: the code of what failed first, such as ECONNREFUSED or an SQLSTATE, or else the class of the error. Both are
 * words of a list. `_OTHER` is the conventions' own for what is neither.
 */
export function errorTypeOf(error: unknown): string {
  let cause = error
  for (let depth = 0; depth < DEPTH && cause instanceof Error; depth++) {
    // The code of our own errors says less than their class.
    const code = cause instanceof StrongroomError ? '' : codeOf(cause)
    if (code) return code
    cause = cause.cause
  }
  return error instanceof Error && CLASS.test(error.name) ? error.name : '_OTHER'
}

/** Only of our own errors, which quote nothing. That of a driver may have the key, the query or the address in it. */
export const messageOf = (error: unknown): string | undefined =>
  error instanceof StrongroomError ? error.message : undefined
