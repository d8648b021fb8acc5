import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import type { SessionsOptions } from '../../create.ts'
import type { SessionEvent } from '../../events.ts'
import { type BaseSessions, createSessions } from '../../sessions.ts'
import { type ManualClock, manualClock } from '../clock.ts'
import type { Watched } from '../watched.ts'
import { NOT_FOUND, type Route, STANDARD, type StartServer, type Values } from './application.ts'
import type { Ability, Backing } from './backings.ts'
import { http1, http2 } from './client.ts'
import { Visitor } from './visitor.ts'

/** A running application. */
export interface Site {
  readonly sessions: BaseSessions<Values>
  readonly cookieName: string
  readonly watch: Watched
  readonly events: SessionEvent[]
  visitor(): Visitor
}

/** What a property is given to check. */
export interface Given {
  readonly clock: ManualClock
  readonly abilities: readonly Ability[]
  /** Starts the application. It is closed after the check. */
  site(routes?: Readonly<Record<string, Route>>, options?: SessionsOptions): Promise<Site>
}

/** A property of every backing, or of those that have an ability. */
export interface Property {
  (title: string, check: (given: Given) => Promise<void>): void
  of(ability: Ability, title: string, check: (given: Given) => Promise<void>): void
}

export function propertyOf(start: StartServer, backing: Backing): Property {
  const property = (title: string, check: (given: Given) => Promise<void>) => {
    it(title, { timeout: 20_000 }, async () => {
      const clock = manualClock()
      const cleanups: (() => unknown)[] = []
      try {
        await check({
          clock,
          abilities: backing.abilities,
          site: (routes = {}, options = {}) => open(start, backing, { routes, options, clock, cleanups }),
        })
      } finally {
        for (const cleanUp of cleanups.reverse()) await cleanUp()
      }
    })
  }
  return Object.assign(property, {
    of(ability: Ability, title: string, check: (given: Given) => Promise<void>) {
      if (backing.abilities.includes(ability)) property(title, check)
      else it(title, { skip: WITHOUT[ability] })
    },
  })
}

const WITHOUT = {
  versions: 'a cookie has no versions: the last writer wins',
  revocable: 'a cookie without revocations cannot be ended on the server',
}

interface SiteOptions {
  readonly routes: Readonly<Record<string, Route>>
  readonly options: SessionsOptions
  readonly clock: ManualClock
  readonly cleanups: (() => unknown)[]
}

async function open(start: StartServer, backing: Backing, site: SiteOptions): Promise<Site> {
  const { routes, options, clock, cleanups } = site
  const { options: backingOptions, watch, close } = await backing.open(clock)
  cleanups.push(close)
  const events: SessionEvent[] = []
  const on = (event: SessionEvent) => events.push(event)
  const sessions = createSessions<Values>({ secrets: randomBytes(32), clock, on, ...backingOptions, ...options })
  const table: Readonly<Record<string, Route>> = { ...STANDARD, ...routes }
  const server = await start(sessions, async ({ request, url }) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const route = table[pathname] ?? NOT_FOUND
    return route({
      query: searchParams,
      session: (options) => sessions.get(request, options),
      save: () => sessions.save(request),
    })
  })
  cleanups.push(() => server.close())
  const client = (server.http2 ? http2 : http1)(server.url)
  cleanups.push(() => client.close())
  return {
    sessions,
    cookieName: sessions.policy.cookieName,
    watch,
    events,
    visitor: () => new Visitor(client),
  }
}
