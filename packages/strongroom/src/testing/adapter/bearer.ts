import assert from 'node:assert/strict'
import { bearer } from '../../http/bearer.ts'
import type { SessionsOptions } from '../../options.ts'
import { type Route, status, stream, text } from './application.ts'
import type { Given, Property, Site } from './property.ts'
import type { Page, Visitor } from './visitor.ts'

/** Sessions whose tokens come in `Authorization`, and are sent in a header of the response. */
export function bearerTokens(property: Property): void {
  property('a login sends its token in a header, which opens the session, and no cookie', async ({ site }) => {
    const client = new Client(await open(site))
    const page = await client.must('/login?user=ada')
    assert.deepEqual(page.all('set-cookie'), [])
    assert.deepEqual(page.all('cache-control'), ['no-store'])
    assert.match(client.token ?? '', /^[\w-]+$/)
    assert.deepEqual(await client.facts(), { userId: 'ada' })
    assert.deepEqual(await new Client(client.site).facts(), { userId: null })
  })

  property(
    'a response to a bearer token varies by Authorization, and sends no token without need',
    async ({ site }) => {
      const client = new Client(await open(site))
      await client.must('/set?basket=3')
      const page = await client.must('/read')
      assert.deepEqual(page.all('vary'), ['Authorization'])
      for (const name of ['session-token', 'set-cookie', 'cache-control']) assert.deepEqual(page.all(name), [], name)
      assert.deepEqual((await client.must('/plain')).all('vary'), [])
    },
  )

  property('a renewal sends the next token, and a redirect does, too', async ({ site }) => {
    const client = new Client(await open(site))
    await client.must('/login?user=ada')
    const before = client.token
    const page = await client.ask('/renew')
    assert.equal(page.status, 303)
    assert.notEqual(client.token, before)
    assert.deepEqual(await client.facts(), { userId: 'ada' })
  })

  property('a response that is streamed begins with the token', async ({ site }) => {
    const client = new Client(await open(site))
    assert.equal((await client.must('/streamed')).text, 'one two')
    assert.deepEqual(await client.facts(), { userId: 'ada' })
  })

  property('a logout sends an empty token, once', async ({ site }) => {
    const client = new Client(await open(site))
    await client.must('/login?user=ada')
    const page = await client.must('/logout')
    assert.deepEqual(page.all('session-token'), [''])
    assert.deepEqual(page.all('set-cookie'), [])
    assert.deepEqual(page.all('cache-control'), ['no-store'])
    assert.equal(client.token, null)
    assert.deepEqual((await client.must('/logout')).all('session-token'), [])
  })

  property.of('revocable', 'a bearer token that is sent again after the logout opens nothing', async ({ site }) => {
    const client = new Client(await open(site))
    await client.must('/login?user=ada')
    const copied = client.token
    await client.must('/logout')
    client.token = copied
    assert.deepEqual(await client.facts(), { userId: null })
  })

  property('a page that fails sends no bearer token of a login', async ({ site }) => {
    const client = new Client(await open(site))
    assert.equal((await client.ask('/fails')).status, 500)
    assert.equal(client.token, null)
    assert.deepEqual(await client.facts(), { userId: null })
  })

  property('a bearer token of what save() has stored is sent with the page of an error, too', async ({ site }) => {
    const client = new Client(await open(site))
    assert.equal((await client.ask('/fails?early')).status, 500)
    assert.deepEqual(await client.facts(), { userId: 'ada' })
  })

  property.of(
    'csrf',
    'a request with a bearer token passes, wherever it comes from, and one without is judged',
    async ({ site }) => {
      const client = new Client(await open(site, {}))
      const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
      assert.equal((await client.ask('/login?user=eve', { method: 'POST', headers })).status, 403)
      await client.must('/login?user=ada')
      assert.equal((await client.ask('/set?a=1', { method: 'POST', headers })).status, 200)
      assert.deepEqual(await client.facts(), { userId: 'ada', a: '1' })
    },
  )
}

const OPTIONS: SessionsOptions = { transport: bearer(), namespace: 'app' }

const open = (site: Given['site'], protection: object | null = null) => site(ROUTES, OPTIONS, protection)

const ROUTES: Readonly<Record<string, Route>> = {
  async '/renew'({ session }) {
    ;(await session()).renew()
    return status(303, null, [['Location', '/read']])
  },
  async '/streamed'({ session }) {
    ;(await session()).login('ada')
    return stream(async function* () {
      yield 'one '
      yield 'two'
    })
  },
  async '/fails'({ query, session, save }) {
    ;(await session()).login('ada')
    if (query.has('early')) await save()
    return status(500, 'failed')
  },
  '/plain': () => text('plain'),
}

/** A native application: it stores the token that a response has, and forgets it with an empty one. */
class Client {
  token: string | null = null
  readonly site: Site
  readonly #visitor: Visitor

  constructor(site: Site) {
    this.site = site
    this.#visitor = site.visitor()
  }

  async ask(path: string, { method = 'GET', headers = {} }: Sent = {}): Promise<Page> {
    const authorization: Sent['headers'] = this.token === null ? {} : { authorization: `Bearer ${this.token}` }
    const page = await this.#visitor.ask(path, { method, headers: { ...headers, ...authorization } })
    const [token] = page.all('session-token')
    assert.ok(page.all('session-token').length <= 1, 'a response has the token twice')
    if (token !== undefined) this.token = token === '' ? null : token
    return page
  }

  async must(path: string): Promise<Page> {
    const page = await this.ask(path)
    assert.equal(page.status, 200, `${path} failed: ${page.text}`)
    return page
  }

  async facts(): Promise<unknown> {
    return JSON.parse((await this.must('/read')).text)
  }
}

interface Sent {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}
