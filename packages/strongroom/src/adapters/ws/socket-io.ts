import type { IncomingMessage } from 'node:http'
import { ConfigError, SessionEndedError, StrongroomError } from '../../errors.ts'
import type { Watch } from '../../request/watcher.ts'
import type { AnySession } from '../../session/session.ts'
import { shownOf } from '../shared/failure.ts'
import type { Admit } from './admission.ts'
import { ENDED_EVENT } from './socket.ts'
import type { UpgradeParts } from './upgrade.ts'

/** A server of socket.io, as far as it is needed. */
export interface SocketIoServerLike {
  // biome-ignore lint/suspicious/noExplicitAny: its sockets have the types of the application's events
  use(middleware: (socket: any, next: (error?: Error) => void) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: the same
  on(event: any, listener: (...args: any[]) => void): unknown
}

/** The connection that the sockets of all namespaces share. */
interface EngineConnection {
  readonly readyState: string
  on(event: 'packet', listener: (packet: { readonly type: string }) => void): unknown
  once(event: 'close', listener: () => void): unknown
  close(): unknown
}

interface SocketIoSocket {
  readonly conn: EngineConnection
  readonly request: IncomingMessage
  readonly recovered?: boolean | undefined
  readonly connected: boolean
  readonly data: { session?: Partial<Pick<AnySession, 'handle' | 'userId'>> }
  emit(event: string, ...args: unknown[]): unknown
  on(event: 'disconnect', listener: () => void): unknown
  use(middleware: (packet: unknown, next: () => void) => void): unknown
  disconnect(close: boolean): unknown
}

interface Guarded {
  readonly session: AnySession
  readonly watch: Watch
  readonly sockets: Set<SocketIoSocket>
}

/** The option `allowRequest` of socket.io and engine.io. */
export type AllowRequest = (
  request: IncomingMessage,
  done: (error: string | null | undefined, success: boolean) => void,
) => void

/** Refuses before there is a connection. The middleware checks again, for each namespace. */
export function allowRequest<Data extends object>(admit: Admit<Data>): AllowRequest {
  return function strongroom(request, done) {
    admit(request).then(
      () => done(null, true),
      (error) => done(shownOf(error).publicMessage, false),
    )
  }
}

/**
 * Guards every namespace, those that are made later, too: a visitor who may not connect gets a `connect_error`, and `socket.data.session`
 * is the session of one who may. At its end, the client gets `session-ended`, and all of its sockets are disconnected.
 */
export function guardSocketIo<Data extends object>(
  io: SocketIoServerLike,
  { admit, watching, within }: UpgradeParts<Data>,
): void {
  checkServer(io)
  const connections = new WeakMap<EngineConnection, Guarded>()

  async function enter(socket: SocketIoSocket): Promise<void> {
    const { conn, data } = socket
    // Once for a connection: its cookie may have been renewed since, and its session goes on.
    const admitted = connections.get(conn)?.session ?? (await admit(socket.request))
    // Nobody would be told of its close any more.
    if (conn.readyState !== 'open') throw new SessionEndedError('closed')
    const { session, watch } = connections.get(conn) ?? guard(conn, admitted)
    // Again for each namespace: the handshake may have been hours ago.
    if (!(await watch.check())) throw new SessionEndedError('ended')
    // What a client gets back after it has been away are the rooms of the session that it had.
    if (socket.recovered && data.session?.handle !== session.handle) throw new SessionEndedError('ended')
    data.session = session
  }

  /** One watch for a connection, whatever its client connects to on it. */
  function guard(conn: EngineConnection, session: AnySession): Guarded {
    const sockets = new Set<SocketIoSocket>()
    const watch = watching.watcher.watch(session, (end) => {
      for (const socket of sockets) {
        watching.told(end, socket)
        socket.emit(ENDED_EVENT, { reason: end.reason })
      }
      // Only now: the first of them disconnects all.
      for (const socket of [...sockets]) socket.disconnect(true)
      conn.close()
    })
    const guarded = { session, watch, sockets }
    connections.set(conn, guarded)
    conn.once('close', () => watch.stop())
    // Messages, and not the heartbeat.
    if (watching.touch) conn.on('packet', ({ type }) => type === 'message' && watch.touch())
    return guarded
  }

  function protect(namespace: SocketIoServerLike): void {
    namespace.use(function strongroom(socket: SocketIoSocket, next) {
      enter(socket).then(
        () => {
          // Packets come from the connection, which belongs to no request.
          socket.use((_packet, next) => within(socket.request, next))
          within(socket.request, next)
        },
        (error) => next(connectError(error)),
      )
    })
    namespace.on('connection', (socket: SocketIoSocket) => {
      const sockets = connections.get(socket.conn)?.sockets
      sockets?.add(socket)
      socket.on('disconnect', () => sockets?.delete(socket))
    })
  }

  const { _nsps: known = new Map([['/', io]]) } = io as { _nsps?: ReadonlyMap<string, SocketIoServerLike> }
  for (const namespace of known.values()) protect(namespace)
  io.on('new_namespace', protect)
}

function checkServer(io: SocketIoServerLike): void {
  if (typeof io?.use !== 'function' || typeof io.on !== 'function')
    throw new ConfigError('socketIo() takes a Server of socket.io: live.socketIo(new Server(server)).')
  const { opts } = io as { opts?: { connectionStateRecovery?: { skipMiddlewares?: boolean } } }
  // A client that was away while its session ended would get its socket back, and nobody would watch it.
  if (opts?.connectionStateRecovery?.skipMiddlewares)
    throw new ConfigError(
      'With connectionStateRecovery, sockets come back without their sessions being checked. Write connectionStateRecovery: { skipMiddlewares: false }.',
    )
}

/** As socket.io sends it: the message, and `data`. */
function connectError(error: unknown): Error {
  const { status, publicMessage } = shownOf(error)
  const code = error instanceof StrongroomError ? error.code : 'INTERNAL'
  const reason = error instanceof SessionEndedError ? error.reason : undefined
  return Object.assign(new Error(publicMessage), { data: { code, status, reason } })
}
