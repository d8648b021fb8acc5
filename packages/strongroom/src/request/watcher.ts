import type { Recheck, SessionRef, Standing } from '../backing/backing.ts'
import type { OwnEnd } from '../backing/ends.ts'
import { recheckOf } from '../backing/standing.ts'
import type { SessionsContext } from '../context.ts'
import type { Id } from '../crypto/token.ts'
import { SessionEndedError, type SessionEndReason, StoreError } from '../errors.ts'
import { touchDue } from '../session/lifetime.ts'
import { type AnySession, stateOf } from '../session/session.ts'
import type { State } from '../session/state.ts'
import type { ChangeFeed } from '../store.ts'

/** Options of `sessions.watcher`. */
export interface WatcherOptions {
  /** Each session is asked for once within this many ms. */
  readonly every: number
  /** For how many ms without an answer of the store a session counts as one that goes on. */
  readonly maxUnknown: number
}

/** Called once, when the session has ended. Must not throw. */
export type Ended = (end: SessionEndedError) => void

/** One connection, which must not outlive its session. */
export interface Watch {
  /** Asks the store now. False if the session has ended; then the connection was told. True also if the store does not answer. */
  check(): Promise<boolean>
  /** The visitor has used the connection: within the interval, the idle deadline moves as by a request. */
  touch(): void
  /** The connection is closed. */
  stop(): void
}

/** Into so many parts an interval is divided, so that sessions are not all asked for at one moment. */
const PARTS = 20

/**
 * Watches sessions for connections that outlive their requests. An end in this process is told immediately, one in another as soon as
 * the store reports the change, if it does. Besides, each session is asked for once per interval, however many connections it has:
 * that finds the ends of which nobody tells.
 */
export class SessionWatcher {
  readonly #context: SessionsContext
  readonly #options: WatcherOptions
  readonly #changes: ChangeFeed | null
  readonly #byId = new Map<Id, Watched>()
  /** The one that was asked for longest ago comes first. */
  readonly #queue = new Set<Watched>()
  #turn = 0
  /** How many may be asked for in this turn, so that it takes an interval to ask for all. */
  #share = 0
  #timer: NodeJS.Timeout | undefined
  #stopListening: (() => void) | null = null
  #listening: 'never' | 'on' | 'failed' = 'never'
  #feed: Promise<(() => Promise<void>) | undefined> | undefined
  #reportedIn = -1
  #isClosed = false
  readonly #calls: Calls = { check: (one) => this.#check(one), stop: (one) => this.#stop(one) }

  constructor(context: SessionsContext, options: WatcherOptions, changes: ChangeFeed | null) {
    this.#context = context
    this.#options = options
    this.#changes = changes
  }

  /** How many sessions are watched. */
  get size(): number {
    return this.#queue.size
  }

  /**
   * Tells `ended` when the session ends. A visitor without one, or with a stand-in while the store is down, has nothing that could end.
   * A session that is new is watched from when it has been saved.
   */
  watch(session: AnySession, ended: Ended): Watch {
    const state = stateOf(session)
    if (this.#isClosed) {
      ended(new SessionEndedError('closed'))
      return NOTHING_TO_WATCH
    }
    if (state.ref === null && (state.isReadOnly || state.isClosed)) return NOTHING_TO_WATCH
    const watched = this.#watchedOf(state)
    const one = new Connection(watched, ended, this.#calls)
    watched.connections.add(one)
    this.#start()
    return one
  }

  /** Ends all watches: a connection that nobody watches must not stay open. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const watched of [...this.#queue]) this.#end(watched, 'closed')
    await this.#rest()
  }

  #watchedOf(state: State): Watched {
    const standing = standingOf(state)
    const known = standing && this.#byId.get(standing.ref.cookie.id)
    if (known) return known
    const watched = new Watched(standing, standing ? null : state, this.#context.clock(), this.#turn)
    this.#queue.add(watched)
    if (standing) this.#byId.set(standing.ref.cookie.id, watched)
    return watched
  }

  #start(): void {
    this.#timer ??= setInterval(() => this.#tick(), Math.max(1, Math.floor(this.#options.every / PARTS))).unref()
    this.#stopListening ??= this.#context.ends.listen((end) => this.#ownEnd(end))
    if (this.#listening === 'never') void this.#listen()
  }

  /** Nothing is left to be watched. The subscription stays until `close`. */
  #pause(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#share = 0
    this.#stopListening?.()
    this.#stopListening = null
  }

  async #rest(): Promise<void> {
    this.#pause()
    const stop = await this.#feed
    this.#feed = undefined
    await stop?.()
  }

  async #listen(): Promise<void> {
    if (!this.#changes) return
    this.#listening = 'on'
    // After an interruption all may have changed (null), and within the interval each is asked for anyway.
    const onChange = (id: Id | null) => void (id !== null && this.#ask(this.#byId.get(id)))
    this.#feed = this.#changes.listen(onChange).catch((error) => {
      this.#report(error)
      this.#listening = 'failed'
      return undefined
    })
    // What changed before it listened was not reported.
    if (await this.#feed) for (const watched of this.#byId.values()) void this.#ask(watched)
  }

  #ownEnd(end: OwnEnd): void {
    const reason = reasonOf(end.reason)
    if ('id' in end) this.#end(this.#byId.get(end.id), reason)
    else
      for (const [id, watched] of [...this.#byId])
        if (watched.standing?.userId === end.userId && id !== end.except) this.#end(watched, reason)
  }

  #end(watched: Watched | undefined, reason: SessionEndReason): void {
    if (!watched || watched.isOver) return
    watched.isOver = true
    this.#forget(watched)
    const end = new SessionEndedError(reason)
    for (const { ended } of watched.connections) ended(end)
    watched.connections.clear()
  }

  #stop(one: Connection): void {
    const { watched } = one
    watched.connections.delete(one)
    if (watched.connections.size === 0) this.#forget(watched)
  }

  #forget(watched: Watched): void {
    this.#queue.delete(watched)
    const id = watched.standing?.ref.cookie.id
    if (id !== undefined && this.#byId.get(id) === watched) this.#byId.delete(id)
    if (this.#queue.size === 0) this.#pause()
  }

  #tick(): void {
    this.#turn++
    const now = this.#context.clock()
    for (const watched of this.#due(now)) void this.#ask(watched)
    if (this.#listening === 'failed' && this.#turn % PARTS === 0) void this.#listen()
  }

  /** An even share, all that would be too late in the next turn, and those that have expired, or must be touched before they do. */
  #due(now: number): Set<Watched> {
    const due = new Set<Watched>()
    this.#share += this.#queue.size / PARTS
    for (const watched of this.#queue) {
      if (this.#share < 1 && this.#turn - watched.turn < PARTS) break
      this.#share = Math.max(0, this.#share - 1)
      due.add(watched)
    }
    for (const watched of due) {
      watched.turn = this.#turn
      this.#queue.delete(watched)
      this.#queue.add(watched)
    }
    for (const watched of this.#byId.values())
      if (!watched.asking && (watched.hasExpired(now) || this.#touchDue(watched) !== null)) due.add(watched)
    return due
  }

  async #check(one: Connection): Promise<boolean> {
    const { watched } = one
    await this.#ask(watched)
    // Its session was new, and another connection has it, too.
    if (one.watched !== watched) await this.#ask(one.watched)
    return !one.watched.isOver
  }

  /** What is being asked already may have been read before what we are to see: then it is asked once more. */
  #ask(watched: Watched | undefined): Promise<void> {
    if (!watched || watched.isOver) return Promise.resolve()
    if (watched.asking) {
      watched.next ??= watched.asking.then(() => {
        watched.next = null
        return this.#ask(watched)
      })
      return watched.next
    }
    watched.asking = this.#askOnce(watched).finally(() => {
      watched.asking = null
    })
    return watched.asking
  }

  async #askOnce(watched: Watched): Promise<void> {
    const was = watched.standing ?? this.#settle(watched)
    if (!was) return
    const { clock } = this.#context
    try {
      const found = await this.#recheck(was)
      if (watched.isOver) return
      if (found === 'unknown') return this.#unanswered(watched)
      if ('over' in found) return this.#end(watched, found.over)
      watched.standing = found
      watched.answeredAt = clock()
      if (watched.hasExpired(clock())) return this.#end(watched, 'expired')
      await this.#touch(watched, found)
    } catch (error) {
      this.#report(error)
      this.#unanswered(watched)
    }
  }

  /** Unknown is not ended, nor does it go on for ever. */
  #unanswered(watched: Watched): void {
    const now = this.#context.clock()
    if (watched.hasExpired(now) || now - watched.answeredAt >= this.#options.maxUnknown) this.#end(watched, 'unknown')
  }

  async #recheck(was: Standing): Promise<Recheck> {
    const { ring, stamps } = this.#context
    let found = await this.#look(was)
    // A key that another server made a moment ago.
    if (found === 'unknown' && (await ring.refresh())) found = await this.#look(was)
    if (found === 'unknown' || 'over' in found || stamps === null || found.userId === null) return found
    if (found.stamp === null) return found
    const isCurrent = await stamps.comparer(found.userId)
    return isCurrent(found.stamp) ? found : { over: 'credential' }
  }

  async #look(was: Standing): Promise<Recheck> {
    const { backing, clock } = this.#context
    if (backing.lasting) return backing.lasting.recheck(was)
    return recheckOf(await backing.load(was.ref.cookie, { fresh: true }), was, clock())
  }

  async #touch(watched: Watched, standing: Standing): Promise<void> {
    const expiresAt = this.#touchDue(watched)
    watched.isUsed = false
    if (expiresAt === null) return
    if (await this.#context.backing.lasting?.touch(standing, expiresAt))
      watched.standing = { ...standing, ref: { ...standing.ref, expiresAt } }
  }

  #touchDue({ standing, isUsed }: Watched): number | null {
    const { backing, clock, touchShare } = this.#context
    if (!isUsed || !standing || !backing.lasting) return null
    return touchDue(clock(), standing.ref.expiresAt, standing, touchShare)
  }

  /** A session that was new when it was watched, once it has been saved. Connections of one session are watched together. */
  #settle(watched: Watched): Standing | null {
    const standing = watched.state && standingOf(watched.state)
    if (!standing) return null
    const { id } = standing.ref.cookie
    const known = this.#byId.get(id)
    if (known) {
      for (const one of watched.connections) {
        one.watched = known
        known.connections.add(one)
      }
      this.#queue.delete(watched)
      void this.#ask(known)
      return null
    }
    watched.state = null
    watched.standing = standing
    watched.answeredAt = this.#context.clock()
    this.#byId.set(id, watched)
    return standing
  }

  /** Once in a turn: the store that fails for one session fails for all. */
  #report(cause: unknown): void {
    if (this.#reportedIn === this.#turn) return
    this.#reportedIn = this.#turn
    const error = cause instanceof StoreError ? cause : new StoreError('A session could not be asked for.', { cause })
    this.#context.emit({ type: 'storeError', error })
  }
}

/** One session, and the connections that have it. */
class Watched {
  /** Null while the session is new. */
  standing: Standing | null
  /** Of a session that is new. */
  state: State | null
  readonly connections = new Set<Connection>()
  /** When the store was last known to have it. */
  answeredAt: number
  /** In which it was last asked for. */
  turn: number
  isUsed = false
  isOver = false
  asking: Promise<void> | null = null
  next: Promise<void> | null = null

  constructor(standing: Standing | null, state: State | null, answeredAt: number, turn: number) {
    this.standing = standing
    this.state = state
    this.answeredAt = answeredAt
    this.turn = turn
  }

  hasExpired(now: number): boolean {
    return this.standing !== null && now >= this.standing.ref.expiresAt
  }
}

interface Calls {
  check(one: Connection): Promise<boolean>
  stop(one: Connection): void
}

/** A class, because there may be many: methods of its own would take more memory than all the rest. */
class Connection implements Watch {
  watched: Watched
  readonly ended: Ended
  readonly #calls: Calls

  constructor(watched: Watched, ended: Ended, calls: Calls) {
    this.watched = watched
    this.ended = ended
    this.#calls = calls
  }

  check(): Promise<boolean> {
    return this.#calls.check(this)
  }

  touch(): void {
    this.watched.isUsed = true
  }

  stop(): void {
    this.#calls.stop(this)
  }
}

const NOTHING_TO_WATCH: Watch = { check: async () => true, touch: () => {}, stop: () => {} }

function standingOf({ ref, meta }: State): Standing | null {
  if (!ref || !meta) return null
  return { ref: ref as SessionRef, userId: meta.userId, idle: meta.idle, deadline: meta.deadline, stamp: meta.stamp }
}

function reasonOf(reason: OwnEnd['reason']): SessionEndReason {
  if (reason === 'logout' || reason === 'login') return reason
  return reason === 'emptied' ? 'ended' : 'revoked'
}
