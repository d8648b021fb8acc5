import type { StrongroomError } from '../../errors.ts'
import type { Outcome } from '../../request/visit.ts'
import { applyOutcome, fetchHeaders } from './outcome.ts'

/** The response with the headers that a session's outcome requires. */
export function withOutcome(response: Response, outcome: Outcome): Response {
  // What stands for a connection that failed has no headers, and nobody gets it.
  if (!outcome.used || response.status === 0) return response
  // A copy, because the headers of a redirect or of a fetched response cannot be changed, and those of one that is sent to several
  // visitors must not be.
  const copy = copyOf(response)
  applyOutcome(outcome, fetchHeaders(copy.headers))
  return copy
}

/** The response with headers of its own, and with the body of the given one, which is not to be sent any more. */
export function copyOf(response: Response): Response {
  // Made of the response itself: a runtime may have more in it than it shows, as Workers have its WebSocket.
  if (!IS_BUN || response.headers.has('content-type')) return new Response(response.body, response)
  // Bun gives a string its type when it is sent, and to a browser a string without one is a file to download: only a clone remembers that
  // it is a string. With one of its two branches cancelled, a stream is neither buffered for it nor left running when the visitor leaves.
  const copy = response.clone()
  response.body?.cancel().catch(() => {})
  return copy
}

const IS_BUN = 'Bun' in globalThis

/** With the status of what has failed, from a framework that has a 500 for whatever a handler throws. */
export function withFailure(response: Response, failure: StrongroomError | null): Response {
  if (response.status !== 500 || !failure || failure.status === 500) return response
  return new Response(response.body, { status: failure.status, headers: response.headers })
}
