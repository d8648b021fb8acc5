import { warnOfResponses } from '../base/unhandled.ts'
import { ConfigError } from '../errors.ts'
import type { CsrfOptions } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { attachToApp, type H3App } from './h3/application.ts'
import { type FetchEvent, isNodeEvent, type NodeEvent } from './h3/event.ts'
import { H3Failure } from './h3/failure.ts'
import { formFacts } from './h3/form.ts'
import { runWith } from './h3/middleware.ts'
import { checkSessions } from './shared/check.ts'
import { csrfCheck } from './shared/csrf.ts'
import { fetchFacts } from './shared/fetch-facts.ts'

export type { CsrfOptions, FetchEvent, H3App, NodeEvent }

/** What Nitro 2 hands to its plugins, as far as it matters here. */
export interface NitroApp {
  readonly h3App: H3App
}

/** What `strongroom(sessions)` returns: middleware for h3 2 and Nitro 3, and a plugin for Nitro 2 and Nuxt 4. */
export interface Strongroom {
  (event: FetchEvent, next: () => unknown): Promise<unknown>
  (nitroApp: NitroApp): void
}

/**
 * Middleware for h3 2, and for Nitro 3, which is built on it: `app.use(strongroom(sessions))`. For Nitro 2, and so for Nuxt 4, the same
 * function is a plugin: `export default defineNitroPlugin(strongroom(sessions))` in `server/plugins/`. After it,
 * `await sessions.get(event)` resolves to the request's session. An error while the session is saved reaches the error handler of the
 * application. Throws `ConfigError` for what is not sessions, and when it is used as middleware of h3 1.
 */
export function strongroom<Data extends object>(sessions: BaseSessions<Data>): Strongroom {
  checkSessions('app.use(strongroom(sessions))', sessions)
  warnOfResponses()
  // Not an async function: Nitro would not see what it throws. With two parameters: h3 2 gives `next` to no other function.
  return function strongroom(given: FetchEvent | NitroApp, next?: () => unknown): never {
    if ('h3App' in given) return attachToApp(sessions, given.h3App) as never
    if (typeof next !== 'function') throw new ConfigError(PLACE)
    return runWith(sessions, given, next) as never
  }
}

const PLACE =
  'strongroom(sessions) of strongroom/h3 is middleware of h3 2, whose middleware can wait for a response. In Nuxt 4 and Nitro 2, which have h3 1, it is a plugin: write `export default defineNitroPlugin(strongroom(sessions))` into server/plugins/session.ts, not into server/middleware. With h3 1 alone, write withSessions(sessions, app).'

/**
 * The same for an application of h3 1 alone: `const app = withSessions(sessions, createApp())`. Returns the application. It may be served by
 * `toNodeListener`, `toWebHandler` and `toPlainHandler`. Throws `ConfigError` for what is not sessions or no application of h3 1.
 */
export function withSessions<Data extends object, App extends H3App>(sessions: BaseSessions<Data>, app: App): App {
  checkSessions('withSessions(sessions, createApp())', sessions)
  const { handler, options, fetch } = Object(app) as Partial<H3App> & { fetch?: unknown }
  if (typeof fetch === 'function')
    throw new ConfigError(
      'withSessions() takes an application of h3 1. With h3 2, write app.use(strongroom(sessions)).',
    )
  if (typeof handler !== 'function' || typeof options !== 'object')
    throw new ConfigError('withSessions() takes an application of h3 1: write withSessions(sessions, createApp()).')
  attachToApp(sessions, app)
  return app
}

/**
 * Middleware that refuses requests which the page of another site may have made: `CsrfError` (403) reaches the error handler of the
 * application. For h3 2 and h3 1: `app.use(csrf(sessions))`, or a file in `server/middleware/` whose default export it is. A token is looked
 * for in a header, and in a form of up to 1 MiB, which the handler can read again. Throws `ConfigError` for what is not sessions, and for a
 * wrong option.
 */
export function csrf<Data extends object>(sessions: BaseSessions<Data>, options: CsrfOptions = {}) {
  const check = csrfCheck('app.use(csrf(sessions))', sessions, options)
  return async function csrf(event: FetchEvent | NodeEvent): Promise<void> {
    if (!isNodeEvent(event)) return check(event, fetchFacts(event.req))
    try {
      await check(event, formFacts(event))
    } catch (error) {
      // h3 1 logs what is no error of its own, and attacks are none of the application's.
      throw new H3Failure(error)
    }
  }
}
