import assert from 'node:assert/strict'
import { ownId } from '../../../packages/strongroom/src/backing/own-entries.ts'
import { createKeyring } from '../../../packages/strongroom/src/crypto/keyring.ts'
import { ownerTag } from '../../../packages/strongroom/src/crypto/owner.ts'
import { cookie } from '../../../packages/strongroom/src/engines/cookie/cookie.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, ScannableStore } from '../../../packages/strongroom/src/store.ts'
import type { ManualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import type { Anything } from '../../core/fixtures/fixture.ts'
import { secret } from '../../core/fixtures/secret.ts'
import type { Act, Gates } from './gates.ts'
import { PROLONGED } from './lifetimes.ts'

export type User = 'u' | 'v'

/** A session for as long as only renewals change its cookie. What a login begins is another one, unless its handle stays. */
export interface Line {
  readonly name: string
  readonly user: User | null
  /** The login that began it; null for those that were there before. */
  readonly login: Deed | null
  /** The session that the login came with. */
  readonly parent: Line | null
}

/** A cookie that somebody was sent. */
export interface Cookie {
  readonly text: string
  readonly line: Line
  readonly handle: string
}

/** One verb of one actor, and what became of it. */
export interface Deed extends Act {
  readonly actor: string
  readonly verb: string
  /** The key that it writes, if it writes. */
  readonly key: string
  presented: Cookie | null
  /** A second cookie of the same name. */
  besides: Cookie | null
  /** What the presented cookies opened. */
  loaded: { readonly user: string | null; readonly isLive: boolean } | null
  /** Null while it runs. `none`: there was nothing to do it to. */
  result: 'done' | 'none' | Error | null
  received: Cookie | null
  /** What the response sets: undefined is nothing, null clears the cookie. */
  setCookie: string | null | undefined
}

/** Where the sessions of one schedule are stored. */
export interface Place {
  /** Servers of places with this name are used again in the next schedule. */
  readonly name: string
  readonly clock: ManualClock
  /** The store of an actor, behind gates. */
  node(actor: string): IndexedStore
  /** A store that passes the gates, for what is done before and after. */
  readonly outside: IndexedStore & ScannableStore
  /** What the backend names `u` and `v`, so that schedules can share a backend. */
  readonly users: Readonly<Record<User, string>>
  /** Are the sessions in their cookies, and only what ended them in the store? Nobody can list them, and copies differ. */
  readonly inCookies: boolean
  /** Did the sessions begin under a secret that is no longer the current one? */
  readonly isRotated: boolean
  /** Ms after which no node believes an old copy. */
  readonly staleFor: number
  /** Removes all entries but these. A server engine keeps them: its users are new in each schedule. */
  clear(kept: ReadonlySet<string>): Promise<void>
}

/** With which cookie an actor begins. O and T share a session, D is another device of the same user, L and M are a visitor. */
export const ACTORS = { O: 'S0', T: 'S0', D: 'S1', L: 'A', M: 'A', P: null } as const
export type ActorName = keyof typeof ACTORS

export const cookieHeader = (cookie: Cookie | null, besides: Cookie | null = null) => {
  const pairs = [cookie, besides].flatMap((one) => (one ? [`${COOKIE}=${one.text}`] : []))
  return pairs.length > 0 ? { cookie: pairs.join('; ') } : {}
}

/** The sessions of one schedule: those that are there at first, and everything that was done and handed out since. */
export class Scene {
  readonly place: Place
  readonly gates: Gates
  readonly outside: Sessions<Anything>
  readonly cookies: Cookie[] = []
  readonly deeds: Deed[] = []
  readonly start = new Map<string, Cookie>()

  private constructor(place: Place, gates: Gates) {
    this.place = place
    this.gates = gates
    this.outside = serverOn('outside', place.outside, place)
    const { current } = createKeyring(secretsOf(place))
    gates.epochs = Object.values(place.users).map((user) => ownId('epoch', ownerTag(current, COOKIE, user)))
  }

  static async create(place: Place, gates: Gates): Promise<Scene> {
    const scene = new Scene(place, gates)
    await scene.#warmUp()
    await scene.#begin('S0', 'u')
    await scene.#begin('S1', 'u')
    await scene.#begin('A', null)
    // A request that only reads touches its session now.
    place.clock.advance(4 * 60_000)
    return scene
  }

  /** The server that an actor comes to. */
  node(actor: string): Sessions<Anything> {
    const { place } = this
    const names = Object.keys(ACTORS).filter((other) => place.node(other) === place.node(actor))
    return serverOn(`${names}`, place.node(actor), place)
  }

  /** What a server does once, such as registering a key, must not be a part of the first schedule alone. */
  async #warmUp(): Promise<void> {
    const { place } = this
    if (!warm.has(place.name)) {
      for (const sessions of [this.outside, ...Object.keys(ACTORS).map((actor) => this.node(actor))]) {
        for (const beginning of [this.#beginning, sessions]) {
          const first = beginning.open({})
          ;(await first.get()).login('warm')
          const cookie = cookieOf((await first.commit()).setCookie)
          const second = sessions.open({ cookie: `${COOKIE}=${cookie}` })
          ;(await second.get()).setExpiry({ absolute: PROLONGED + 24 * 60 * 60_000 })
          await second.commit()
        }
        await sessions.of('warm').revokeAll()
      }
      const ids: string[] = []
      for await (const page of place.outside.scan()) ids.push(...page.map(({ id }) => id))
      warm.set(place.name, new Set(ids))
    }
  }

  /** Removes what the schedule has left. */
  close(): Promise<void> {
    return this.place.clear(warm.get(this.place.name) ?? new Set())
  }

  hand(text: string, line: Line, handle: string): Cookie {
    const cookie = { text, line, handle }
    this.cookies.push(cookie)
    return cookie
  }

  /** Where the sessions begin that are there at first. */
  get #beginning(): Sessions<Anything> {
    const { place } = this
    return place.isRotated ? serverOn('beginning', place.outside, place, [OLD]) : this.outside
  }

  async #begin(name: string, user: User | null): Promise<void> {
    const visit = this.#beginning.open({})
    const session = await visit.get()
    session.set('began as', name)
    if (user) session.login(this.place.users[user])
    const text = cookieOf((await visit.commit()).setCookie)
    assert.ok(text)
    this.start.set(name, this.hand(text, { name, user, login: null, parent: null }, `${session.handle}`))
    this.place.clock.advance(1000)
  }
}

interface Server {
  readonly sessions: Sessions<Anything>
  place: Place
  store: IndexedStore
}
const servers = new Map<string, Server>()
const OLD = secret('interleavings')
const NEW = secret('newer interleavings')
const secretsOf = ({ isRotated }: Place) => (isRotated ? [NEW, OLD] : [OLD])
/** Its name, and so the namespace. */
const COOKIE = 'id'
/** What the servers of a place have stored for ever. */
const warm = new Map<string, ReadonlySet<string>>()

/**
 * Deriving keys takes longer than a schedule, so the servers stay from one schedule to the next, on other stores. Nothing that
 * they remember is about the new sessions, whose ids are new.
 */
function serverOn(name: string, store: IndexedStore, place: Place, secrets = secretsOf(place)): Sessions<Anything> {
  const key = `${place.name}: ${name}`
  const known = servers.get(key)
  if (known) {
    Object.assign(known, { store, place })
    return known.sessions
  }
  const options = { secrets, storeTimeout: '10m', sweep: false, memo: 2 ** 16 } as const
  const stage = switched(() => server.store, store)
  const server: Server = {
    sessions: createSessions<Anything>({
      ...options,
      store: place.inCookies ? (cookie({ revocations: stage }) as never) : stage,
      clock: () => server.place.clock(),
      cookie: { name: COOKIE, secure: false },
    }),
    store,
    place,
  }
  servers.set(key, server)
  return server.sessions
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

/** The value of a Set-Cookie line; null if it clears the cookie, undefined if there is none. */
export function cookieOf(line: string | null): string | null | undefined {
  if (line === null) return undefined
  const [pair = ''] = line.split(';', 1)
  return /; max-age=0(;|$)/i.test(line) ? null : pair.slice(pair.indexOf('=') + 1)
}
