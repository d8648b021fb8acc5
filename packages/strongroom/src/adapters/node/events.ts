import type { BaseSessions } from '../../sessions.ts'

type Requests = Pick<BaseSessions<object>, 'within' | 'currentRequest'>
type Emit = (event: unknown, ...args: unknown[]) => unknown

/** Whose events they are, for one `createSessions`, and then for the others of the application. */
interface Bound {
  readonly requests: Requests
  readonly request: object
  readonly emit: Emit
  readonly next: Bound | null
}

const BOUND = Symbol('strongroom events')
type Emitter = { emit?: Emit; listenerCount?(event: unknown): number; [BOUND]?: Bound }

/**
 * Lets the events of Node's request and response run within their request. They come from the connection, and a client may send its
 * requests without waiting for responses, as a proxy does that shares a connection between visitors: Node then sends a response, and emits
 * `finish` and `close`, from within the one before it. A log of who was served would name the wrong visitor. `request` is what stands for
 * these two in `within`.
 */
export function ownEvents(
  requests: Requests,
  request: object,
  ...emitters: readonly [request: object | undefined, response: object]
): void {
  for (const emitter of emitters) if (emitter) bind(emitter, requests, request)
}

function bind(emitter: Emitter, requests: Requests, request: object): void {
  const { emit, [BOUND]: next = null } = emitter
  // A stand-in that emits nothing.
  if (typeof emit !== 'function') return
  for (let bound = next; bound; bound = bound.next) if (bound.requests === requests) return
  try {
    emitter[BOUND] = { requests, request, emit: next?.emit ?? emit, next }
    if (next === null) emitter.emit = emitBound
  } catch {
    // A stand-in that is frozen. It has no connection, whose other visitors its events could be mixed up with.
  }
}

/** One function for all: see `watch` for why there are no closures. */
function emitBound(this: Emitter, event: unknown, ...args: unknown[]): unknown {
  const bound = this[BOUND] as Bound
  // Most events of a request have no listener, and most others come from its own work already: neither costs a run.
  if (this.listenerCount?.(event) === 0) return bound.emit.call(this, event, ...args)
  return run(bound, this, [event, ...args])
}

function run(bound: Bound, emitter: Emitter, args: [unknown, ...unknown[]]): unknown {
  const { requests, request, emit, next } = bound
  if (requests.currentRequest() === request) return next ? run(next, emitter, args) : emit.apply(emitter, args)
  return requests.within(request, next ? run : runLast, next ?? bound, emitter, args)
}

const runLast = ({ emit }: Bound, emitter: Emitter, args: [unknown, ...unknown[]]) => emit.apply(emitter, args)
