import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createPlainServer, request as sendPlain } from 'node:http'
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { createServer, request as sendOver } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { csrf as csrfForExpress } from '../../packages/strongroom/src/adapters/express.ts'
import {
  csrf as csrfForFetch,
  withSessions as withSessionsFetch,
} from '../../packages/strongroom/src/adapters/fetch.ts'
import { csrf as csrfForHono } from '../../packages/strongroom/src/adapters/hono.ts'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, CsrfError } from '../../packages/strongroom/src/errors.ts'
import { type CsrfOptions, csrfPolicy, judgeOrigin } from '../../packages/strongroom/src/http/csrf.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { http2 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { listening, listeningHttp2 } from '../adapters/serve.ts'
import { runOnce } from '../servers/daemon.ts'
import { need } from '../support/need.ts'
import { ask, SITES, serving } from './sites.ts'

const openssl = need('openssl')

interface Given {
  readonly origin?: string
  readonly host?: string
  readonly encrypted?: boolean
  readonly secureCookie?: boolean
  readonly headers?: Readonly<Record<string, string>>
}

/** The verdict on a POST of a browser without Sec-Fetch-Site. */
function verdict(given: Given, options: CsrfOptions = {}): string {
  const { origin, host = 'shop.example', encrypted = false, secureCookie = true } = given
  const headers = { ...(origin !== undefined && { origin }), ...given.headers }
  return judgeOrigin({ method: 'POST', headers, host, encrypted }, csrfPolicy(options), secureCookie)
}

const refuses = (options: object, message: RegExp) =>
  assert.throws(
    () => csrfPolicy(options as CsrfOptions),
    (error) => error instanceof ConfigError && message.test(error.message),
  )

suite('csrf: the own origin', () => {
  test('https is own behind a proxy that ends TLS, and http is not, because anyone on the network can write such a page', () => {
    assert.equal(verdict({ origin: 'https://shop.example' }), 'pass')
    assert.equal(verdict({ origin: 'http://shop.example' }), 'origin')
    assert.equal(verdict({ origin: 'http://shop.example', secureCookie: false }), 'pass')
  })

  test('http is not own where the request itself came over TLS', () => {
    assert.equal(verdict({ origin: 'https://shop.example', encrypted: true }), 'pass')
    for (const secureCookie of [true, false])
      assert.equal(verdict({ origin: 'http://shop.example', encrypted: true, secureCookie }), 'origin')
  })

  test('http is own on this machine', () => {
    for (const host of ['localhost:3000', 'www.shop.localhost:3000', '127.0.0.1:3000', '[::1]:3000'])
      assert.equal(verdict({ origin: `http://${host}`, host }), 'pass', host)
    for (const host of ['localhost.evil.example', 'notlocalhost', '127.0.0.1.evil.example', '128.0.0.1'])
      assert.equal(verdict({ origin: `http://${host}`, host }), 'origin', host)
  })

  test('another port is another origin, and a default port is none', () => {
    assert.equal(verdict({ origin: 'https://shop.example', host: 'shop.example:443' }), 'pass')
    assert.equal(verdict({ origin: 'https://shop.example:8443', host: 'shop.example:8443' }), 'pass')
    assert.equal(verdict({ origin: 'https://shop.example:8443' }), 'origin')
    assert.equal(verdict({ origin: 'https://shop.example', host: 'shop.example:8443' }), 'origin')
  })

  test('what only looks like it is refused', () => {
    for (const origin of [
      'https://shop.example.evil.example',
      'https://evilshop.example',
      'https://shop.example/',
      'https://shop.example@evil.example',
      'https://SHOP.example',
      'https://shop.example, https://evil.example',
      'ftp://shop.example',
      '',
      'null',
    ])
      assert.equal(verdict({ origin }), 'origin', origin)
    for (const host of ['', 'evil.example@shop.example', 'shop.example/', 'shop.example evil.example'])
      assert.equal(verdict({ origin: 'https://shop.example', host }), 'origin', host)
  })

  test('X-Forwarded-Host and X-Forwarded-Proto are never believed', () => {
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' }
    assert.equal(verdict({ origin: 'https://evil.example', headers }), 'origin')
    assert.equal(verdict({ origin: 'http://shop.example', encrypted: true, headers }), 'origin')
  })

  test('the option origin replaces Host', () => {
    const options = { origin: ['https://shop.example', 'https://www.shop.example'] }
    for (const origin of options.origin) assert.equal(verdict({ origin, host: '10.0.0.7:8080' }, options), 'pass')
    assert.equal(verdict({ origin: 'https://evil.example', host: 'evil.example' }, options), 'origin')
  })

  test('trusted origins are compared whole, and a star stands for every subdomain', () => {
    const options = { trustedOrigins: ['https://friend.example:8443', 'https://*.shop.example'] }
    const headers = { 'sec-fetch-site': 'same-site' }
    const trusted = (origin: string) => verdict({ origin, host: 'api.example', headers }, options)
    for (const origin of ['https://friend.example:8443', 'https://a.shop.example', 'https://b.a.shop.example'])
      assert.equal(trusted(origin), 'pass', origin)
    for (const origin of [
      'https://friend.example',
      'https://shop.example',
      'http://a.shop.example',
      'https://evilshop.example',
      'https://a.shop.example:8443',
      'https://evil.example/.shop.example',
      'https://evil.example?.shop.example',
    ])
      assert.equal(trusted(origin), 'cross-site', origin)
  })

  test('a foreign Referer is refused where there is no Origin, and an own one proves nothing', () => {
    const from = (referer: string) => verdict({ headers: { referer } }, { trustedOrigins: ['https://friend.example'] })
    assert.equal(from('https://evil.example/page?https://shop.example'), 'referer')
    assert.equal(from('http://shop.example/'), 'referer')
    assert.equal(from('no address'), 'referer')
    for (const referer of ['https://shop.example/basket', 'https://friend.example/', ''])
      assert.equal(from(referer), 'unknown', referer)
  })

  test('the opening of a WebSocket by another site is refused, although it is a GET', () => {
    const get = (headers: Readonly<Record<string, string>>) =>
      judgeOrigin({ method: 'GET', headers, host: 'shop.example', encrypted: false }, csrfPolicy({}), true)
    assert.equal(get({ origin: 'https://evil.example' }), 'pass')
    assert.equal(get({ upgrade: 'WebSocket', origin: 'https://evil.example' }), 'origin')
    assert.equal(get({ upgrade: 'websocket', origin: 'https://shop.example' }), 'pass')
    assert.equal(get({ upgrade: 'websocket', 'sec-fetch-site': 'cross-site' }), 'cross-site')
  })
})

suite('csrf: options', () => {
  test('what is no origin is refused, with what to write', () => {
    refuses({ origin: 'https://shop.example/' }, /Write 'https:\/\/shop\.example'\.$/)
    refuses({ origin: 'shop.example' }, /"origin".*scheme, host/)
    refuses({ origin: [] }, /"origin"/)
    refuses({ trustedOrigins: ['null'] }, /"trustedOrigins"/)
    refuses({ trustedOrigins: ['*'] }, /"trustedOrigins"/)
    refuses({ trustedOrigins: ['https://*.shop.example/x'] }, /"trustedOrigins"/)
    refuses({ trustedOrigins: 7 }, /"trustedOrigins"/)
  })

  test('a star where it would stand for nothing is refused', () => {
    for (const one of [
      'https://shop.*',
      'https://*.*.example',
      'https://a.*.example',
      'https://*',
      'https://*shop.example',
    ])
      refuses({ trustedOrigins: [one] }, /"trustedOrigins".*star/)
    refuses({ origin: 'https://*.shop.example' }, /"origin".*star/)
  })

  test('options that are unknown, or of other libraries, are refused with what there is instead', () => {
    refuses({ trusted: [] }, /Did you mean "trustedOrigins"/)
    refuses({ cookie: true }, /belongs to the session/)
    refuses({ ignoreMethods: ['POST'] }, /GET, HEAD, OPTIONS and TRACE pass/)
    refuses({ trustProxy: true }, /Write origin/)
    refuses({ header: 'x csrf' }, /"header"/)
    refuses({ field: '' }, /"field"/)
    refuses({ allowWithoutCookie: 'no' }, /allowWithoutCookie/)
  })

  test('every adapter refuses what is not sessions, when it is made', () => {
    for (const make of [csrfForExpress, csrfForHono, csrfForFetch, csrf])
      assert.throws(() => make(undefined as never), ConfigError)
  })
})

suite('csrf: requests that are not from browsers', () => {
  const sessions = () => createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })

  test('without a cookie there is nothing to ride on, and a webhook passes', async (t) => {
    const url = await serving(t, SITES.node?.(sessions()) as never)
    assert.equal((await ask(url, {})).status, 200)
    assert.equal((await ask(url, { headers: { cookie: 'theme=dark' } })).status, 200)
    // Valid or not: it may be a cookie under a secret that this server does not have yet.
    assert.equal((await ask(url, { headers: { cookie: '__Host-id=x' } })).status, 403)
  })

  test('allowWithoutCookie: false asks everyone for a token, so that a login form is protected in old browsers, too', async (t) => {
    for (const [name, site] of Object.entries(SITES)) {
      const url = await serving(t, site(sessions(), { allowWithoutCookie: false }))
      assert.equal((await ask(url, { path: '/login' })).status, 403, name)
      const form = await ask(url, { method: 'GET', path: '/token' })
      const headers = { cookie: String(form.cookie), 'x-csrf-token': form.body }
      assert.equal((await ask(url, { path: '/login', headers })).status, 200, name)
      assert.equal((await ask(url, { path: '/login', headers: { 'x-csrf-token': form.body } })).status, 403, name)
    }
  })
})

suite('csrf: without an adapter around it', () => {
  test('a check at the upgrade of a WebSocket refuses the pages of other sites', async (t) => {
    const made = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    const { cookie } = await sessionFor(made, { userId: 'ada' })
    const check = csrf(made)
    const server = createPlainServer()
    server.on('upgrade', async (request, socket) => {
      const status = await check(request).then(
        () => '101 Switching Protocols',
        (error: CsrfError) => `${error.status} ${error.reason}`,
      )
      socket.end(`HTTP/1.1 ${status}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
    })
    const { url, close } = await listening(server)
    t.after(close)
    const open = (headers: Readonly<Record<string, string>>) =>
      new Promise<string>((resolve, reject) => {
        const outgoing = sendPlain(url, {
          headers: { connection: 'Upgrade', upgrade: 'websocket', cookie, ...headers },
        })
        const answered = ({ statusCode, statusMessage }: { statusCode?: number; statusMessage?: string }) =>
          resolve(`${statusCode} ${statusMessage}`)
        outgoing.on('upgrade', answered).on('response', answered).on('error', reject).end()
      })
    assert.equal(await open({ origin: url }), '101 Switching Protocols')
    assert.equal(await open({ origin: 'https://evil.example' }), '403 origin')
    assert.equal(await open({}), '403 no-token')
    assert.equal(await open({ 'x-csrf-token': 'A'.repeat(86) }), '403 token')
    const visit = made.open({ cookie })
    assert.equal(await open({ 'x-csrf-token': await visit.csrfToken() }), '101 Switching Protocols')
  })

  test('over HTTP/2, the own origin is that of :authority', async (t) => {
    const made = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    const check = csrf(made)
    const handler = withSessions(made, async (request: Http2ServerRequest, response: Http2ServerResponse) => {
      await check(request)
      response.end('changed')
    })
    const { url, close } = await listeningHttp2(createHttp2Server(handler))
    t.after(close)
    const client = http2(url)
    t.after(() => client.close())
    const post = async (origin: string) =>
      (await client.begin({ path: '/', method: 'POST', headers: { origin } }).response).status
    assert.deepEqual([await post(url), await post('https://evil.example')], [200, 403])
  })
})

suite('csrf: over TLS', { skip: openssl.skip }, () => {
  test('the page of http:// with the same name is refused by a server that speaks TLS itself', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-csrf-'))
    t.after(() => rmSync(dir, { recursive: true }))
    const [certificate, key] = [join(dir, 'certificate.pem'), join(dir, 'key.pem')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    runOnce(openssl.path, ['req', '-x509', ...curve, '-subj', '/CN=localhost', '-keyout', key, '-out', certificate])
    const made = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    const check = csrf(made)
    const handler = withSessions(made, async (request, response) => {
      await check(request)
      response.end('changed')
    })
    const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, handler)
    const { url, close } = await listening(server)
    t.after(close)
    const host = new URL(url).host
    const post = (origin: string) =>
      new Promise<number>((resolve, reject) => {
        const outgoing = sendOver(`https://${host}/`, {
          method: 'POST',
          headers: { origin },
          rejectUnauthorized: false,
        })
        outgoing.on('response', (incoming) => resolve(incoming.resume().statusCode ?? 0))
        outgoing.on('error', reject)
        outgoing.end()
      })
    assert.equal(await post(`https://${host}`), 200)
    assert.equal(await post(`http://${host}`), 403)
    assert.equal(await post('https://evil.example'), 403)
  })

  test('a Fetch request says by its address that it was encrypted', async () => {
    const made = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    const check = csrfForFetch(made)
    const handler = withSessionsFetch(made, async (request) => {
      await check(request)
      return new Response('changed')
    })
    const post = async (url: string, origin: string) =>
      (await handler(new Request(url, { method: 'POST', headers: { origin } }))).status
    assert.equal(await post('https://localhost/', 'https://localhost'), 200)
    assert.equal(await post('https://localhost/', 'http://localhost'), 403)
    assert.equal(await post('http://localhost/', 'http://localhost'), 200)
    await assert.rejects(
      check(new Request('http://a.example/', { method: 'POST', headers: { origin: 'null' } })),
      CsrfError,
    )
  })
})
