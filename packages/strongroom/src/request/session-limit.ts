import type { Loaded, SessionRef, UserIndex, UserSession } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { ConflictError, SessionLimitError, UnsupportedError } from '../errors.ts'
import { withStoreErrors } from '../events.ts'
import type { LimitedLogin, State } from '../session/state.ts'
import { liveSessions } from './live.ts'
import type { LoadedCookies } from './load.ts'
import { orUndo } from './undo.ts'

/** How many sessions a user may have, as one login sees it. */
export interface SessionLimit {
  /** Rejects with `SessionLimitError` if the login would be refused now. It may be refused later all the same, in its turn. */
  check(): Promise<void>
  /**
   * Runs a login that stores a new session. At the limit it rejects with `SessionLimitError` before the login runs, or ends the
   * user's oldest sessions after it. The session is ended, and the login runs again, if another one of this user was faster.
   */
  inTurn(login: () => Promise<Loaded>): Promise<Loaded>
  /**
   * Runs a login that goes on with a session which counts already. Null, and nothing done, if there are others to be ended for it,
   * because the limit is new or was lowered: then it must store a new session, in turn. Of two that went on with theirs and ended each
   * other's, none would be left.
   */
  goingOn(login: () => Promise<Loaded | null>): Promise<Loaded | null>
}

/** How many sessions are ended in parallel. */
const ENDED_AT_ONCE = 100
/** How often a login that loses against other logins of its user is tried again. */
const ATTEMPTS = 50

const NO_LIMIT: SessionLimit = { check: async () => {}, inTurn: (login) => login(), goingOn: (login) => login() }

/** The limit of the login that the state asks for, or none. Throws `UnsupportedError` where sessions cannot be listed. */
export function sessionLimit(
  context: SessionsContext,
  { intent }: State,
  replaced: readonly SessionRef[],
): SessionLimit {
  return intent?.verb === 'login' ? limitOf(context, intent, replaced) : NO_LIMIT
}

/** Rejects with `SessionLimitError` if the login would be refused now. Counts as it will: without the sessions that it replaces. */
export async function checkLimit(context: SessionsContext, login: LimitedLogin, found: LoadedCookies): Promise<void> {
  const own = found.loaded?.ref ?? found.emptied?.ref ?? found.superseded?.ends?.ref
  const ends = found.others.filter(({ isOf }) => isOf(login.userId)).map(({ ref }) => ref)
  const limit = limitOf(context, login, own ? [own, ...ends] : ends)
  await withStoreErrors(context.emit, () => limit.check())()
}

/** The limit of this login, or none. Throws `UnsupportedError` where sessions cannot be listed. */
function limitOf(context: SessionsContext, login: LimitedLogin, replaced: readonly SessionRef[]): SessionLimit {
  if (login.options.limit === undefined) return NO_LIMIT
  const { beginTurn, endOne } = context.backing.users
  if (beginTurn && endOne)
    return new UserLimit(context, login, {
      beginTurn,
      endOne,
      replaced: new Set(replaced.map(({ cookie }) => cookie.id)),
    })
  throw new UnsupportedError(
    `login: limit needs a list of the user's sessions, which the engine ${context.backing.traits.engine} cannot give: ${context.backing.users.advice.list}`,
  )
}

interface LimitParts extends Required<Pick<UserIndex, 'beginTurn' | 'endOne'>> {
  /** The sessions that the new one replaces, which do not count. */
  readonly replaced: ReadonlySet<Id>
}

/**
 * Logins with a limit take turns through an entry of the user's: each counts the sessions, stores its own, and is admitted by a
 * compare-and-set that only one of several can win. Within this process they also wait for each other, which costs less.
 */
class UserLimit implements SessionLimit {
  readonly #context: SessionsContext
  readonly #userId: string
  readonly #most: number
  readonly #refuses: boolean
  readonly #parts: LimitParts

  constructor(context: SessionsContext, { userId, options }: LimitedLogin, parts: LimitParts) {
    this.#context = context
    this.#userId = userId
    this.#most = options.limit ?? Number.POSITIVE_INFINITY
    this.#refuses = options.atLimit === 'refuse'
    this.#parts = parts
  }

  async check(): Promise<void> {
    if (this.#refuses && (await this.#others()).length >= this.#most) throw this.#full()
  }

  inTurn(login: () => Promise<Loaded>): Promise<Loaded> {
    return runExclusive(this.#context, `user ${this.#userId}`, () => this.#admitted(login))
  }

  async goingOn(login: () => Promise<Loaded | null>): Promise<Loaded | null> {
    const others = await this.#others()
    if (others.length < this.#most) return login()
    if (this.#refuses) throw this.#full()
    return null
  }

  async #admitted(login: () => Promise<Loaded>): Promise<Loaded> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const turn = await this.#parts.beginTurn(this.#userId)
      const others = await this.#others()
      if (this.#refuses && others.length >= this.#most) throw this.#full()
      const session = await login()
      const isAdmitted = await orUndo(this.#context, session, () => turn.take())
      if (isAdmitted) {
        await orUndo(this.#context, session, () => this.#endOldest(others))
        return session
      }
      await this.#context.backing.discard(session.ref)
    }
    throw new ConflictError(
      `This user signed in elsewhere ${ATTEMPTS} times while this login was under way. Try the request again.`,
    )
  }

  #full(): SessionLimitError {
    this.#context.emit({ type: 'limit', policy: 'refuse', ended: 0 })
    return new SessionLimitError(
      `This user already has ${this.#most} ${this.#most === 1 ? 'session' : 'sessions'}, the most that are allowed. End one first.`,
    )
  }

  async #endOldest(others: UserSession[]): Promise<void> {
    const over = others.length - (this.#most - 1)
    if (over <= 0) return
    const oldest = others.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).slice(0, over)
    const { emit } = this.#context
    const end = async ({ id }: UserSession) => {
      if (await this.#parts.endOne(id)) emit({ type: 'revoked', handle: handleOf(id), count: 1, reason: 'limit' })
    }
    // Many, when the limit is new or has been lowered.
    for (let at = 0; at < over; at += ENDED_AT_ONCE) await Promise.all(oldest.slice(at, at + ENDED_AT_ONCE).map(end))
    emit({ type: 'limit', policy: 'end-oldest', ended: oldest.length })
  }

  /**
   * All of the user's other sessions; or, where it only matters whether there are enough to refuse, at least so many and not all.
   * Which are the oldest shows only when all have been listed, but a user within the limit has no more than that.
   */
  async #others(): Promise<UserSession[]> {
    const enough = this.#refuses ? this.#most : Number.POSITIVE_INFINITY
    const others: UserSession[] = []
    for await (const page of liveSessions(this.#context, this.#userId, { page: Math.min(enough + 1, 500) })) {
      others.push(...page.filter(({ id }) => !this.#parts.replaced.has(id)))
      if (others.length >= enough) break
    }
    return others
  }
}
