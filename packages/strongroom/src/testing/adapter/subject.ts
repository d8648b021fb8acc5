import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import type { SessionsOptions } from '../../create.ts'
import type { SessionEvent } from '../../events.ts'
import type { GetOptions } from '../../request/visit.ts'
import type { Session } from '../../session/session.ts'
import { type BaseSessions, createSessions } from '../../sessions.ts'
import { type ManualClock, manualClock } from '../clock.ts'
import type { Watched } from '../watched.ts'
import type { Ability, Backing } from './backings.ts'
import { http1, http2 } from './client.ts'
import { NOT_FOUND, STANDARD } from './routes.ts'
import { Visitor } from './visitor.ts'

export type Values = Record<string, unknown>

/** What a route of the suite answers. The adapter's glue sends it the way of its framework. */
export interface Answer {
  readonly status: number
  /** Lines in order; Set-Cookie may stand several times. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Null for none; chunks are to be sent as they come. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array> | null
}

/** What the suite's application needs to know of a request. */
export interface Asked {
  /** What `sessions.get` takes under this adapter. */
  readonly request: object
  /** Path and query, or the whole URL. */
  readonly url: string
}

/** The suite's application. A rejection is for the framework to answer as it answers any error of a handler. */
export type Application = (asked: Asked) => Promise<Answer>

/** Starts a server on this machine which runs the application behind the adapter under test. */
export type Serve = (sessions: BaseSessions<Values>, application: Application) => Promise<Served>

export interface Served {
  readonly url: string
  /** Speak HTTP/2 in the clear to it. */
  readonly http2?: boolean
  close(): Promise<void>
}

export interface Visit {
  readonly query: URLSearchParams
  session(options?: GetOptions): Promise<Session<Values>>
  save(): Promise<void>
}

export type Route = (visit: Visit) => Answer | Promise<Answer>

/** A running application. */
export interface Site {
  readonly sessions: BaseSessions<Values>
  readonly cookieName: string
  readonly watch: Watched
  readonly events: SessionEvent[]
  visitor(): Visitor
}

/** One test's world. */
export interface Given {
  readonly clock: ManualClock
  readonly abilities: readonly Ability[]
  site(routes?: Readonly<Record<string, Route>>, options?: SessionsOptions): Promise<Site>
}

/** A property of every backing, or of those that are able to keep it. */
export interface Property {
  (title: string, check: (given: Given) => Promise<void>): void
  of(ability: Ability, title: string, check: (given: Given) => Promise<void>): void
}

export function propertyOf(serve: Serve, backing: Backing): Property {
  const property = (title: string, check: (given: Given) => Promise<void>) => {
    it(title, { timeout: 20_000 }, async () => {
      const clock = manualClock()
      const endings: (() => unknown)[] = []
      try {
        await check({
          clock,
          abilities: backing.abilities,
          site: (routes = {}, options = {}) => open(serve, backing, { routes, options, clock, endings }),
        })
      } finally {
        for (const end of endings.reverse()) await end()
      }
    })
  }
  return Object.assign(property, {
    of(ability: Ability, title: string, check: (given: Given) => Promise<void>) {
      if (backing.abilities.includes(ability)) property(title, check)
      else it(title, { skip: LACKING[ability] })
    },
  })
}

const LACKING = {
  versions: 'a cookie has no versions: the last writer wins',
  revocable: 'a cookie without revocations cannot be ended on the server',
}

interface Opening {
  readonly routes: Readonly<Record<string, Route>>
  readonly options: SessionsOptions
  readonly clock: ManualClock
  readonly endings: (() => unknown)[]
}

async function open(serve: Serve, backing: Backing, { routes, options, clock, endings }: Opening): Promise<Site> {
  const { options: resting, watch, close } = await backing.open(clock)
  endings.push(close)
  const events: SessionEvent[] = []
  const on = (event: SessionEvent) => events.push(event)
  const sessions = createSessions<Values>({ secrets: randomBytes(32), clock, on, ...resting, ...options })
  const table: Readonly<Record<string, Route>> = { ...STANDARD, ...routes }
  const served = await serve(sessions, async ({ request, url }) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const route = table[pathname] ?? NOT_FOUND
    return route({
      query: searchParams,
      session: (options) => sessions.get(request, options),
      save: () => sessions.save(request),
    })
  })
  endings.push(() => served.close())
  const client = (served.http2 ? http2 : http1)(served.url)
  endings.push(() => client.close())
  return {
    sessions,
    cookieName: sessions.policy.cookieName,
    watch,
    events,
    visitor: () => new Visitor(client),
  }
}
