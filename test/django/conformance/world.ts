import { setImmediate as turn } from 'node:timers/promises'
import { withSessions as adapter } from '../../../packages/strongroom/src/adapters/fetch.ts'
import type { SessionsOptions } from '../../../packages/strongroom/src/create.ts'
import { createKeyring } from '../../../packages/strongroom/src/crypto/keyring.ts'
import { createSeal, type SealName } from '../../../packages/strongroom/src/crypto/seal.ts'
import { mint, parse } from '../../../packages/strongroom/src/crypto/token.ts'
import type { SessionEvent } from '../../../packages/strongroom/src/events.ts'
import { encodeContent } from '../../../packages/strongroom/src/session/content.ts'
import type { Session } from '../../../packages/strongroom/src/session/session.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../../packages/strongroom/src/store.ts'
import type { ManualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { parseSetCookie, type SetCookie } from '../../../packages/strongroom/src/testing/jar.ts'
import { secret } from '../../core/kit/ring.ts'
import type { Ability, Engine, Resting } from './engines.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests put what they like
export type Anything = Record<string, any>
export type AnySession = Session<Anything>

export interface Tools {
  readonly request: Request
  save(): Promise<void>
}

export interface Page<T> {
  readonly status: number
  readonly vary: string | null
  readonly setCookie: SetCookie | null
  /** The attribute of the session's cookie, `browser` where there is none, null where no cookie came. */
  readonly maxAge: number | 'browser' | null
  readonly result: T | undefined
  readonly headers: Headers
}

type Work<T> = (session: AnySession, tools: Tools) => T | Promise<T>

/** Somebody with a browser, in front of one application. */
export class Browser {
  readonly #sessions: Sessions<Anything>
  /** The value of the session's cookie, as the next request carries it. */
  cookie: string | null

  constructor(sessions: Sessions<Anything>, cookie: string | null = null) {
    this.#sessions = sessions
    this.cookie = cookie
  }

  /** One request; without `work` it is to a page that does not ask for its session. */
  async visit<T>(work?: Work<T>, status = 200): Promise<Page<T>> {
    // Requests come in turns of their own.
    await turn()
    const name = this.#sessions.policy.cookieName
    let result: T | undefined
    const handler = adapter(this.#sessions, async (request) => {
      const save = () => this.#sessions.save(request)
      if (work) result = await work((await this.#sessions.get(request)) as AnySession, { request, save })
      return new Response(null, { status })
    })
    const headers = new Headers(this.cookie === null ? {} : { cookie: `${name}=${this.cookie}` })
    const response = await handler(new Request('https://shop.example/', { headers }))
    const lines = response.headers.getSetCookie().map(parseSetCookie)
    const setCookie = lines.find((line) => line.name === name) ?? null
    if (setCookie) this.cookie = setCookie.attributes.get('max-age') === '0' ? null : setCookie.value
    const life = setCookie?.attributes.get('max-age')
    return {
      status: response.status,
      vary: response.headers.get('vary'),
      setCookie,
      maxAge: setCookie === null ? null : life === undefined ? 'browser' : Number(life),
      result,
      headers: response.headers,
    }
  }

  /** What the session holds, as one request reads it. */
  async read(): Promise<Anything> {
    const { result } = await this.visit((session) =>
      Object.fromEntries(session.keys().map((key) => [key, session.get(key)])),
    )
    return result ?? {}
  }

  /** The same cookie in another browser: another tab, or a thief. */
  copy(): Browser {
    return new Browser(this.#sessions, this.cookie)
  }
}

const SECRET = secret('conformance')

/** What one property has to do with. */
export class World {
  readonly engine: Engine
  readonly resting: Resting
  readonly clock: ManualClock
  readonly events: SessionEvent[] = []

  constructor(engine: Engine, resting: Resting, clock: ManualClock) {
    this.engine = engine
    this.resting = resting
    this.clock = clock
  }

  can(ability: Ability): boolean {
    return this.engine.abilities.includes(ability)
  }

  sessions(options: Omit<SessionsOptions, 'store'> & { store?: SessionsOptions['store'] } = {}): Sessions<Anything> {
    return createSessions<Anything>({
      secrets: SECRET,
      clock: this.clock,
      sweep: false,
      on: (event) => this.events.push(event),
      ...options,
      store: (options.store ?? this.resting.store) as IndexedStore,
    })
  }

  browser(options?: Parameters<World['sessions']>[0]): Browser {
    return new Browser(this.sessions(options))
  }

  /** A browser with a session that holds `data`. */
  async visitor(data: Anything = { a: 1 }, options?: Parameters<World['sessions']>[0]): Promise<Browser> {
    const browser = this.browser(options)
    await browser.visit((session) => {
      for (const [key, value] of Object.entries(data)) session.set(key, value)
    })
    return browser
  }

  happened(type: SessionEvent['type']): SessionEvent[] {
    return this.events.filter((event) => event.type === type)
  }

  /** A cookie that is ours in every respect, and of a session that was never there. */
  unknownCookie(): string {
    return mint(createKeyring(SECRET)).text
  }

  /** Puts another text into the sealed record of a session, as only somebody with all keys could. */
  async rewrite(cookie: string, text: string | object, seal: SealName): Promise<void> {
    const ring = createKeyring(SECRET)
    const claim = parse(cookie, ring)
    const store = this.resting.records
    if (typeof claim === 'string' || !store) throw new Error('no such record')
    const found = await store.read(claim.id)
    if (!found) throw new Error('no such record')
    const { entry, version } = found
    const meta = { createdAt: entry.createdAt, authenticatedAt: null, deadline: entry.expiresAt, idle: 0 }
    const payload =
      typeof text === 'string'
        ? text
        : encodeContent({ meta: { ...meta, userId: null, persistent: false, label: null }, data: JSON.stringify(text) })
    const bytes = createSeal(seal, ring).seal(payload, claim, entry.owner)
    if ((await store.update(claim.id, { ...entry, bytes }, version)) === null) throw new Error('it was changed')
  }
}
