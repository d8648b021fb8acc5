import type { Loaded, UserSession } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { LimitParts, SessionLimit, SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { ConflictError, SessionLimitError } from '../errors.ts'
import type { LimitedLogin } from '../session/state.ts'
import { liveSessions } from './live.ts'
import { orUndo } from './undo.ts'

/** How many sessions are ended in parallel. */
const ENDED_AT_ONCE = 100
/** How often a login that loses against other logins of its user is tried again. */
const ATTEMPTS = 50

/**
 * Logins with a limit take turns through an entry of the user's: each counts the sessions, stores its own, and is admitted by a
 * compare-and-set that only one of several can win. Within this process they also wait for each other, which costs less.
 */
export class UserLimit implements SessionLimit {
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
    return runExclusive(this.#context.backing, `user ${this.#userId}`, () => this.#admitted(login))
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
    const { emit, ends } = this.#context
    const end = async ({ id }: UserSession) => {
      if (!(await this.#parts.endOne(id))) return
      ends.tell({ id, reason: 'limit' })
      emit({ type: 'revoked', handle: handleOf(id), count: 1, reason: 'limit' }, { userId: this.#userId })
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
