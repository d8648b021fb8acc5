import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request as fetchPlain, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import express from 'express'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { need } from '../support/need.ts'
import { certificateIn, examined, type Found, outerAddress, QUIET } from './found.ts'

const openssl = need('openssl')
const secrets = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const HSTS = { 'strict-transport-security': 'max-age=63072000; includeSubDomains' }

/** An application that begins a session at each page. */
function application(): RequestListener {
  const sessions = createSessions({ store: memory(), secrets })
  return withSessions(sessions, async (request, response) => {
    const session = await sessions.get(request)
    session.set('visits', Number(session.get('visits') ?? 0) + 1)
    response.end('hello')
  }) as RequestListener
}

/** Changes what the application has set, as a proxy or a middleware does. */
function changing(
  inner: RequestListener,
  change: (headers: Map<string, string | readonly string[]>) => void,
): RequestListener {
  return (request, response) => {
    const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse
    response.writeHead = ((...args: unknown[]) => {
      const headers = new Map(Object.entries(response.getHeaders()) as [string, string | readonly string[]][])
      change(headers)
      for (const name of response.getHeaderNames()) response.removeHeader(name)
      for (const [name, value] of headers) response.setHeader(name, value as string)
      return writeHead(...args)
    }) as never
    inner(request, response)
  }
}

const editing = (from: RegExp, to: string) =>
  changing(application(), (headers) => {
    const lines = headers.get('set-cookie')
    if (lines)
      headers.set(
        'set-cookie',
        [lines].flat().map((line) => String(line).replace(from, to)),
      )
    for (const [name, value] of Object.entries(HSTS)) headers.set(name, value)
  })

suite('the doctor and a running site', { skip: openssl.skip }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-doctor-site-'))
  const known = getCACertificates('default')
  const open: { close(): void; closeAllConnections(): void }[] = []
  let options: { cert: Buffer; key: Buffer }
  before(() => {
    const { certificate, key } = certificateIn(dir, openssl.path)
    options = { cert: readFileSync(certificate), key: readFileSync(key) }
    setDefaultCACertificates([...known, options.cert.toString()])
  })
  after(() => {
    setDefaultCACertificates(known)
    for (const server of open) {
      server.close()
      server.closeAllConnections()
    }
    rmSync(dir, { recursive: true })
  })

  async function serve(handler: RequestListener, { tls = true, host = '127.0.0.1', port = 0 } = {}): Promise<string> {
    const server = tls ? createTlsServer(options, handler) : createServer(handler)
    open.push(server)
    server.listen(port, host)
    await once(server, 'listening')
    return `${tls ? 'https' : 'http'}://${host}:${(server.address() as AddressInfo).port}/`
  }

  const visited = (url: string): Promise<Found> => examined(null, { url, timeout: 3_000 })

  test('everything is green for a site over https that redirects http and knows its cookie again', async () => {
    const site = await serve(editing(/$/, ''))
    const plain = await serve((_, response) => response.writeHead(308, { location: site }).end(), { tls: false })
    const found = await visited(plain)
    const about = found.diagnosis.checks.filter((check) => check.about === 'site')
    assert.deepEqual(
      about.filter(({ level }) => level !== 'green'),
      [],
    )
    assert.deepEqual(about.map(({ name }) => name).sort(), [
      'site-answers',
      'site-cache',
      'site-clock',
      'site-cookie',
      'site-cookie-domain',
      'site-cookie-http-only',
      'site-cookie-prefix',
      'site-cookie-returns',
      'site-cookie-same-site',
      'site-cookie-secure',
      'site-cookie-spellings',
      'site-hsts',
      'site-https',
      'site-proxy',
      'site-redirect',
    ])
    const direct = await visited(site)
    direct.is('site-redirect', 'unknown', /names the port/, /--url http:/)
  })

  test('what http does is looked at beside https: no answer is unknown, and no server green', async (t) => {
    const at443 = await serve(editing(/$/, ''), { host: QUIET, port: 443 }).catch(
      (error: NodeJS.ErrnoException) => error,
    )
    if (at443 instanceof Error) return t.skip(`${QUIET}:443 cannot be used here (${at443.code})`)
    const url = `https://${QUIET}/`
    const none = await visited(url)
    none.is('site-redirect', 'green', /^Nothing is served over http/)
    await serve(() => {}, { tls: false, host: QUIET, port: 80 })
    const silent = await examined(null, { url, timeout: 2_000 })
    silent.is('site-redirect', 'unknown', /no response within 2 s/, /a firewall drops port 80/)
    silent.is('site-answers', 'green')
  })

  for (const [what, from, to, check, level] of [
    ['HttpOnly', /; HttpOnly/i, '', 'site-cookie-http-only', 'red'],
    ['Secure', /; Secure/i, '', 'site-cookie-secure', 'amber'],
    ['SameSite', /; SameSite=\w+/i, '', 'site-cookie-same-site', 'amber'],
    ['the host alone', /$/, '; Domain=example.com', 'site-cookie-domain', 'amber'],
    ['its prefix', /^__Host-id/, 'plain', 'site-cookie-prefix', 'amber'],
  ] as const)
    test(`a cookie that lost ${what} on its way is ${level}`, async () => {
      const found = await visited(await serve(editing(from, to)))
      found.is(check, level)
      found.is('site-cookie', 'green')
    })

  test('a response that a shared cache may store, or has stored, is red', async () => {
    const open = changing(application(), (headers) => headers.set('cache-control', 'public, max-age=60'))
    const found = await visited(await serve(open))
    found.is('site-cache', 'red', /lacks Cache-Control: no-store/)
    const stored = changing(application(), (headers) => headers.set('age', '30'))
    const copy = await visited(await serve(stored))
    copy.is('site-cache', 'red', /visitors get the session of others/)
    copy.is('site-clock', 'unknown', /copy from a cache/)
  })

  for (const [header, value, level] of [
    ['cdn-cache-control', 'public, max-age=600', 'red'],
    ['cdn-cache-control', 'no-store', 'green'],
    ['surrogate-control', 'max-age=600', 'red'],
    ['cache-control', 'public, s-maxage=600, x-no-store-test', 'red'],
    ['cache-control', 'public, max-age=600, community="not, no-store"', 'red'],
    ['cache-control', 'private="set-cookie"', 'red'],
    ['cache-control', 'PRIVATE', 'amber'],
    ['cache-control', 'max-age=0, No-Store', 'green'],
  ] as const)
    test(`a response with ${header}: ${value} that sets the cookie is ${level}`, async () => {
      const handler = changing(application(), (headers) => headers.set(header, value))
      ;(await visited(await serve(handler))).is('site-cache', level)
    })

  /** The first visit is good; a visitor who comes back with the cookie gets this. */
  const returning = (second: (response: ServerResponse, value: string) => void): RequestListener => {
    const first = application()
    return (request, response) => {
      const [, value] = /(?:^|; )__Host-id=([\w-]+)/.exec(request.headers.cookie ?? '') ?? []
      if (value === undefined) first(request, response)
      else second(response, value)
    }
  }

  for (const [what, status, headers, said] of [
    ['is refused with 401', 401, {}, /refuses a visitor who comes back .*401/],
    ['meets a 500', 500, {}, /status 500 when the cookie came back/],
    ['loses the cookie', 200, { 'set-cookie': '__Host-id=; Max-Age=0; Path=/' }, /removes the cookie/],
  ] as const)
    test(`a visitor who comes back and ${what} is red`, async () => {
      const found = await visited(await serve(returning((response) => response.writeHead(status, headers).end())))
      found.is('site-cookie-returns', 'red', said)
    })

  test('a page that nobody may open is amber, and does not tell whether the cookie is known', async () => {
    const closed = changing(application(), () => {})
    const handler: RequestListener = (request, response) => {
      response.statusCode = 403
      closed(request, response)
    }
    const found = await visited(await serve(handler))
    found.is('site-answers', 'amber', /status 403/, /anyone may open/)
    found.is('site-cookie-returns', 'unknown', /status 403/)
  })

  test('a cookie that is weak only when it is set again, in a response that caches store, is found', async () => {
    const handler = returning((response, value) =>
      response
        .writeHead(200, { 'cache-control': 'public, max-age=600', 'set-cookie': `__Host-id=${value}; Path=/` })
        .end(),
    )
    const found = await visited(await serve(handler))
    found.is('site-cookie-returns', 'green')
    for (const name of ['site-cache', 'site-cookie-http-only']) found.is(name, 'red')
    for (const name of ['site-cookie-secure', 'site-cookie-same-site']) found.is(name, 'amber')
  })

  test('two spellings of the cookie are red', async () => {
    const twice = changing(application(), (headers) => {
      const [line = ''] = [headers.get('set-cookie') ?? ''].flat()
      if (line)
        headers.set('set-cookie', [line, line.replace('__Host-', '__Secure-').replace('; Path=/', '; Path=/shop')])
    })
    const found = await visited(await serve(twice))
    found.is('site-cookie-spellings', 'red', /in 2 spellings/, /mounted twice/)
  })

  test('a cookie that the next server does not know is red', async () => {
    const servers = [application(), application()]
    let count = 0
    const found = await visited(await serve((request, response) => servers[count++ % 2]?.(request, response)))
    found.is('site-cookie-returns', 'red', /does not know the cookie/, /the same secrets and the same store/)
  })

  test('a page without a session says nothing about the cookie', async () => {
    const found = await visited(await serve((_, response) => response.end('hello')))
    found.is('site-cookie', 'unknown', /set no session cookie/, /begins a session/)
    found.is('site-hsts', 'amber', /There is no Strict-Transport-Security/)
    assert.ok(!found.has('site-cookie-secure'))
  })

  test('an application that does not trust its proxy is red', async () => {
    const loop = await serve((request, response) => response.writeHead(302, { location: request.url ?? '/' }).end())
    const found = await visited(loop)
    found.is('site-answers', 'red', /redirects to itself for ever/, /trust proxy/)
    const down = await serve((request, response) =>
      response.writeHead(302, { location: `http://${request.headers.host}/home` }).end(),
    )
    const back = await visited(down)
    back.is('site-proxy', 'red', /from https to http/, /X-Forwarded-Proto/)
  })

  test('an Express that does not trust the proxy in front of it is red, and one that does is green', async () => {
    const behind = async (trust: number | false) => {
      const app = express().set('trust proxy', trust)
      app.use((request, response, next) =>
        request.secure ? next() : response.redirect(`https://${request.headers.host}${request.url}`),
      )
      app.get('/', (_, response) => response.send('hello'))
      const inner = await serve(app, { tls: false })
      // A proxy that takes TLS off, and says so.
      const proxy: RequestListener = (request, response) => {
        const headers = { ...request.headers, 'x-forwarded-proto': 'https' }
        const outgoing = fetchPlain(inner, { headers }, (incoming) => {
          response.writeHead(incoming.statusCode ?? 502, incoming.headers)
          incoming.pipe(response)
        })
        outgoing.end()
      }
      return visited(await serve(proxy))
    }
    const blind = await behind(false)
    blind.is('site-answers', 'red', /redirects to itself for ever/, /app\.set\('trust proxy', 1\) in Express/)
    const trusting = await behind(1)
    trusting.is('site-answers', 'green', /status 200/)
    trusting.is('site-proxy', 'green')
  })

  test('a site over http is amber on this machine, and red at an address of a network', async () => {
    const local = await visited(await serve(application(), { tls: false }))
    local.is('site-https', 'amber', /what visitors see is not known/)
    local.is('site-redirect', 'amber', /does not redirect to https/)
    local.is('site-hsts', 'unknown')
    const outer = outerAddress()
    if (outer === null) return
    const found = await visited(await serve(application(), { tls: false, host: outer }))
    found.is('site-https', 'red', /a Secure cookie never arrives there/)
    found.is('site-redirect', 'red')
    found.is('site-hsts', 'red')
  })

  test('no request goes to another host, whatever a redirect says', async () => {
    let isReached = false
    const other = await serve((_, response) => {
      isReached = true
      response.end()
    })
    const found = await visited(
      await serve((_, response) =>
        response.writeHead(302, { location: other.replace('127.0.0.1', 'localhost') }).end(),
      ),
    )
    found.is('site-answers', 'green', /status 302/)
    assert.equal(isReached, false)
  })

  test('a site that fails, hangs, or is not there is red', async () => {
    const failing = await visited(await serve((_, response) => response.writeHead(503).end()))
    failing.is('site-answers', 'red', /status 503/)
    const url = await serve(() => {})
    const hanging = await examined(null, { url, timeout: 300 })
    hanging.is('site-answers', 'red', /did not respond/)
    const gone = await visited('http://127.0.0.1:9/')
    gone.is('site-answers', 'red', /did not respond: .*(?:bad port|ECONNREFUSED)/)
  })

  test('a password in the URL of the site is refused, and in no message', async () => {
    const found = await visited('https://joe:hunter2@shop.example/')
    found.is('site-answers', 'unknown', /has a user or a password/)
    assert.ok(!JSON.stringify(found.diagnosis).includes('hunter2'))
  })

  test('a clock of the site that is wrong is red', async () => {
    const late = changing(application(), (headers) => {
      headers.set('date', new Date(Date.now() - 300_000).toUTCString())
    })
    const found = await visited(await serve(late))
    found.is('site-clock', 'red', /(?:299|300) s behind/)
  })

  test('with a config, its cookie is looked for by name', async () => {
    const sessions = createSessions({ store: memory(), secrets, cookie: { name: 'shop', secure: false } })
    const handler = withSessions(sessions, async (request, response) => {
      ;(await sessions.get(request)).set('a', 1)
      response.end()
    }) as RequestListener
    const url = await serve(handler, { tls: false })
    const found = await examined(sessions, { url })
    found.is('site-cookie', 'green', /session cookie shop/)
    found.is('site-cookie-prefix', 'amber')
    found.is('site-cookie-returns', 'green')
  })
})
