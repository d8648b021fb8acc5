import { describe } from 'node:test'
import type { StartServer } from './adapter/application.ts'
import { type AdditionalStore, backings } from './adapter/backings.ts'
import { bearerTokens } from './adapter/bearer.ts'
import { concurrency } from './adapter/concurrency.ts'
import { csrf } from './adapter/csrf.ts'
import { current } from './adapter/current.ts'
import { failures } from './adapter/failures.ts'
import { login } from './adapter/login.ts'
import { own } from './adapter/own.ts'
import { propertyOf } from './adapter/property.ts'
import { reading } from './adapter/reading.ts'
import { responses } from './adapter/responses.ts'
import { saving } from './adapter/saving.ts'
import { stepUp } from './adapter/step-up.ts'

export type {
  RunningServer,
  StartServer,
  SuiteApplication,
  SuiteRequest,
  SuiteResponse,
} from './adapter/application.ts'
export type { AdditionalStore } from './adapter/backings.ts'

/** Options of `adapterSuite`. */
export interface AdapterSuiteOptions {
  /** Stores to run the suite over in addition to its own. */
  readonly stores?: readonly AdditionalStore[] | undefined
  /**
   * Does the adapter have `csrf(sessions, options)`? Default true: a server without it fails. With false, each of its tests is skipped
   * with the reason that this adapter does not protect forms.
   */
  readonly csrf?: boolean | undefined
}

/**
 * Tests everything that an adapter must do, as `node:test` tests: HTTP conversations with a real server over every kind of
 * backing (memory under each seal, and cookies: sealed, signed, and with revocations). `start` starts the server; it is called
 * once for each conversation. What a backing cannot do is reported as a skipped test with its reason.
 *
 * @example
 * adapterSuite('node', async (sessions, application, protection) => {
 *   const check = protection && csrf(sessions, protection)
 *   const server = createServer(
 *     withSessions(sessions, async (request, response) => {
 *       const form = check && new URLSearchParams(await text(request))
 *       await check?.(request, form?.get(protection?.field ?? '_csrf'))
 *       const field = (name) => form?.get(name)
 *       const { status, headers, body } = await application({ request, url: request.url, field })
 *       response.statusCode = status
 *       for (const [name, value] of headers) response.appendHeader(name, value)
 *       if (body === null || typeof body === 'string' || body instanceof Uint8Array) response.end(body)
 *       else await pipeline(Readable.from(body), response).catch(() => undefined)
 *     }),
 *   ).listen(0)
 *   await once(server, 'listening')
 *   return { url: `http://localhost:${server.address().port}`, close: async () => server.close() }
 * })
 */
export function adapterSuite(name: string, start: StartServer, options: AdapterSuiteOptions = {}): void {
  const { stores = [], csrf: hasCsrf = true } = options
  describe(`${name} is an adapter`, () => {
    for (const backing of backings(stores))
      describe(`over ${backing.name}`, () => {
        const property = propertyOf(start, backing, hasCsrf)
        for (const properties of [
          reading,
          saving,
          login,
          concurrency,
          failures,
          responses,
          current,
          csrf,
          bearerTokens,
          stepUp,
          own,
        ])
          properties(property)
      })
  })
}
