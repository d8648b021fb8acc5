import type { Clock, Id, Store } from 'strongroom'
import { type Ended, loginMoment, Memo, type UserIndex } from 'strongroom/internal'
import { type EnumerableStore, sessionId } from './engine.ts'

const WITHOUT_INDEX =
  "Django does not index sessions by user. To end all of a user's sessions, change the user's password. (If its session table has a column with the user, give the engine the option userColumn.)"

/** How many keys of listed sessions are remembered: enough for the time between a list and a click. */
const REMEMBERED = 20_000

export interface UserIndexOptions {
  readonly clock: Clock
  /** SESSION_COOKIE_AGE, in ms. */
  readonly cookieAge: number
}

/**
 * A user's sessions, in a session table that has a column with the user. `given` finds them, `store` ends them, within a time limit.
 *
 * A login that is under way at that moment is not ended. It has checked the password before, and the next request compares the
 * hash of the login with the password of then: when the password has changed, that login ends, too.
 */
export function userIndex(
  given: Store,
  store: Pick<Store, 'read' | 'delete'>,
  { clock, cookieAge }: UserIndexOptions,
): UserIndex {
  const { ofUser } = given as Partial<EnumerableStore>
  if (!ofUser) return { storesSurvivor: false, advice: { list: WITHOUT_INDEX, endAll: WITHOUT_INDEX } }
  // An id cannot be turned back into the key.
  const keys = new Memo<string>(REMEMBERED)

  async function end(userId: string, except: Id | null): Promise<Ended> {
    const moment = () => loginMoment(userId, clock(), new Map())
    const before = moment()
    let count = 0
    for (const { key } of await find(userId))
      if (sessionId(key) !== except && (await store.delete(key as Id))) count += 1
    return { count, before, after: moment() }
  }

  const find = (userId: string) => ofUser(userId)

  return {
    async *list(userId) {
      const rows = await find(userId)
      for (const { key } of rows) keys.set(sessionId(key), key, 1)
      // Django stores neither when a session began nor what device it is on. By its end, it was last saved at about this moment.
      yield rows.map(({ key, expiresAt }) => ({
        ...{ id: sessionId(key), createdAt: Math.min(clock(), expiresAt - cookieAge), expiresAt },
        describe: () => ({ label: null, lastSeenAt: null, address: null, stamp: null }),
      }))
    },
    endOne: async (id) => {
      const key = keys.get(id)
      return key !== undefined && store.delete(key as Id)
    },
    endAll: (userId) => end(userId, null),
    async endOthers(userId, { cookie }) {
      const { key } = cookie as typeof cookie & { readonly key: string }
      return (await store.read(key as Id)) ? end(userId, cookie.id) : null
    },
    endAllBut: end,
    moment: async (userId) => loginMoment(userId, clock(), new Map()),
    storesSurvivor: false,
    advice: { list: '', endAll: '' },
  }
}
