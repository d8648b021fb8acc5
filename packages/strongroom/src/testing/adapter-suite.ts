import { describe } from 'node:test'
import { asking } from './adapter/asking.ts'
import { backings, type FurtherStore } from './adapter/backings.ts'
import { failing } from './adapter/failing.ts'
import { keeping } from './adapter/keeping.ts'
import { racing } from './adapter/racing.ts'
import { sending } from './adapter/sending.ts'
import { signing } from './adapter/signing.ts'
import { propertyOf, type Serve } from './adapter/subject.ts'

export type { FurtherStore } from './adapter/backings.ts'
export type { Answer, Application, Asked, Serve, Served } from './adapter/subject.ts'

export interface AdapterSuiteOptions {
  /** Stores that the conversations are to be held over as well. */
  readonly stores?: readonly FurtherStore[] | undefined
}

/**
 * What every adapter must do, as `node:test` tests: HTTP conversations over every kind of backing (memory under each seal,
 * cookies sealed and signed, with and without revocations). `serve` starts a real server; it is called once for each
 * conversation. What a backing cannot do shows up as a skipped test with its reason.
 *
 * @example
 * adapterSuite('node', async (sessions, application) => {
 *   const server = createServer(
 *     node(sessions, async (request, response) => {
 *       const { status, headers, body } = await application({ request, url: request.url })
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
export function adapterSuite(name: string, serve: Serve, { stores = [] }: AdapterSuiteOptions = {}): void {
  describe(`${name} is an adapter`, () => {
    for (const backing of backings(stores))
      describe(`over ${backing.name}`, () => {
        const property = propertyOf(serve, backing)
        for (const properties of [asking, keeping, signing, racing, failing, sending]) properties(property)
      })
  })
}
