import { type NextRequest, NextResponse } from 'next/server.js'

const OVERRIDE = 'x-middleware-override-headers'
const PREFIX = 'x-middleware-request-'

/** Is this response of a proxy the leave to go on, to a page or to a route handler? */
export const goesOn = ({ headers }: Response): boolean =>
  headers.has('x-middleware-next') || headers.has('x-middleware-rewrite')

/** Changes headers of the request that the page gets, on a response of the proxy whose headers may be changed. */
export function forward(response: Response, request: NextRequest, changes: Readonly<Record<string, string>>): void {
  const headers = headersFor(response, request)
  for (const [name, value] of Object.entries(changes)) headers.set(name, value)
  const { headers: lines } = NextResponse.next({ request: { headers } })
  for (const [name, value] of lines) if (name === OVERRIDE || name.startsWith(PREFIX)) response.headers.set(name, value)
}

/** What the page would get: the request's own headers, or those that the application's proxy has put in their place. */
function headersFor({ headers }: Response, request: NextRequest): Headers {
  const own = headers.get(OVERRIDE)
  if (own === null) return new Headers(request.headers)
  return new Headers(own.split(',').map((name): [string, string] => [name, headers.get(PREFIX + name) ?? '']))
}
