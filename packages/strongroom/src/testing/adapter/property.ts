import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import type { SessionEvent } from '../../events.ts'
import type { CsrfOptions } from '../../http/csrf.ts'
import type { SessionsOptions } from '../../options.ts'
import { type BaseSessions, createSessions } from '../../sessions.ts'
import { type ManualClock, manualClock } from '../clock.ts'
import type { Watched } from '../watched.ts'
import { NOT_FOUND, type Route, STANDARD, type StartServer, type SuiteApplication, type Values } from './application.ts'
import type { Ability, Backing } from './backings.ts'
import { http1, http2 } from './client.ts'
import { Visitor } from './visitor.ts'

/** A running application. */
export interface Site {
  readonly sessions: BaseSessions<Values>
  /** The address, as browsers send it in `Origin`. */
  readonly origin: string
  readonly cookieName: string
  readonly watch: Watched
  readonly events: SessionEvent[]
  visitor(): Visitor
}

/** What a property is given to check. */
export interface Given {
  readonly clock: ManualClock
  readonly abilities: readonly Ability[]
  /** Starts the application, with a check for forged requests if that has options. It is closed after the test. */
  site(
    routes?: Readonly<Record<string, Route>>,
    options?: SessionsOptions,
    protection?: CsrfOptions | null,
  ): Promise<Site>
}

/** A property of every backing, or of where there are these abilities. */
export interface Property {
  (title: string, check: (given: Given) => Promise<void>): void
  of(needed: Ability | readonly Ability[], title: string, check: (given: Given) => Promise<void>): void
}

export function propertyOf(start: StartServer, backing: Backing, hasCsrf: boolean): Property {
  const abilities: readonly Ability[] = hasCsrf ? [...backing.abilities, 'csrf'] : backing.abilities
  const property = (title: string, check: (given: Given) => Promise<void>) => {
    it(title, { timeout: 20_000 }, async () => {
      const clock = manualClock()
      const cleanups: (() => unknown)[] = []
      try {
        await check({
          clock,
          abilities,
          site: (routes = {}, options = {}, protection = null) =>
            open(start, backing, { routes, options, protection, clock, cleanups }),
        })
      } finally {
        for (const cleanUp of cleanups.reverse()) await cleanUp()
      }
    })
  }
  return Object.assign(property, {
    of(needed: Ability | readonly Ability[], title: string, check: (given: Given) => Promise<void>) {
      const missing = [needed].flat().find((ability) => !abilities.includes(ability))
      if (missing === undefined) property(title, check)
      else it(title, { skip: WITHOUT[missing] })
    },
  })
}

const WITHOUT = {
  versions: 'a cookie has no versions: the last writer wins',
  revocable: 'a cookie without revocations cannot be ended on the server',
  csrf: 'this adapter has no csrf(): it does not protect forms',
}

interface SiteOptions {
  readonly routes: Readonly<Record<string, Route>>
  readonly options: SessionsOptions
  readonly protection: CsrfOptions | null
  readonly clock: ManualClock
  readonly cleanups: (() => unknown)[]
}

async function open(start: StartServer, backing: Backing, site: SiteOptions): Promise<Site> {
  const { routes, options, protection, clock, cleanups } = site
  const { options: backingOptions, watch, close } = await backing.open(clock)
  cleanups.push(close)
  const events: SessionEvent[] = []
  const on = (event: SessionEvent) => events.push(event)
  const sessions = createSessions<Values>({ secrets: randomBytes(32), clock, on, ...backingOptions, ...options })
  const table: Readonly<Record<string, Route>> = { ...STANDARD, ...routes }
  const application: SuiteApplication = async (suiteRequest) => {
    const { request, url } = suiteRequest
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const route = table[pathname] ?? NOT_FOUND
    return route({
      query: searchParams,
      session: (options) => sessions.get(request, options),
      current: () => sessions.current(),
      peek: () => sessions.peek(request),
      save: () => sessions.save(request),
      csrfToken: () => sessions.csrfToken(request),
      field: async (name) => suiteRequest.field?.(name),
    })
  }
  const server = await start(sessions, application, protection)
  cleanups.push(() => server.close())
  const client = (server.http2 ? http2 : http1)(server.url)
  cleanups.push(() => client.close())
  return {
    sessions,
    origin: new URL(server.url).origin,
    cookieName: sessions.policy.cookieName,
    watch,
    events,
    visitor: () => new Visitor(client),
  }
}
