import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { withSessions as fetchAdapter } from '../../packages/strongroom/src/adapters/fetch.ts'
import { withSessions as node } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { CookieSettings } from '../../packages/strongroom/src/http/cookie.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { parseSetCookie } from '../../packages/strongroom/src/testing/jar.ts'
import { running } from './site.ts'

/** Requests a page and resolves to the response. */
type Ask = (path: string, cookies: string) => Promise<Response>

/** `/login` logs Ada in, and every page responds with the user's id. */
async function pageOf(sessions: Sessions, request: object, path: string): Promise<string> {
  const session = await sessions.get(request)
  if (path === '/login') session.login('ada')
  if (path === '/renew') session.renew()
  return String(session.userId)
}

const ADAPTERS: Readonly<Record<string, (t: TestContext, sessions: Sessions) => Promise<Ask>>> = {
  async 'node:http'(t, sessions) {
    const { url } = await running(
      t,
      node(sessions, async (request, response) => response.end(await pageOf(sessions, request, request.url ?? ''))),
    )
    return (path, cookie) => fetch(new URL(path, url), { headers: { cookie } })
  },
  async fetch(_, sessions) {
    const handler = fetchAdapter(
      sessions,
      async (request) => new Response(await pageOf(sessions, request, new URL(request.url).pathname)),
    )
    return (path, cookie) => handler(new Request(`https://shop.example.com${path}`, { headers: { cookie } }))
  },
}

/** A client such as curl, which tells cookies apart by their name, domain and path alone, and knows no `Partitioned`. */
class PlainClient {
  readonly #cookies = new Map<string, string>()

  async ask(ask: Ask, path: string): Promise<string> {
    const response = await ask(path, [...this.#cookies.values()].join('; '))
    for (const { name, value, attributes } of response.headers.getSetCookie().map(parseSetCookie)) {
      const key = `${name} ${attributes.get('path') ?? ''} ${attributes.get('domain') ?? ''}`
      if (attributes.get('max-age') === '0') this.#cookies.delete(key)
      else this.#cookies.set(key, `${name}=${value}`)
    }
    return response.text()
  }

  get names(): readonly string[] {
    return [...this.#cookies.values()].map((pair) => pair.split('=', 1)[0] as string)
  }
}

suite('a client that does not know Partitioned', () => {
  for (const [name, serve] of Object.entries(ADAPTERS)) {
    const store = memory()
    const site = (t: TestContext, options: { secrets: Uint8Array; cookie: CookieSettings; namespace?: string }) =>
      serve(t, createSessions({ ...options, store }))

    test(`stays logged in when the cookie is renamed, behind ${name}`, async (t) => {
      const secrets = randomBytes(32)
      const client = new PlainClient()
      await client.ask(await site(t, { secrets, cookie: { name: '__Host-old' } }), '/login')
      const cookie = { name: '__Host-new', formerName: '__Host-old' }
      const ask = await site(t, { secrets, cookie, namespace: '__Host-old' })
      assert.equal(await client.ask(ask, '/renew'), 'ada')
      assert.deepEqual(client.names, ['__Host-new'])
      assert.equal(await client.ask(ask, '/'), 'ada')
    })

    test(`keeps the cookie of its login beside another one of our name, behind ${name}`, async (t) => {
      for (const cookie of [
        { name: '__Secure-id', path: '/login' },
        { name: '__Secure-id', partitioned: true },
      ]) {
        const ask = await site(t, { secrets: randomBytes(32), cookie })
        const client = new PlainClient()
        await client.ask((path) => ask(path, '__Secure-id=planted; __Secure-id=stale'), '/login')
        assert.equal(await client.ask(ask, '/'), 'ada')
      }
    })
  }
})
