import { parseJson } from '../../base/json.ts'
import type { StrongroomError } from '../../errors.ts'

/** Astro's names for the statuses that our errors have. */
const CODES: Readonly<Record<number, string>> = { 409: 'CONFLICT', 503: 'SERVICE_UNAVAILABLE' }

/**
 * Astro sends the message of whatever an action throws to the visitor. That of a store names its host and port: it is replaced with the
 * public one, and the status with that of the error.
 */
export async function withPublicMessage(response: Response, failure: StrongroomError | null): Promise<Response> {
  if (!failure || response.status !== 500 || response.headers.get('content-type') !== 'application/json')
    return response
  const error = parseJson(await response.clone().text()) as { readonly type?: unknown } | null
  if (error?.type !== 'AstroActionError') return response
  const { status, publicMessage: message } = failure
  return Response.json({ ...error, code: CODES[status] ?? 'INTERNAL_SERVER_ERROR', status, message }, { status })
}
