import { cookie } from '../../../packages/strongroom/src/engines/cookie/cookie.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../../packages/strongroom/src/store.ts'
import type { Anything } from '../../core/fixtures/fixture.ts'
import { secret } from '../../core/fixtures/secret.ts'
import type { Place } from './place.ts'
import { adoptionFrom, type Source } from './source.ts'

/** What a server comes to in this schedule. */
interface Setting {
  place: Place
  store: IndexedStore
}
const servers = new Map<string, Setting & { readonly sessions: Sessions<Anything> }>()
export const OLD = secret('interleavings')
const NEW = secret('newer interleavings')
export const secretsOf = ({ isRotated }: Pick<Place, 'isRotated'>) => (isRotated ? [NEW, OLD] : [OLD])
/** Its name, and so the namespace. */
export const COOKIE = 'id'

/**
 * Deriving keys takes longer than a schedule, so the servers stay from one schedule to the next, on other stores. Nothing that
 * they remember is about the new sessions, whose ids are new.
 */
export function serverOn(
  name: string,
  store: IndexedStore,
  place: Place,
  secrets = secretsOf(place),
): Sessions<Anything> {
  const key = `${place.name}: ${name}`
  const known = servers.get(key)
  if (known) {
    Object.assign(known, { store, place })
    return known.sessions
  }
  const now: Setting = { place, store }
  const stage = switched(() => now.store, store)
  const sessions = createSessions<Anything>({
    secrets,
    storeTimeout: '10m',
    sweep: false,
    memo: 2 ** 16,
    store: place.inCookies ? (cookie({ revocations: stage }) as never) : stage,
    clock: () => now.place.clock(),
    adoptFrom: place.source ? adoptionFrom(place.clock(), () => now.place.source as Source) : undefined,
    cookie: { name: COOKIE, secure: false },
    // A false alarm would end a session that must go on.
    ...(place.renewsByTime && { renewEvery: '2m', onReuse: 'end' }),
  })
  servers.set(key, Object.assign(now, { sessions }))
  return sessions
}

/** A store that is another one in the next schedule. */
function switched(now: () => IndexedStore, { traits }: IndexedStore): IndexedStore {
  return {
    traits,
    create: (...args) => now().create(...args),
    read: (...args) => now().read(...args),
    update: (...args) => now().update(...args),
    touch: (...args) => now().touch(...args),
    delete: (...args) => now().delete(...args),
    clearExpired: (...args) => now().clearExpired(...args),
    close: () => now().close(),
    byOwner: {
      list: (...args) => now().byOwner.list(...args),
      deleteAll: (...args) => now().byOwner.deleteAll(...args),
    },
  }
}
