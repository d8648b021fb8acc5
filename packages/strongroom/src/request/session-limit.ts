import type { UserIndex, UserSession } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { SessionLimitError, UnsupportedError } from '../errors.ts'
import type { State } from '../session/state.ts'

/** How many sessions a user may have, as one login sees it. */
export interface SessionLimit {
  /** Runs one login of this user at a time. */
  inTurn<T>(login: () => Promise<T>): Promise<T>
  /** With `atLimit: 'refuse'`: throws `SessionLimitError` when the user has enough sessions without `own`. */
  refuseIfFull(own: readonly Id[]): Promise<void> | undefined
  /** With `atLimit: 'end-oldest'`: ends so many of the user's other sessions that `own` is within the limit. */
  endOldest(own: readonly Id[]): Promise<void> | undefined
}

/** How many sessions are ended in parallel. */
const ENDED_AT_ONCE = 100

const NO_LIMIT: SessionLimit = {
  inTurn: (login) => login(),
  refuseIfFull: () => undefined,
  endOldest: () => undefined,
}

/** The limit of the login that the state asks for, or none. Throws `UnsupportedError` where sessions cannot be listed. */
export function sessionLimit(context: SessionsContext, { intent }: State): SessionLimit {
  if (intent?.verb !== 'login' || intent.options.limit === undefined) return NO_LIMIT
  const { list, endOne } = context.backing.users
  if (list && endOne) return new UserLimit(context, intent, { list, endOne })
  throw new UnsupportedError(
    `login: limit needs a store that can list a user's sessions, and ${context.backing.traits.engine} cannot.`,
  )
}

/**
 * The others are counted again after the new session is stored, so that parallel logins see each other. Logins of one user
 * through this process take turns, because each of two would end the other. Between processes a limit may end or refuse one
 * session too many, and never admits one too many.
 */
class UserLimit implements SessionLimit {
  readonly #context: SessionsContext
  readonly #userId: string
  readonly #most: number
  readonly #refuses: boolean
  readonly #list: NonNullable<UserIndex['list']>
  readonly #endOne: NonNullable<UserIndex['endOne']>

  constructor(
    context: SessionsContext,
    { userId, options }: Extract<State['intent'], { verb: 'login' }>,
    { list, endOne }: Required<Pick<UserIndex, 'list' | 'endOne'>>,
  ) {
    this.#context = context
    this.#userId = userId
    this.#most = options.limit ?? Number.POSITIVE_INFINITY
    this.#refuses = options.atLimit === 'refuse'
    this.#list = list
    this.#endOne = endOne
  }

  inTurn<T>(login: () => Promise<T>): Promise<T> {
    return runExclusive(this.#context, `user ${this.#userId}`, login)
  }

  async refuseIfFull(own: readonly Id[]): Promise<void> {
    if (!this.#refuses || (await this.#others(own, this.#most)).length < this.#most) return
    this.#context.emit({ type: 'limit', policy: 'refuse', ended: 0 })
    throw new SessionLimitError(
      `This user already has ${this.#most} ${this.#most === 1 ? 'session' : 'sessions'}, the most that are allowed. End one first.`,
    )
  }

  async endOldest(own: readonly Id[]): Promise<void> {
    if (this.#refuses) return
    const others = await this.#others(own)
    const over = others.length - (this.#most - 1)
    if (over <= 0) return
    const oldest = others.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).slice(0, over)
    const { emit } = this.#context
    const end = async ({ id }: UserSession) => {
      if (await this.#endOne(id)) emit({ type: 'revoked', handle: handleOf(id), count: 1, reason: 'limit' })
    }
    // Many, when the limit is new or has been lowered.
    for (let at = 0; at < over; at += ENDED_AT_ONCE) await Promise.all(oldest.slice(at, at + ENDED_AT_ONCE).map(end))
    emit({ type: 'limit', policy: 'end-oldest', ended: oldest.length })
  }

  /**
   * All of the user's other sessions; or, to know whether there are `enough`, at least so many and not all. Which are the oldest
   * shows only when all have been listed, but a user within the limit has no more than that.
   */
  async #others(own: readonly Id[], enough = Number.POSITIVE_INFINITY): Promise<UserSession[]> {
    const others: UserSession[] = []
    for await (const page of this.#list(this.#userId, { page: Math.min(enough + own.length, 500) })) {
      others.push(...page.filter(({ id }) => !own.includes(id)))
      if (others.length >= enough) break
    }
    return others
  }
}
