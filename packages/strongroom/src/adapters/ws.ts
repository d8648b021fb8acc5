import type { ServerResponse } from 'node:http'
import { booleanOption, checkOptions } from '../base/check.ts'
import { type Duration, milliseconds } from '../base/duration.ts'
import { guarded } from '../base/guarded.ts'
import { ConfigError, SessionEndedError, type SessionEndReason } from '../errors.ts'
import { type CsrfOptions, csrfPolicy } from '../http/csrf.ts'
import type { Watch } from '../request/watcher.ts'
import type { AnySession, Session } from '../session/session.ts'
import type { BaseSessions } from '../sessions.ts'
import { checkFunction, checkSessions } from './shared/check.ts'
import { admission, type UpgradeRequest } from './ws/admission.ts'
import { type SocketLike, type Watching, watchSocket } from './ws/socket.ts'
import { type AllowRequest, allowRequest, guardSocketIo, type SocketIoServerLike } from './ws/socket-io.ts'
import { watchResponse, watchStream } from './ws/stream.ts'
import { type UpgradeListener, upgradeListener, type WebSocketServerLike } from './ws/upgrade.ts'

export type {
  AllowRequest,
  SocketIoServerLike,
  SocketLike,
  UpgradeListener,
  UpgradeRequest,
  Watch,
  WebSocketServerLike,
}
export { SessionEndedError, type SessionEndReason }

/** Options of `strongroom` from `strongroom/ws`. */
export interface LiveOptions extends Pick<CsrfOptions, 'origin' | 'trustedOrigins'> {
  /**
   * How often each session is asked for: the bound, with the time of one store call, within which the end of a session in another
   * process closes its connections. From 100 ms to an hour; default `'10s'`. An end in this process, and one that the store reports by
   * `changes`, closes them immediately.
   */
  readonly every?: Duration | undefined
  /**
   * How long a connection stays open although the store does not answer; after that it is closed, with 1013. At least `every`; default
   * `'5m'`. Never past the deadline of the session that is known.
   */
  readonly maxUnknown?: Duration | undefined
  /**
   * Does a message of the client count as use of its session, as a request does? Default true. Without it, somebody who has only used a
   * socket for as long as the idle limit is signed out. False where pages send messages by themselves.
   */
  readonly touch?: boolean | undefined
  /** May visitors connect who are not signed in? Default false: they get a 401. */
  readonly anonymous?: boolean | undefined
  /**
   * Called when a session has ended, with each of its connections, before that is closed: the last moment to send something. Not for a
   * signal.
   */
  readonly onEnd?: ((end: SessionEndedError, connection: object) => void) | undefined
}

/** A watched session, for a transport of one's own. */
export interface SignalWatch extends Watch {
  /** Aborted when the session ends; its reason is a `SessionEndedError`. */
  readonly signal: AbortSignal
}

/** Connections that end with their sessions. */
export interface LiveSessions<Data extends object> {
  /**
   * For ws: a listener for `server.on('upgrade', …)`. It refuses the pages of other sites (403) and, by default, visitors who are not
   * signed in (401), and 503 while the store is down. The server emits `connection` with the socket, the request and the read-only
   * session.
   */
  upgrade(server: WebSocketServerLike): UpgradeListener
  /** For socket.io: guards every namespace. `socket.data.session` is the read-only session. Call it before clients can connect. */
  socketIo(io: SocketIoServerLike): void
  /** For socket.io, its option `allowRequest`: refuses before there is a connection, which `socketIo` cannot. */
  readonly allowRequest: AllowRequest
  /**
   * The read-only session of a request that asks for a connection, where something else opens that: a Fetch handler, or a framework.
   * Rejects with `CsrfError` for a page of another site, with `SessionEndedError` for a visitor who is not signed in, and with
   * `StoreError`.
   */
  admit(request: UpgradeRequest): Promise<Session<Data>>
  /** For any transport: a signal that is aborted when the session ends. Call `stop` when the connection is closed. */
  watch(session: AnySession): SignalWatch
  /** Closes a WebSocket with its session: one of a framework or of a runtime. Where it has no events, call `touch` and `stop`. */
  watchSocket(session: AnySession, socket: SocketLike): Watch
  /** Ends a response of Node with its session. A stream of Server-Sent Events gets a last event, `session-ended`; others are cut off. */
  watchResponse(session: AnySession, response: ServerResponse): Watch
  /** For the response of a Fetch handler: the same stream of Server-Sent Events, which ends with the session. */
  watchStream(session: AnySession, stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array>
  /** Closes all connections, with 1001, and stops asking. New ones are closed immediately. */
  close(): Promise<void>
}

const OPTIONS = ['every', 'maxUnknown', 'touch', 'anonymous', 'onEnd', 'origin', 'trustedOrigins']

const ELSEWHERE: Readonly<Record<string, string>> = {
  interval: 'Write every.',
  cors: 'Write origin or trustedOrigins.',
}

/**
 * Opens connections with their visitors' sessions, and closes them when these end: by a logout, a revocation, a deadline, or a change of
 * credential, in this process or in another. Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function strongroom<Data extends object>(
  sessions: BaseSessions<Data>,
  options: LiveOptions = {},
): LiveSessions<Data> {
  checkSessions('const live = strongroom(sessions)', sessions)
  checkOptions('strongroom()', options, OPTIONS, ELSEWHERE)
  const { origin, trustedOrigins, onEnd } = options
  checkFunction('onEnd', 'strongroom()', onEnd)
  const policy = csrfPolicy({ origin, trustedOrigins })
  const admit = admission(
    sessions,
    policy,
    booleanOption('Option "anonymous" of strongroom()', options.anonymous, false),
  )
  const watching: Watching = {
    watcher: sessions.watcher(timesOf(options)),
    touch: booleanOption('Option "touch" of strongroom()', options.touch, true),
    told: (end, connection) => tell(onEnd, end, connection),
  }
  return {
    upgrade: (server) => upgradeListener(server, { admit, watching, within: sessions.within }),
    socketIo: (io) => guardSocketIo(io, { admit, watching, within: sessions.within }),
    allowRequest: allowRequest(admit),
    admit,
    watch(session) {
      const aborted = new AbortController()
      const watch = watching.watcher.watch(session, (end) => aborted.abort(end))
      void watch.check()
      const { signal } = aborted
      return { signal, check: () => watch.check(), touch: () => watch.touch(), stop: () => watch.stop() }
    },
    watchSocket: (session, socket) => watchSocket(watching, session, socket),
    watchResponse: (session, response) => watchResponse(watching, session, response),
    watchStream: (session, stream) => watchStream(watching, session, stream),
    close: () => watching.watcher.close(),
  }
}

const HOUR = 3_600_000

function timesOf({ every: given = '10s', maxUnknown: most = '5m' }: LiveOptions) {
  const every = milliseconds(given, 'every')
  if (every < 100 || every > HOUR) throw new ConfigError("every must be at least '100ms' and at most '1h'.")
  const maxUnknown = milliseconds(most, 'maxUnknown')
  if (maxUnknown < every)
    throw new ConfigError(
      'maxUnknown must not be shorter than every: one answer that is late would close all connections.',
    )
  return { every, maxUnknown }
}

/** An error of the application must not keep the other connections of the session open. */
function tell(onEnd: LiveOptions['onEnd'], end: SessionEndedError, connection: object): void {
  if (onEnd) guarded('onEnd of strongroom/ws', onEnd)(end, connection)
}
