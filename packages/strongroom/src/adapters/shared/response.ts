import type { StrongroomError } from '../../errors.ts'
import type { Outcome } from '../../request/visit.ts'
import { applyOutcome, fetchHeaders } from './outcome.ts'

/** The response with the headers that a session's outcome requires. */
export function withOutcome(response: Response, outcome: Outcome): Response {
  // What stands for a connection that failed has no headers, and nobody gets it.
  if (!outcome.used || response.status === 0) return response
  // A copy, because the headers of a redirect or of a fetched response cannot be changed, and those of one that is sent to several
  // visitors must not be. Made of the response itself: a runtime may have more in it than it shows, as Workers have its WebSocket.
  const copy = new Response(response.body, response)
  applyOutcome(outcome, fetchHeaders(copy.headers))
  return copy
}

/** With the status of what has failed, from a framework that has a 500 for whatever a handler throws. */
export function withFailure(response: Response, failure: StrongroomError | null): Response {
  if (response.status !== 500 || !failure || failure.status === 500) return response
  return new Response(response.body, { status: failure.status, headers: response.headers })
}
