import type { Loaded, UserIndex } from '../backing/backing.ts'
import { runExclusive } from '../base/mutex.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { SessionLimitError, UnsupportedError } from '../errors.ts'
import type { State } from '../session/state.ts'

interface Beginning {
  /** The session that the new one takes the place of. */
  readonly old: Id | null
  begin(): Promise<Loaded>
  take?(fresh: Loaded): Promise<Loaded>
}

/**
 * Begins a session, lets it take the old one's place, and keeps a login within the user's limit. Sessions are counted after
 * the new one is there, so that parallel logins see each other; logins of one user through this process take turns, or each
 * of two would end the other. Between processes the limit may end or refuse one too many, and never admits one too many.
 */
export async function withinLimit(core: SessionsContext, { intent }: State, beginning: Beginning): Promise<Loaded> {
  if (intent?.verb !== 'login' || intent.options.limit === undefined) return replace(core, beginning)
  const { userId } = intent
  const { limit, atLimit = 'end-oldest' } = intent.options
  const { list, endOne } = core.backing.users
  if (!list || !endOne)
    throw new UnsupportedError(
      `login: limit needs a store that can list a user's sessions, and ${core.backing.traits.engine} cannot.`,
    )
  const others = async (fresh: Id | null) =>
    (await list(userId)).filter(({ id }) => id !== beginning.old && id !== fresh)
  const refuseFull = async (fresh: Id | null) => {
    if ((await others(fresh)).length >= limit) throw refused(core, limit)
  }
  return runExclusive(core, `user ${userId}`, async () => {
    if (atLimit === 'end-oldest')
      return replace(core, beginning, {
        after: async ({ ref }) => endOldest(core, endOne, await others(ref.cookie.id), limit - 1),
      })
    // Once before anything is begun: a refusal that is plain to see costs nothing.
    await refuseFull(null)
    return replace(core, beginning, { before: ({ ref }) => refuseFull(ref.cookie.id) })
  })
}

/** What could not take the old one's place, or was not admitted, must not lie about as a second session. */
async function replace(
  core: SessionsContext,
  { begin, take }: Beginning,
  checks: Partial<Record<'before' | 'after', (fresh: Loaded) => Promise<void>>> = {},
): Promise<Loaded> {
  const fresh = await begin()
  try {
    await checks.before?.(fresh)
    const taken = take ? await take(fresh) : fresh
    await checks.after?.(taken)
    return taken
  } catch (error) {
    // The first error is the one to tell.
    await core.backing.end(fresh.ref).catch(() => undefined)
    throw error
  }
}

async function endOldest(
  core: SessionsContext,
  endOne: NonNullable<UserIndex['endOne']>,
  others: Awaited<ReturnType<NonNullable<UserIndex['list']>>>,
  most: number,
): Promise<void> {
  const over = others.length - most
  if (over <= 0) return
  const oldest = others.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).slice(0, over)
  await Promise.all(
    oldest.map(async ({ id }) => {
      if (await endOne(id)) core.emit({ type: 'revoked', handle: handleOf(id), count: 1, reason: 'limit' })
    }),
  )
  core.emit({ type: 'limit', policy: 'end-oldest', ended: oldest.length })
}

function refused(core: SessionsContext, limit: number): SessionLimitError {
  core.emit({ type: 'limit', policy: 'refuse', ended: 0 })
  return new SessionLimitError(
    `This user already has ${limit} ${limit === 1 ? 'session' : 'sessions'}, the most that are allowed. End one first.`,
  )
}
