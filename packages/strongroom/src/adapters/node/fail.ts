import type { IncomingMessage, Server } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { warnUnhandled } from '../../base/unhandled.ts'
import { StrongroomError } from '../../errors.ts'
import { shownOf } from '../shared/failure.ts'
import { hasBegun, hasEnded, type NodeResponse } from './head.ts'

/** Any request of Node's servers: HTTP/1, and the compatibility API of HTTP/2. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/**
 * Responds to an error while the session was saved, when nothing has been sent yet. `ended`: has the handler ended its response, so that
 * it will not write into that of the error?
 */
export type Fail = (error: unknown, response: NodeResponse, ended: boolean) => void

/** Typed for hosts that take nothing but errors. */
export type Next = (error?: Error) => void

export type OnError<Request, Response> = (error: unknown, request: Request, response: Response) => unknown

/**
 * What middleware that has called `next` does with an error of the save. Only a host that was made for late errors gets them, because
 * most others cannot take a second call: @fastify/middie has given that `next` to another request by then, h3 and koa-connect ignore
 * it, and the visitor waits for ever.
 *
 * - With `onError`, that responds.
 * - Express has its current `next` on the request, where its own `response.sendFile` takes it from for the same purpose. It is gone
 *   again once Express has handed the request on to a host that it is mounted in.
 * - Connect, when its application is the listener of the server: nothing else can have made this `next`.
 * - In all other hosts, the error becomes a plain response here.
 *
 * Without `onError` this makes no function: it is called for every request.
 */
export function failWith<Request extends NodeRequest, Response extends NodeResponse>(
  request: Request,
  response: Response,
  next: Next,
  onError?: OnError<Request, Response>,
): Fail {
  if (onError) return (error) => void handle(onError, error, request, response)
  return isOfConnect(request, next) ? (next as Fail) : failLate
}

function failLate(error: unknown, response: NodeResponse): void {
  const { next } = (response.req ?? {}) as { next?: unknown }
  if (typeof next === 'function') next(error)
  else respond(error, response)
}

/** A response, and where its errors go. */
export interface Responding {
  readonly response: NodeResponse
  readonly fail: Fail
}

/** For an error that came too late for the response. Express closes the connection if it gets one before the response is sent. */
export function failAfter({ response, fail }: Responding, error: unknown): void {
  response.once('close', () => fail(error, response, true))
}

/** Never throws or rejects: it is called from a store's callback, too, where nobody could catch what an `onError` throws. */
export async function handle<Request extends NodeRequest, Response extends NodeResponse>(
  onError: OnError<Request, Response>,
  error: unknown,
  request: Request,
  response: Response,
): Promise<void> {
  try {
    await onError(error, request, response)
  } catch (second) {
    respond(second, response)
  }
}

/** The status of an error of this library, or 500, and a line of plain text. A 5xx becomes a warning; a `StoreError` has one already. */
export function respond(error: unknown, response: NodeResponse): void {
  if (!(error instanceof StrongroomError))
    process.emitWarning('A handler failed, and its visitor got a 500. To log errors in your own way, pass onError.', {
      code: 'STRONGROOM_HANDLER',
      detail: error instanceof Error ? `${error.stack}` : String(error),
    })
  else warnUnhandled(error)
  // The handler failed after it had responded.
  if (hasEnded(response)) return
  if (hasBegun(response)) {
    response.destroy()
    return
  }
  const { status, publicMessage } = shownOf(error)
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(`${publicMessage}\n`)
}

const connects = new WeakMap<Server, boolean>()

function isOfConnect(request: NodeRequest, next: Next): boolean {
  // Before the server is looked at: the next of Express is on the request, and those of most others are arrow functions.
  if ('next' in request || next.name !== 'next' || !Object.hasOwn(next, 'prototype')) return false
  const { server } = (request.socket ?? {}) as { server?: Server }
  if (!server) return false
  const known = connects.get(server)
  if (known !== undefined) return known
  const found = server.listeners('request').some(isConnect)
  connects.set(server, found)
  return found
}

/** An application of Connect is a listener that has its layers, each with a path. */
function isConnect(listener: unknown): boolean {
  const { stack, handle } = listener as { stack?: unknown; handle?: unknown }
  const isLayer = (layer: { route?: unknown; handle?: unknown }) =>
    typeof layer.route === 'string' && typeof layer.handle === 'function'
  return typeof handle === 'function' && Array.isArray(stack) && stack.every(isLayer)
}
