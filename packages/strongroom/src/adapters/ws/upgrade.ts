import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { warnUnhandled } from '../../base/unhandled.ts'
import { ConfigError, type SessionEndedError, StrongroomError } from '../../errors.ts'
import type { Session } from '../../session/session.ts'
import type { BaseSessions } from '../../sessions.ts'
import { shownOf } from '../shared/failure.ts'
import type { Admit } from './admission.ts'
import { closeSocket, emitWithin, listenTo, type SocketLike, type Watching } from './socket.ts'

/** A `WebSocketServer` of ws, as far as it is needed. */
export interface WebSocketServerLike {
  readonly options?: { readonly noServer?: boolean | undefined } | undefined
  // biome-ignore lint/suspicious/noExplicitAny: the socket of the server
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: (socket: any) => void): void
  emit(event: 'connection', ...args: unknown[]): boolean
}

/** A listener for the event `upgrade` of a server. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface UpgradeParts<Data extends object> {
  readonly admit: Admit<Data>
  readonly watching: Watching
  readonly within: BaseSessions<Data>['within']
}

/** Opens the connections that may be opened, and emits `connection` with the socket, the request and the session. */
export function upgradeListener<Data extends object>(
  server: WebSocketServerLike,
  { admit, watching, within }: UpgradeParts<Data>,
): UpgradeListener {
  checkServer(server)
  return function strongroom(request, socket, head) {
    // Until ws has the socket, nobody else listens, and an error would end the process.
    const drop = () => void socket.destroy()
    socket.on('error', drop)
    const open = async (session: Session<Data>) => {
      let opened: SocketLike | null = null
      let end: SessionEndedError | null = null
      const watch = watching.watcher.watch(session, (given) => {
        end = given
        if (opened) closeSocket(watching, opened, given)
      })
      socket.once('close', () => watch.stop())
      // It has closed before anybody listened to that.
      if (socket.destroyed) return watch.stop()
      // Now that it is watched: an end before that has told nobody.
      await watch.check()
      if (end) return refuse(socket, end)
      socket.off('error', drop)
      server.handleUpgrade(request, socket, head, (webSocket: SocketLike) => {
        opened = webSocket
        listenTo(watching, webSocket, watch)
        emitWithin(webSocket, (emit) => within(request, emit))
        within(request, () => server.emit('connection', webSocket, request, session))
        // A server that waited with this callback, as for an async `verifyClient`.
        if (end) closeSocket(watching, webSocket, end)
      })
    }
    // What a listener of `connection` throws is not for the visitor: it goes the way of all uncaught errors.
    void admit(request).then(open, (error) => refuse(socket, error))
  }
}

function checkServer(server: WebSocketServerLike): void {
  if (typeof server?.handleUpgrade !== 'function')
    throw new ConfigError('upgrade() takes a WebSocketServer of ws: new WebSocketServer({ noServer: true }).')
  // With a server of its own it would open connections itself, without asking here.
  if (server.options?.noServer === true) return
  throw new ConfigError(
    'This WebSocketServer has a server or a port, so that it opens connections itself, without their sessions. Write new WebSocketServer({ noServer: true }).',
  )
}

/** The response to an upgrade: what a visitor may read of the error, and nothing else. */
function refuse(socket: Duplex, error: unknown): void {
  const { status, publicMessage } = shownOf(error)
  const page = `${publicMessage}\n`
  if (error instanceof StrongroomError) warnUnhandled(error)
  socket.once('finish', () => socket.destroy())
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Connection: close',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(page)}`,
      '',
      page,
    ].join('\r\n'),
  )
}
