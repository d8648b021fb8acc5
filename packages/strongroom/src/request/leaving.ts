interface Emitter {
  once(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

interface Leaving {
  readonly signal?: unknown
  /** Of HTTP/2. */
  readonly stream?: unknown
  readonly socket?: unknown
}

/** Where frameworks have the request of the server in what they hand to handlers. */
interface Wrapped extends Leaving {
  readonly raw?: object
  readonly request?: object
  readonly req?: Leaving & { readonly raw?: object }
  readonly node?: { readonly req?: object }
}

/**
 * Calls `left` when the client disconnects, where what the framework hands to its handlers tells: by the signal of a Fetch request, or the
 * connection of Node's. Returns what stops that.
 */
export function onLeaving(request: object, left: () => void): () => void {
  const { raw, request: inner, req, node } = request as Wrapped
  for (const one of [request, raw, inner, req?.raw, req, node?.req] as (Leaving | undefined)[]) {
    const stop = one && listen(one, left)
    if (stop) return stop
  }
  return () => undefined
}

function listen({ signal, stream, socket }: Leaving, left: () => void): (() => void) | null {
  if (signal instanceof AbortSignal) {
    if (signal.aborted) left()
    signal.addEventListener('abort', left)
    return () => signal.removeEventListener('abort', left)
  }
  const emitter = [stream, socket].find(isEmitter)
  if (!emitter) return null
  emitter.once('close', left)
  return () => void emitter.off('close', left)
}

const isEmitter = (given: unknown): given is Emitter =>
  typeof (given as Partial<Emitter> | undefined)?.once === 'function' &&
  typeof (given as Partial<Emitter>).off === 'function'
