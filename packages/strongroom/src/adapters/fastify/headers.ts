import type { ResponseHeaders } from '../shared/outcome.ts'

/** A reply of Fastify, by its shape: an application of Nest may not have the types of Fastify. */
export interface Reply {
  getHeader(name: string): unknown
  getHeaders(): object
  header(name: string, value: unknown): unknown
  removeHeader(name: string): unknown
}

/** The headers that Fastify will send: it keeps them apart from those of Node's response. */
export const replyHeaders = (reply: Reply): ResponseHeaders => ({
  get: (name) => reply.getHeader(name) as string | undefined,
  set: (name, value) => void reply.header(name, value),
  append: (name, value) => void reply.header(name, value),
  delete: (name) => void reply.removeHeader(name),
  names: () => Object.keys(reply.getHeaders()),
})
