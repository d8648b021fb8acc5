import type { CsrfRequest } from '../../http/csrf.ts'
import { nodeFacts } from '../node/facts.ts'
import { fetchFacts, MOST_OF_FORM } from '../shared/fetch-facts.ts'
import type { NodeEvent } from './event.ts'

const FORM = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i

/** What a request of h3 1 says of itself, and the fields of its form. */
export function formFacts(event: NodeEvent & Bodies): CsrfRequest {
  const { req } = event.node
  return nodeFacts(req, async (name) => {
    if (event.web?.request) return webField(event, event.web.request, name)
    const type = req.headers['content-type'] ?? ''
    const body = FORM.test(type) ? await bodyOf(event) : null
    if (body === null) return undefined
    const init = { method: 'POST', headers: { 'content-type': type }, body, duplex: 'half' as const }
    const form = new Request('http://form/', init)
    const value = await fetchFacts(form).field?.(name)
    // Otherwise what the handler reads of a stream would be kept for this copy.
    form.body?.cancel().catch(() => undefined)
    return value
  })
}

async function webField(event: Bodies, request: Request, name: string): Promise<unknown> {
  const value = await fetchFacts(request).field?.(name)
  // The one that h3 remembers was split, for the copy that the field was read from.
  if (event._requestBody instanceof ReadableStream) event._requestBody = request.body
  return value
}

const READ = Symbol.for('h3RawBody')

/** Where h3 1 looks for a body before it reads one itself. The first wins. */
interface Bodies {
  _requestBody?: unknown
}
interface RequestBodies {
  readonly [READ]?: unknown
  readonly rawBody?: unknown
  readonly body?: unknown
}

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>

/**
 * The body of a form, which stays readable for the handler. Of Node's request, one of up to 1 MiB: null for a longer one, and for one of
 * unknown length, because every browser says how long a form is.
 */
async function bodyOf(event: NodeEvent & Bodies): Promise<Body | null> {
  const req: NodeEvent['node']['req'] & RequestBodies = event.node.req
  const given = event._requestBody ?? (await (req[READ] ?? req.rawBody ?? req.body))
  if (given instanceof ReadableStream) {
    const [copy, rest] = given.tee()
    event._requestBody = rest
    return copy
  }
  if (typeof given === 'string' || given instanceof Uint8Array) return given as Body
  if (given !== undefined || !(Number(req.headers['content-length']) <= MOST_OF_FORM)) return null
  const chunks: Uint8Array[] = []
  for await (const chunk of req) chunks.push(chunk)
  event._requestBody = Buffer.concat(chunks)
  return event._requestBody as Body
}
