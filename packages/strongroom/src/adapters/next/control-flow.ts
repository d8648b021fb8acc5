/**
 * `redirect()`, `notFound()`, `forbidden()` and `unauthorized()` of next/navigation throw, and Next makes the response of it. Their
 * errors are known by a digest: `NEXT_REDIRECT;push;/path;307;` or `NEXT_HTTP_ERROR_FALLBACK;404`.
 */
export interface ControlFlow {
  readonly status: number
  readonly location: string | null
}

/** Null for every other error. */
export function controlFlowOf(error: unknown): ControlFlow | null {
  const digest = typeof error === 'object' && error !== null && 'digest' in error ? error.digest : null
  if (typeof digest !== 'string') return null
  const parts = digest.split(';')
  // A URL may contain semicolons.
  if (parts[0] === 'NEXT_REDIRECT') return { status: Number(parts.at(-2)), location: parts.slice(2, -2).join(';') }
  if (parts[0] === 'NEXT_HTTP_ERROR_FALLBACK') return { status: Number(parts[1]), location: null }
  return null
}

/**
 * The response that Next makes of such an error in a route handler. Made here, because only a response can carry `Cache-Control`: a CDN
 * may store a redirect that does not have it, and hand the cookie of a login to everybody.
 */
export function responseOf({ status, location }: ControlFlow, request: Request): Response {
  if (location === null) return new Response(null, { status })
  // As Next does: what a form has posted must not be posted again to where it leads.
  return new Response(null, { status: isForm(request) ? 303 : status, headers: { location } })
}

function isForm({ method, headers }: Request): boolean {
  const type = headers.get('content-type') ?? ''
  const isForm = type === 'application/x-www-form-urlencoded' || type.startsWith('multipart/form-data')
  return method === 'POST' && (isForm || headers.has('next-action'))
}
