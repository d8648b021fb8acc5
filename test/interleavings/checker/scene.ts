import assert from 'node:assert/strict'
import { ownId } from '../../../packages/strongroom/src/backing/own-entries.ts'
import { createKeyring } from '../../../packages/strongroom/src/crypto/keyring.ts'
import { ownerTag } from '../../../packages/strongroom/src/crypto/owner.ts'
import type { Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { Anything } from '../../core/fixtures/fixture.ts'
import type { Act, Gates } from './gates.ts'
import type { Place, User } from './place.ts'
import { COOKIE, OLD, secretsOf, serverOn } from './servers.ts'
import { SOURCE_COOKIE, type Source } from './source.ts'
import { PROLONGED } from './spans.ts'

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
  /** Empty for a cookie of another framework. */
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
  /**
   * What the presented cookies opened. `since` is the step before which the store was not asked: that of its first operation or,
   * if its node gave it what another request was reading, that at which it came.
   */
  loaded: {
    readonly user: string | null
    readonly handle: string | null
    readonly isLive: boolean
    readonly since: number
  } | null
  /** Null while it runs. `none`: there was nothing to do it to. */
  result: 'done' | 'none' | Error | null
  received: Cookie | null
  /** What the response sets: undefined is nothing, null clears the cookie. */
  setCookie: string | null | undefined
}

/**
 * With which cookie an actor begins. O and T share a session, D is another device of the same user, L and M are a visitor, and X and Y
 * come with a cookie of another framework.
 */
export const ACTORS = { O: 'S0', T: 'S0', D: 'S1', L: 'A', M: 'A', P: null, X: 'F', Y: 'F' } as const
export type ActorName = keyof typeof ACTORS

export const isForeign = ({ handle }: Cookie): boolean => handle === ''

export const cookieHeader = (cookie: Cookie | null, besides: Cookie | null = null) => {
  const pairs = [cookie, besides].flatMap((one) =>
    one ? [`${isForeign(one) ? SOURCE_COOKIE : COOKIE}=${one.text}`] : [],
  )
  return pairs.length > 0 ? { cookie: pairs.join('; ') } : {}
}

/** After so many ms, a request that only reads touches its session. */
const UNTIL_TOUCH = 4 * 60_000

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
    const { current } = place.isRotated ? rotatedKeys : keys
    gates.epochs = Object.values(place.users).map((user) => ownId('epoch', ownerTag(current, COOKIE, user)))
  }

  static async create(place: Place, gates: Gates): Promise<Scene> {
    const scene = new Scene(place, gates)
    await scene.#warmUp()
    await scene.#begin('S0', 'u')
    await scene.#begin('S1', 'u')
    await scene.#begin('A', null)
    if (place.source) scene.#beginElsewhere(place.source)
    place.clock.advance(UNTIL_TOUCH)
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
      // At the time of the schedule: what a server has just read it believes for a minute.
      const start = place.clock()
      place.clock.advance(UNTIL_TOUCH)
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
      place.clock.set(start)
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

  #beginElsewhere({ key }: Source): void {
    this.start.set('F', this.hand(key, { name: 'F', user: 'u', login: null, parent: null }, ''))
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

// Deriving keys takes a tenth of a schedule.
const keys = createKeyring(secretsOf({ isRotated: false }))
const rotatedKeys = createKeyring(secretsOf({ isRotated: true }))

/** What the servers of a place have stored for ever. */
const warm = new Map<string, ReadonlySet<string>>()

/** The value of a Set-Cookie line; null if it clears the cookie, undefined if there is none. */
export function cookieOf(line: string | null): string | null | undefined {
  if (line === null) return undefined
  const [pair = ''] = line.split(';', 1)
  return /; max-age=0(;|$)/i.test(line) ? null : pair.slice(pair.indexOf('=') + 1)
}
