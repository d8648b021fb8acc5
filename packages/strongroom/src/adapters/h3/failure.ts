import { shownOf } from '../shared/failure.ts'

/** As h3 understands it: HTTPError has one, and so have our own errors. */
export function statusOfError(error: unknown): number {
  const { status, statusCode = status } = Object(error) as { status?: unknown; statusCode?: unknown }
  const given = Number(statusCode)
  return Number.isInteger(given) && given >= 100 && given <= 599 ? given : 500
}

/** The same of what h3 2 was thrown: what is neither an error nor a status becomes a 500, a Response, too. */
export function statusOfThrown(thrown: unknown): number {
  if (typeof thrown === 'number') return statusOfError({ status: thrown })
  if (!(thrown instanceof Error)) return 500
  const { status, statusCode, cause } = thrown as { status?: unknown; statusCode?: unknown; cause?: unknown }
  const inner = Object(cause) as { status?: unknown; statusCode?: unknown }
  return statusOfError({ status: status || statusCode || inner.status || inner.statusCode })
}

/**
 * What h3 1 takes for one of its own errors, whichever copy of h3 it is: it looks at the class. A server error is `unhandled`, so that Nitro
 * logs it, and does not show its message.
 */
export class H3Failure extends Error {
  static readonly __h3_error__ = true
  readonly statusCode: number
  readonly unhandled: boolean
  readonly fatal = false

  constructor(cause: unknown) {
    super(shownOf(cause).publicMessage, { cause })
    this.statusCode = statusOfError(cause)
    this.unhandled = this.statusCode >= 500
  }
}
