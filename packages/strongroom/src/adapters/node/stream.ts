import type { ServerHttp2Stream } from 'node:http2'

/** What sends a byte to the client by HTTP/2's own API, past the response. */
type Method = 'respond' | 'respondWithFD' | 'respondWithFile' | 'write' | 'end'
const METHODS: readonly Method[] = ['respond', 'respondWithFD', 'respondWithFile', 'write', 'end']

/** Decides about the calls that the application makes itself. */
export interface Gate {
  readonly isOpen: boolean
  refuse(): void
}

/** The stream of a response whose session was asked for. */
export interface GuardedStream {
  readonly gates: Gate[]
  readonly originals: Readonly<Record<Method, (this: ServerHttp2Stream, ...args: unknown[]) => unknown>>
  /** Calls that the response itself is making. */
  sending: number
}

const GUARD = Symbol('strongroom guard')
type Guarded = ServerHttp2Stream & { [GUARD]?: GuardedStream }

/**
 * Has the gate decide, from now on, about what the application sends by `response.stream`. That is not held back, so that a page would be
 * sent without its session and its cookie. As in `watch`, all streams share the functions.
 */
export function guard(stream: ServerHttp2Stream, gate: Gate): GuardedStream {
  const before = (stream as Guarded)[GUARD]
  if (before) {
    before.gates.push(gate)
    return before
  }
  const { respond, respondWithFD, respondWithFile, write, end } = stream as unknown as GuardedStream['originals']
  const guarded: GuardedStream = {
    gates: [gate],
    originals: { respond, respondWithFD, respondWithFile, write, end },
    sending: 0,
  }
  ;(stream as Guarded)[GUARD] = guarded
  Object.assign(stream, GUARDED)
  return guarded
}

const GUARDED = Object.fromEntries(
  METHODS.map((method) => [
    method,
    function guarded(this: ServerHttp2Stream, ...args: unknown[]): unknown {
      const { gates, originals, sending } = (this as Guarded)[GUARD] as GuardedStream
      // When the client has gone, Node ends the stream itself. Nothing can be sent any more.
      const passes = sending > 0 || this.closed || this.destroyed
      const shut = passes ? undefined : gates.find(({ isOpen }) => !isOpen)
      if (!shut) return originals[method].apply(this, args)
      // Not thrown: `pipe` calls these from an event, where nobody could catch it.
      shut.refuse()
      return method === 'end' ? this : method === 'write' ? false : undefined
    },
  ]),
)
