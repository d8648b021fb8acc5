import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const watched = (file: string) => on('test/ws/watcher.test.ts', source(file))
const watcher = watched('request/watcher')
const upgrade = (file: string) => on('test/ws/upgrade.test.ts', source(file))
const framework = on('test/ws/sockets.test.ts', source('adapters/ws/socket'))
const socketIo = on('test/ws/socket-io.test.ts', source('adapters/ws/socket-io'))

/** Connections that outlive their sessions, or end before them. */
export const wsMutations: readonly Mutation[] = [
  watcher(
    'a session of which nobody asks whether it has ended',
    'for (const watched of this.#due(now)) void this.#ask(watched)',
    'for (const watched of this.#due(now)) if (watched.hasExpired(now)) void this.#ask(watched)',
  ),
  watcher(
    'a thousand sessions that are asked for at one moment',
    'this.#share < 1 && this.#turn - watched.turn < PARTS',
    'this.#turn - watched.turn < PARTS',
  ),
  watcher('connections of one session that each ask', 'if (known) return known\n', '\n'),
  watcher(
    'a check that relies on what was read before the end',
    'watched.next = null\n        return this.#ask(watched)',
    'watched.next = null',
  ),
  watcher(
    'a store that fails, and whose sessions have ended for that',
    '      this.#report(error)\n      this.#unanswered(watched)',
    "      this.#report(error)\n      this.#end(watched, 'unknown')",
  ),
  watcher(
    'a store that fails, and whose sessions go on for ever',
    "if (watched.hasExpired(now) || now - watched.answeredAt >= this.#options.maxUnknown) this.#end(watched, 'unknown')",
    "if (watched.hasExpired(now)) this.#end(watched, 'unknown')",
  ),
  watcher(
    'a connection that stays open past the deadline that is known, while the store is down',
    'watched.hasExpired(now) || now - watched.answeredAt',
    'now - watched.answeredAt',
  ),
  watcher(
    'a credential that has changed, and a connection that stays',
    "return isCurrent(found.stamp) ? found : { over: 'credential' }",
    "return isCurrent(found.stamp) || found ? found : { over: 'credential' }",
  ),
  watcher(
    'a session that outlives its deadline because it is asked for',
    'if (!isUsed || !standing || !backing.lasting) return null',
    'if (!standing || !backing.lasting) return null',
  ),
  watcher('a message that moves nothing', 'this.watched.isUsed = true', 'this.watched.isUsed = false'),
  watcher(
    'a revoke-all that closes the connection which is spared',
    'watched.standing?.userId === end.userId && id !== end.except',
    'watched.standing?.userId === end.userId',
  ),
  watcher(
    'an end of one user that closes the connections of all',
    'watched.standing?.userId === end.userId && id',
    'id',
  ),
  watcher(
    'a report of a change that nobody looks at',
    'void (id !== null && this.#ask(this.#byId.get(id)))',
    'void id',
  ),
  watcher(
    'a store that is asked to report for each connection, because it could not',
    "this.#listening = 'failed'\n",
    "this.#listening = 'never'\n",
  ),
  watcher(
    'connections that stay open when nobody watches them any more',
    "for (const watched of [...this.#queue]) this.#end(watched, 'closed')\n",
    '\n',
  ),
  watched('backing/standing')(
    'a renewal that closes the connections of its session',
    "result.superseded === 'replaced' ? { over: 'login' } : renewed",
    "result.superseded ? { over: 'login' } : renewed",
  ),
  watched('backing/standing')(
    'a credential that has changed after a renewal, which nobody notices',
    'return { ref: { ...ref, expiresAt: Math.min(ref.expiresAt, deadline) }, userId: was.userId, idle, deadline, stamp }',
    'return { ref: { ...ref, expiresAt: Math.min(ref.expiresAt, deadline) }, userId: was.userId, idle, deadline, stamp: stamp && null }',
  ),
  watched('request/login')(
    'a login as another user that leaves the connections of the user before',
    "context.ends.tell({ id: seen.ref.cookie.id, reason: 'login' })\n",
    '\n',
  ),
  watched('request/task')(
    'a logout of which connections in this process are not told',
    'task.context.ends.tell({ id: cookie.id, reason })\n',
    '\n',
  ),
  upgrade('adapters/ws/admission')(
    'a socket for the page of another site',
    'await sessions.checkCsrf(request, factsOf(request), policy)\n',
    '\n',
  ),
  upgrade('adapters/ws/admission')(
    'an outage that signs everybody out at the upgrade',
    "visit.read({ onStoreError: 'throw' })",
    'visit.read()',
  ),
  upgrade('adapters/ws/admission')(
    'a socket for somebody who is not signed in',
    'session.userId === null && !anonymous',
    'session.userId === null && !anonymous && session.isNew && false',
  ),
  upgrade('adapters/ws/upgrade')(
    'a session that ended during its upgrade, and a socket that is opened',
    'await watch.check()\n',
    '\n',
  ),
  upgrade('adapters/ws/upgrade')(
    'a WebSocketServer that opens connections itself, without asking',
    'server.options?.noServer === true',
    'server.options !== null',
  ),
  framework(
    'messages to a WebSocket of a framework that do not count as use',
    'else listenTo(watching, socket, watch)',
    'else listenTo({ ...watching, touch: false }, socket, watch)',
  ),
  upgrade('adapters/ws/socket')(
    'messages that are handled after the end, because the client does not answer the close',
    '  hearNothing(socket)\n',
    '\n',
  ),
  on('test/ws/odd-clients.test.ts', source('adapters/ws/socket'))(
    'a visitor who ends the process with what is no frame',
    "on('error', () => {})\n",
    '\n',
  ),
  on('test/ws/odd-clients.test.ts', source('adapters/ws/socket'))(
    'messages that are handled after the end, by a listener that came late',
    "socket.emit = (event, ...args) => event !== 'message' && emit.call(socket, event, ...args)",
    ";(socket as { removeAllListeners?(event: string): unknown }).removeAllListeners?.('message')",
  ),
  on('test/ws/socket-io.test.ts', source('adapters/ws/admission'))(
    "a connection of a visitor that another site's page reads as a script",
    ' && !isScript(request)',
    ' && (isScript(request) || !isScript(request))',
  ),
  on('test/ws/odd-clients.test.ts', source('adapters/ws/stream'))(
    'a stream that nobody reads, and that is watched for as long as its session lives',
    '{ highWaterMark: 0 }',
    '{ highWaterMark: 1 }',
  ),
  socketIo('namespaces that nobody guards', "io.on('new_namespace', protect)\n", '\n'),
  socketIo(
    'a socket that gets the rooms of another session',
    "if (socket.recovered && data.session?.handle !== session.handle) throw new SessionEndedError('ended')\n",
    '\n',
  ),
  socketIo(
    'a namespace that may be joined after the session has ended',
    "if (!(await watch.check())) throw new SessionEndedError('ended')\n",
    '\n',
  ),
  socketIo(
    'sockets that are disconnected before they are told why',
    'socket.emit(ENDED_EVENT, { reason: end.reason })\n',
    'socket.emit(ENDED_EVENT, { reason: end.reason })\n        socket.disconnect(true)\n',
  ),
  socketIo(
    'recovered sockets that nobody checks',
    'if (opts?.connectionStateRecovery?.skipMiddlewares)',
    'if (opts === null)',
  ),
]
