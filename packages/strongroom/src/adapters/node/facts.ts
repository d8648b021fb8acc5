import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { CsrfRequest } from '../../http/csrf.ts'

/** What Node knows of a request, for Express and others that build on it. Not Express' `protocol` and `host`: those may be the visitor's. */
export function nodeFacts(
  { method = '', headers, socket }: IncomingMessage | Http2ServerRequest,
  field: CsrfRequest['field'],
): CsrfRequest {
  const { ':authority': authority, host = authority } = headers
  return {
    method,
    headers,
    host: typeof host === 'string' ? host : undefined,
    encrypted: 'encrypted' in socket && socket.encrypted === true,
    field,
  }
}

/** Of a body that a parser has made an object of. */
export function fieldOf(body: unknown, name: string): unknown {
  const isObject = typeof body === 'object' && body !== null && Object.hasOwn(body, name)
  return isObject ? (body as Readonly<Record<string, unknown>>)[name] : undefined
}
