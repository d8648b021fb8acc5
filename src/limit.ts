import type { Loaded } from './backing.ts'
import type { Core } from './core.ts'
import { SessionLimit, Unsupported } from './errors.ts'
import type { State } from './state.ts'
import { handleOf, type Id } from './token.ts'

/**
 * Signs in within the user's limit. Sessions are counted after the new one is there, so that parallel logins see each
 * other: the limit may refuse one too many, and never admits one too many.
 */
export async function withinLimit(
  core: Core,
  state: State,
  old: Id | null,
  begin: () => Promise<Loaded>,
): Promise<Loaded> {
  const { intent } = state
  if (intent?.verb !== 'login' || intent.options.limit === undefined) return begin()
  const { limit, atLimit = 'end-oldest' } = intent.options
  const { users, traits } = core.backing
  const { list, endOne } = users
  if (!list || !endOne)
    throw new Unsupported(`login: limit needs a store that can list a user's sessions, and ${traits.engine} cannot.`)
  const others = async (except: Id | null) =>
    (await list(intent.userId)).filter(({ id }) => id !== old && id !== except)
  if (atLimit === 'refuse' && (await others(null)).length >= limit) throw refused(core, limit)
  const fresh = await begin()
  const { id } = fresh.held.ticket
  const rest = await others(id)
  const over = rest.length + 1 - limit
  if (over <= 0) return fresh
  if (atLimit === 'refuse') {
    await core.backing.end(fresh.held)
    throw refused(core, limit)
  }
  const oldest = rest.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).slice(0, over)
  await Promise.all(
    oldest.map(async ({ id }) => {
      if (await endOne(id)) core.emit({ type: 'revoked', handle: handleOf(id), count: 1, reason: 'limit' })
    }),
  )
  core.emit({ type: 'limit', policy: atLimit, ended: oldest.length })
  return fresh
}

function refused(core: Core, limit: number): SessionLimit {
  core.emit({ type: 'limit', policy: 'refuse', ended: 0 })
  return new SessionLimit(
    `This user already has ${limit} ${limit === 1 ? 'session' : 'sessions'}, the most that are allowed. End one first.`,
  )
}
