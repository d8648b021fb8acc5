import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { withSessions as adapter } from '../../../packages/strongroom/src/adapters/fetch.ts'
import type { SessionEvent } from '../../../packages/strongroom/src/events.ts'
import type { Session } from '../../../packages/strongroom/src/session/session.ts'
import type { Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { ManualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { parseSetCookie, type SetCookie } from '../../../packages/strongroom/src/testing/jar.ts'
import type { Watched } from '../../../packages/strongroom/src/testing/watched.ts'
import type { Ability, AnyStore, Anything, Engine, Options, StartedEngine } from './subject.ts'

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

/** What a property is checked with. */
export class Fixture {
  readonly engine: Engine
  readonly started: StartedEngine
  readonly clock: ManualClock
  readonly events: SessionEvent[] = []
  readonly #made: Sessions<Anything>[] = []

  constructor(engine: Engine, started: StartedEngine, clock: ManualClock) {
    this.engine = engine
    this.started = started
    this.clock = clock
  }

  can(ability: Ability): boolean {
    return this.engine.abilities.includes(ability)
  }

  get cookieName(): string {
    return this.sessions().policy.cookieName
  }

  sessions(options: Options = {}): Sessions<Anything> {
    const { store = this.started.store, ...rest } = options
    const { clock, events, engine } = this
    const made = engine.format.sessions({ on: (event) => events.push(event), ...rest, store, clock })
    this.#made.push(made)
    return made
  }

  browser(options?: Options): Browser {
    return new Browser(this.sessions(options))
  }

  /** Returns a browser with a session that contains `data`. */
  async visitor(data: Anything = { a: 1 }, options?: Options): Promise<Browser> {
    const browser = this.browser(options)
    await browser.visit((session) => {
      for (const [key, value] of Object.entries(data)) session.set(key, value)
    })
    return browser
  }

  /** Lets time pass, for the backend as well. */
  async advance(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.started.passed?.(ms)
  }

  /** Returns how far away a moment is, in ms. A backend with a clock of its own is a little behind, which is rounded away. */
  from(moment: Date | null): number {
    const { drift } = this.engine
    const ms = (moment?.getTime() ?? 0) - this.clock()
    return drift === 0 ? ms : Math.ceil(ms / drift) * drift
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

  /** The same for changes, which are not told to the cache for a moment either. */
  async changeThroughCache(visitor: Browser): Promise<void> {
    const { cache } = this.started
    if (!cache) assert.fail()
    cache.calls.length = 0
    const until = performance.now() + 20_000
    for (let count = 1; cache.calls.every((call) => call === 'read'); count++) {
      await visitor.visit((session) => session.set('changes', count))
      assert.ok(performance.now() < until, 'the cache is never told again')
      await turn()
    }
    await visitor.visit((session) => session.delete('changes'))
  }

  happened(type: SessionEvent['type']): SessionEvent[] {
    return this.events.filter((event) => event.type === type)
  }

  unknownCookie(): string {
    return this.engine.format.unknownCookie(this.cookieName)
  }

  observed(): { readonly store: AnyStore; readonly watch: Pick<Watched, 'before' | 'calls'> } {
    return this.engine.format.observed(this.started)
  }

  async rewrite(browser: Browser, content: string | object): Promise<void> {
    const { format } = this.engine
    browser.cookie = await format.rewrite(this.started, this.clock, String(browser.cookie), content)
  }

  /** Closes what would stay open. The stores of own engines are shared by all properties. */
  async close(): Promise<void> {
    if (this.engine.format.name === 'django') await Promise.all(this.#made.map((sessions) => sessions.close()))
  }
}
