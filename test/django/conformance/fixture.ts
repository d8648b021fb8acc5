import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { withSessions as adapter } from '../../../packages/strongroom/src/adapters/fetch.ts'
import type { SessionsOptions } from '../../../packages/strongroom/src/create.ts'
import { createAead } from '../../../packages/strongroom/src/crypto/aead.ts'
import { createKeyring } from '../../../packages/strongroom/src/crypto/keyring.ts'
import { createSeal, type SealName } from '../../../packages/strongroom/src/crypto/seal.ts'
import { newToken, verifyToken } from '../../../packages/strongroom/src/crypto/token.ts'
import type { SessionEvent } from '../../../packages/strongroom/src/events.ts'
import { encodeContent } from '../../../packages/strongroom/src/session/content.ts'
import type { Session } from '../../../packages/strongroom/src/session/session.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../../packages/strongroom/src/store.ts'
import type { ManualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { parseSetCookie, type SetCookie } from '../../../packages/strongroom/src/testing/jar.ts'
import { secret } from '../../core/fixtures/secret.ts'
import type { Ability, Engine, StartedEngine } from './engines.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests store what they like
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
  /** The Max-Age of the session's cookie. `browser` without one, null without a cookie. */
  readonly maxAge: number | 'browser' | null
  readonly result: T | undefined
  readonly headers: Headers
}

type Work<T> = (session: AnySession, tools: Tools) => T | Promise<T>

/** A visitor's browser, for one application. */
export class Browser {
  readonly #sessions: Sessions<Anything>
  /** The value of the session's cookie in the next request. */
  cookie: string | null

  constructor(sessions: Sessions<Anything>, cookie: string | null = null) {
    this.#sessions = sessions
    this.cookie = cookie
  }

  /** Makes one request. Without `work`, it is to a page that does not use its session. */
  async visit<T>(work?: Work<T>, status = 200): Promise<Page<T>> {
    // Each request comes in a turn of the event loop of its own.
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

  /** Returns the session's data, as one request reads it. */
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
/** Of sessions whose cookie has its usual name. */

/** What a property is checked with. */
export class Fixture {
  readonly engine: Engine
  readonly started: StartedEngine
  readonly clock: ManualClock
  readonly events: SessionEvent[] = []

  constructor(engine: Engine, started: StartedEngine, clock: ManualClock) {
    this.engine = engine
    this.started = started
    this.clock = clock
  }

  /** Where no option says otherwise: the name of the cookie. */
  get #namespace(): string {
    return this.sessions().policy.cookieName
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
      store: (options.store ?? this.started.store) as IndexedStore,
    })
  }

  browser(options?: Parameters<Fixture['sessions']>[0]): Browser {
    return new Browser(this.sessions(options))
  }

  /** Returns a browser with a session that contains `data`. */
  async visitor(data: Anything = { a: 1 }, options?: Parameters<Fixture['sessions']>[0]): Promise<Browser> {
    const browser = this.browser(options)
    await browser.visit((session) => {
      for (const [key, value] of Object.entries(data)) session.set(key, value)
    })
    return browser
  }

  /**
   * Reads until the cache is asked again. After an error it is left alone for a moment, and until then a read shows nothing about it.
   */
  async readThroughCache(visitor: Browser, expected: Anything): Promise<void> {
    const { cache } = this.started
    if (!cache) assert.fail()
    cache.calls.length = 0
    const until = performance.now() + 20_000
    while (!cache.calls.includes('read')) {
      assert.deepEqual(await visitor.read(), expected)
      assert.ok(performance.now() < until, 'the cache is never asked again')
      await turn()
    }
    assert.deepEqual(await visitor.read(), expected)
  }

  happened(type: SessionEvent['type']): SessionEvent[] {
    return this.events.filter((event) => event.type === type)
  }

  /** Returns a valid cookie of a session that never existed. */
  unknownCookie(): string {
    return newToken(createKeyring(SECRET), this.#namespace).text
  }

  /** Replaces the content of a session's sealed record, as only somebody with all keys could. */
  async rewrite(cookie: string, text: string | object, seal: SealName): Promise<void> {
    const ring = createKeyring(SECRET)
    const token = verifyToken(cookie, ring, this.#namespace)
    const store = this.started.records
    if (typeof token === 'string' || !store) throw new Error('no such record')
    const found = await store.read(token.id)
    if (!found) throw new Error('no such record')
    const { entry, version } = found
    const meta = { createdAt: entry.createdAt, authenticatedAt: null, deadline: entry.expiresAt, idle: 0 }
    const payload =
      typeof text === 'string'
        ? text
        : encodeContent({ meta: { ...meta, userId: null, persistent: false, label: null }, data: JSON.stringify(text) })
    const bytes = createSeal(seal, ring, createAead()).seal(
      payload,
      token,
      entry.owner,
      Math.floor(entry.createdAt / 1000),
    )
    if ((await store.update(token.id, { ...entry, bytes }, version)) === null) throw new Error('it was changed')
  }
}
