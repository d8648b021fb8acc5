import { StrongroomError } from '../errors.ts'
import { type Emit, withStoreErrors } from '../events.ts'
import { header } from '../http/headers.ts'
import type { OwnNodeRequest, OwnRequests } from '../http/own-requests.ts'
import type { Devices, OwnRequest, Reply } from './requests.ts'

type Paths = Readonly<Record<keyof Devices, string>>

const EACH = [
  ['Cache-Control', 'no-store'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
] as const

/** Gives the two requests of the protocol to `devices`, and their replies to frameworks. */
export function ownRequests(paths: Paths, devices: Devices, emit: Emit): OwnRequests {
  const verbOf = (url: string | undefined): keyof Devices | null => {
    const path = pathOf(url ?? '')
    return path === paths.register ? 'register' : path === paths.refresh ? 'refresh' : null
  }

  async function reply(verb: keyof Devices, method: string | undefined, request: OwnRequest): Promise<Reply> {
    if (method !== 'POST') return { status: 405, headers: [['Allow', 'POST']], body: '' }
    // Browsers make them for the site itself, and send no other page's.
    if (header(request.headers, 'sec-fetch-site') === 'cross-site') return { status: 403, headers: [], body: '' }
    try {
      return await withStoreErrors(emit, devices[verb])(request)
    } catch (error) {
      return { status: failed(error), headers: [], body: '' }
    }
  }

  return {
    fetch(request) {
      const { url, method, headers } = request
      const verb = verbOf(url)
      // The header that Node's servers add is the address of the browser; others have it in the URL.
      return verb && reply(verb, method, { headers, host: headers.get('host') ?? new URL(url).host }).then(toResponse)
    },
    node(request, response) {
      const verb = verbOf(urlOf(request))
      if (verb === null) return null
      const { method, headers } = request
      const host = String(headers.host ?? headers[':authority'])
      return reply(verb, method, { headers, host }).then(({ status, headers, body }) => {
        response.statusCode = status
        for (const [name, value] of EACH) response.setHeader(name, value)
        const cookies = headers.flatMap(([name, value]) => (name === 'Set-Cookie' ? [value] : []))
        if (cookies.length > 0) response.setHeader('Set-Cookie', cookies)
        for (const [name, value] of headers) if (name !== 'Set-Cookie') response.setHeader(name, value)
        response.end(body)
      })
    },
  }
}

/** Of whatever else may go wrong, a browser must not think that its binding is over: that is said by a 4xx. */
function failed(error: unknown): number {
  if (error instanceof StrongroomError) return Math.max(error.status, 503)
  process.emitWarning('A request of a browser for its device failed, and got a 500.', {
    code: 'STRONGROOM_HANDLER',
    detail: error instanceof Error ? `${error.stack}` : String(error),
  })
  return 500
}

function toResponse({ status, headers, body }: Reply): Response {
  const response = new Response(body, { status, headers: EACH.map(([name, value]) => [name, value]) })
  for (const [name, value] of headers) response.headers.append(name, value)
  // Fetch gives a string one, and there is nothing in it.
  if (body === '') response.headers.delete('Content-Type')
  return response
}

const urlOf = ({ url, originalUrl }: OwnNodeRequest) => originalUrl ?? url

/** The path as the browser has sent it. Nothing is decoded: the paths of the options have nothing that is to be. */
function pathOf(url: string): string {
  const from = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3)
  const end = url.indexOf('?', from)
  return from < 0 ? '' : url.slice(from, end < 0 ? undefined : end)
}
