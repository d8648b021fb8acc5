import { AsyncLocalStorage } from 'node:async_hooks'
import type { SessionEndedError } from '../../errors.ts'
import type { SessionWatcher, Watch } from '../../request/watcher.ts'
import type { AnySession } from '../../session/session.ts'

/** What the connections of one `strongroom(sessions)` have in common. */
export interface Watching {
  readonly watcher: SessionWatcher
  /** Does a message of the client count as use of the session? */
  readonly touch: boolean
  /** Calls the application's `onEnd`. Never throws. */
  readonly told: (end: SessionEndedError, connection: object) => void
}

/** A WebSocket of ws, of a framework or of a runtime: what they have in common, and what some have besides. */
export interface SocketLike {
  close(code?: number, reason?: string): unknown
  /** 2 or 3 when it is being closed, or is. */
  readonly readyState?: number | undefined
  terminate?(): unknown
  emit?(event: string, ...args: unknown[]): unknown
  on?(event: string, listener: () => void): unknown
  addEventListener?(event: string, listener: () => void): unknown
}

/** What a client is sent before it is disconnected, by Server-Sent Events and by socket.io: `{ reason }`. */
export const ENDED_EVENT = 'session-ended'

/** How long a client has to answer a close, or to take the last event, in ms: after that the connection is cut. */
export const GRACE = 2_000

/** Watches the session of a socket that is open. */
export function watchSocket(watching: Watching, session: AnySession, socket: SocketLike): Watch {
  const watch = watching.watcher.watch(session, (end) => closeSocket(watching, socket, end))
  if (socket.readyState === 3) watch.stop()
  else listenTo(watching, socket, watch)
  void watch.check()
  return watch
}

/** Where a socket has no events of its own, as with Bun and Hono, the application calls `touch` and `stop`. */
export function listenTo({ touch }: Watching, socket: SocketLike, watch: Watch): void {
  const on = (event: string, listener: () => void) =>
    socket.on ? socket.on(event, listener) : socket.addEventListener?.(event, listener)
  on('close', () => watch.stop())
  // ws reports by this what is no frame, and closes the connection. Without a listener, any visitor could end the process with two bytes.
  on('error', () => {})
  if (touch) on('message', () => watch.touch())
}

/** Messages come from the connection, which was there before any request: without this, they would belong to none. */
export function emitWithin(socket: SocketLike, run: (emit: () => unknown) => unknown): void {
  const { emit } = socket
  if (!emit) return
  socket.emit = (event, ...args) => run(() => emit.call(socket, event, ...args))
  for (const method of ['send', 'ping', 'pong'] as const) callBackOwn(socket as Sender, method)
}

type Sender = Partial<Record<'send' | 'ping' | 'pong', (...args: unknown[]) => unknown>>

/** ws compresses for all of its sockets in one queue, and calls back from within the message before: of whom that may be. */
function callBackOwn(socket: Sender, method: keyof Sender): void {
  const { [method]: call } = socket
  if (!call) return
  socket[method] = (...args) =>
    call.apply(
      socket,
      args.map((arg) => (typeof arg === 'function' ? AsyncLocalStorage.bind(arg as () => void) : arg)),
    )
}

export function closeSocket({ told }: Watching, socket: SocketLike, end: SessionEndedError): void {
  told(end, socket)
  hearNothing(socket)
  try {
    socket.close(end.closeCode, end.reason)
  } catch {
    // Closed already: some throw then.
  }
  if (socket.terminate) setTimeout(() => socket.terminate?.(), GRACE).unref()
}

/**
 * A client that does not answer the close may still send, and ws would hand that on until the connection is cut: to listeners that are added
 * after this, too, as by an application that first awaits something else.
 */
function hearNothing(socket: SocketLike): void {
  const { emit } = socket
  if (!emit) return
  socket.emit = (event, ...args) => event !== 'message' && emit.call(socket, event, ...args)
}
