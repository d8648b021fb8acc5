import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { suite, type TestContext, test } from 'node:test'
import { fetchFacts } from '../../packages/strongroom/src/adapters/shared/fetch-facts.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { csrfPolicy, judgeOrigin } from '../../packages/strongroom/src/http/csrf.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { ask, SITES, serving } from './sites.ts'

const EVIL = 'https://evil.example'
const FORM = 'application/x-www-form-urlencoded'

/** A site with Ada signed in, and Eve, who has a session and tokens of her own. */
async function victim(t: TestContext, name: string) {
  const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
  const url = await serving(t, SITES[name]?.(sessions) as never)
  const ada = await sessionFor(sessions, { userId: 'ada' })
  const eve = await sessionFor(sessions, { userId: 'eve' })
  const tokenOf = async ({ cookie }: { cookie: string }) =>
    (await ask(url, { method: 'GET', path: '/token', headers: { cookie } })).body
  return {
    url,
    host: new URL(url).host,
    cookie: ada.cookie,
    token: await tokenOf(ada),
    eve,
    evesToken: await tokenOf(eve),
  }
}

type Victim = Awaited<ReturnType<typeof victim>>

/** The status of exactly these bytes: a client of Node would join headers, and refuse some. */
async function raw({ url, host, cookie }: Victim, lines: readonly string[], request = 'POST /change HTTP/1.1') {
  const { port, hostname } = new URL(url)
  const socket: Socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const head = [request, ...(lines.some((line) => /^host:/i.test(line)) ? [] : [`Host: ${host}`]), `Cookie: ${cookie}`]
  socket.end([...head, ...lines, 'Connection: close', 'Content-Length: 0', '', ''].join('\r\n'))
  const reply = await text(socket)
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(reply)?.[1] ?? 0), changed: reply.includes('changed') }
}

for (const name of Object.keys(SITES))
  suite(`csrf: what an attacker tries on ${name}`, () => {
    test('a header twice is never read as the one that the attacker likes', async (t) => {
      const site = await victim(t, name)
      const own = site.url
      for (const lines of [
        [`Origin: ${own}`, `Origin: ${EVIL}`],
        [`Origin: ${EVIL}`, `Origin: ${own}`],
        ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
        ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Site: same-origin'],
        ['Sec-Fetch-Site: none', 'Sec-Fetch-Site: same-origin'],
        ['Origin: null', `Origin: ${own}`],
        [`Origin: ${own}, ${own}`],
        ['Origin:'],
        ['Sec-Fetch-Site:'],
        ['Sec-Fetch-Site: SAME-ORIGIN'],
      ])
        assert.deepEqual(await raw(site, lines), { status: 403, changed: false }, lines.join(' | '))
      // The same bytes with nothing wrong in them do get through.
      assert.deepEqual(await raw(site, [`Origin: ${own}`]), { status: 200, changed: true })
    })

    test('no header of a proxy, and no other form of the request, makes a foreign origin the own one', async (t) => {
      const site = await victim(t, name)
      for (const lines of [
        ['X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: https'],
        ['X-Host: evil.example', 'X-Original-Host: evil.example', 'X-Forwarded-Server: evil.example'],
        ['Forwarded: for=1.2.3.4;host=evil.example;proto=https'],
        ['X-HTTP-Method-Override: GET', 'X-HTTP-Method: GET', 'X-Method-Override: GET'],
        [`Referer: ${site.url}/form`],
        ['X-Requested-With: XMLHttpRequest'],
      ])
        assert.deepEqual(await raw(site, [`Origin: ${EVIL}`, ...lines]), { status: 403, changed: false }, lines.join())
      const absolute = await raw(site, ['Origin: http://evil.example'], 'POST http://evil.example/change HTTP/1.1')
      assert.equal(absolute.changed, false)
      const override = await raw(site, [`Origin: ${EVIL}`], 'POST /change?_method=GET HTTP/1.1')
      assert.equal(override.status, 403)
    })

    test('a token counts in the header and the field alone, as one string', async (t) => {
      const { url, cookie, token } = await victim(t, name)
      const send = async (headers: object, body?: string, path = '/change') =>
        (await ask(url, { path, headers: { cookie, ...headers }, body })).status
      assert.equal(await send({}, undefined, `/change?_csrf=${token}&x-csrf-token=${token}`), 403, 'the query')
      assert.equal(await send({ cookie: `${cookie}; _csrf=${token}; x-csrf-token=${token}` }), 403, 'a cookie')
      assert.equal(await send({ authorization: `Bearer ${token}`, 'csrf-token': token }), 403, 'another header')
      assert.equal(await send({ 'x-csrf-token': `${token}, ${token}` }), 403, 'a list')
      const form = { 'content-type': FORM }
      for (const body of [
        `_csrf[]=${token}`,
        `_csrf[0]=${token}`,
        `x[_csrf]=${token}`,
        `_CSRF=${token}`,
        `_csrf= ${token}`,
      ])
        assert.equal(await send(form, body), 403, body.split('=', 1)[0])
      // As some clients write it.
      assert.equal(await send(form, `note=1&%5Fcsrf=${token}`), 200)
      const boundary = '=_odd.boundary'
      const part = (head: string) => `--${boundary}\r\n${head}\r\n\r\n${token}\r\n--${boundary}--\r\n`
      const multipart = { 'content-type': `multipart/form-data; boundary="${boundary}"` }
      const upload = part('Content-Disposition: form-data; name="_csrf"; filename="token.txt"')
      assert.equal(await send(multipart, upload), 403, 'a file')
      assert.equal(await send(multipart, part('Content-Disposition: form-data; name="_csrf"')), 200)
    })

    test('a token of the attacker is refused, and so is one with a session planted beside the own one', async (t) => {
      const { url, cookie, token, eve, evesToken } = await victim(t, name)
      const send = async (cookies: string, given: string) =>
        (await ask(url, { headers: { cookie: cookies, 'x-csrf-token': given } })).status
      assert.equal(await send(cookie, evesToken), 403)
      // With two sessions the request is of neither: a guess would let the attacker decide whose it is.
      for (const both of [`${cookie}; ${eve.cookie}`, `${eve.cookie}; ${cookie}`])
        assert.deepEqual([await send(both, token), await send(both, evesToken)], [403, 403])
      assert.equal(await send(cookie, token), 200)
    })

    test('a login is refused to another site, with and without a session', async (t) => {
      const { url, cookie } = await victim(t, name)
      for (const headers of [{}, { cookie }])
        for (const from of [{ origin: EVIL }, { origin: 'null' }, { 'sec-fetch-site': 'same-site' }]) {
          const { status, cookie: set } = await ask(url, { path: '/login', headers: { ...headers, ...from } })
          assert.deepEqual([status, set], [403, null])
        }
    })
  })

suite('csrf: what an attacker tries with names of hosts', () => {
  /** Of a POST to `host`, which says that it comes from `origin`. */
  const verdict = (host: string, origin: string) =>
    judgeOrigin({ method: 'POST', headers: { origin }, host, encrypted: true }, csrfPolicy({}), true)

  for (const [host, origins] of [
    ['shop.example', ['https://shop.example.', 'https://shop.example%2eevil', 'https://xn--shop-.example']],
    ['shop.example.', ['https://shop.example']],
    [
      'shop.example',
      ['https://ѕhop.example', 'https://shop。example', 'https://shop%2Eexample', 'https://shop.example:443'],
    ],
    ['xn--bcher-kva.example', ['https://bücher.example', 'https://bucher.example']],
    [
      '[2001:db8::1]',
      ['https://[2001:db8::2]', 'https://[2001:0db8::1]', 'https://2001:db8::1', 'https://[::ffff:1.2.3.4]'],
    ],
    ['192.0.2.1', ['https://0xc0.0.2.1', 'https://3221225985', 'https://192.0.2.1.evil.example', 'https://192.0.2.01']],
    ['shop.example:8443', ['https://shop.example', 'https://shop.example:08443', 'https://shop.example:8444']],
    [
      'shop.example',
      ['blob:https://shop.example/x', 'javascript:alert(1)', 'file://shop.example', 'wss://shop.example'],
    ],
  ] as const)
    for (const origin of origins)
      test(`${origin} is not the origin of ${host}`, () => assert.equal(verdict(host, origin), 'origin'))

  for (const host of ['xn--bcher-kva.example', '[2001:db8::1]', '[2001:db8::1]:8443', '192.0.2.1', 'shop.example.'])
    test(`https://${host} is the origin of ${host}`, () => assert.equal(verdict(host, `https://${host}`), 'pass'))
})

suite('csrf: what an attacker tries with a WebSocket', () => {
  const get = (upgrade: string) =>
    judgeOrigin(
      { method: 'GET', headers: { upgrade, origin: EVIL }, host: 'shop.example', encrypted: true },
      csrfPolicy({}),
      true,
    )

  test('it is found among other protocols, in any spelling', () => {
    for (const upgrade of ['websocket', 'WebSocket', ' websocket', 'h2c, websocket', 'websocket,foo', 'websocket/13'])
      assert.equal(get(upgrade), 'origin', upgrade)
    // A GET over HTTP/2 without TLS begins like this.
    for (const upgrade of ['h2c', 'TLS/1.2', 'notwebsocket', '']) assert.equal(get(upgrade), 'pass', upgrade)
  })

  test('over HTTP/2 it is a CONNECT, which is judged, too', () => {
    const headers = { ':protocol': 'websocket', origin: EVIL }
    const request = { method: 'CONNECT', headers, host: 'shop.example', encrypted: true }
    assert.equal(judgeOrigin(request, csrfPolicy({}), true), 'origin')
  })
})

suite('csrf: a form that is sent to keep the server busy', () => {
  const MOST = 1024 * 1024
  const fieldIn = (body: string, name = '_csrf') =>
    fetchFacts(
      new Request('https://shop.example/', { method: 'POST', body, headers: { 'content-type': FORM } }),
    ).field?.(name)

  test('half a million names without a value take no more time than as many with one', async () => {
    const spent = async (pair: string) => {
      const body = pair.repeat(Math.floor((MOST - 8) / pair.length))
      const before = process.cpuUsage()
      assert.equal(await fieldIn(`${body}_csrf=x`), 'x')
      const { user, system } = process.cpuUsage(before)
      return user + system
    }
    await spent('a=&')
    const [with_, without] = [await spent('a=&'), await spent('a&')]
    // Of Node's URLSearchParams: fifty times as much, and a hundred times in a form of twice the size.
    assert.ok(without < 15 * with_, `${without} µs against ${with_} µs`)
  })

  test('a body is not waited for, and not read, for a cookie that is made up', async (t) => {
    for (const name of ['hono', 'fetch']) {
      const site = await victim(t, name)
      const { port, hostname } = new URL(site.url)
      const socket = connect(Number(port), hostname)
      // Of a form whose end never comes.
      const head = [`POST /change HTTP/1.1`, `Host: ${site.host}`, 'Cookie: __Host-id=made-up', `Content-Type: ${FORM}`]
      socket.write([...head, 'Content-Length: 1000', '', 'note='].join('\r\n'))
      const [reply] = (await once(socket, 'data')) as [Buffer]
      socket.destroy()
      assert.match(reply.toString('latin1'), /^HTTP\/1\.1 403 /, name)
    }
  })

  test('a field is read as URLSearchParams would, wherever it is', async () => {
    for (const body of [
      '_csrf=a',
      'x=1&_csrf=a+b%2B',
      '%5fcsrf=%26',
      '&&_csrf=&_csrf=b',
      '_csrf',
      '_csrf2=1&_csr=2',
      'x=_csrf=1',
      '_csrf=1=2',
      '%',
      '_csrf%=1',
      '',
    ])
      assert.equal((await fieldIn(body)) ?? null, new URLSearchParams(body).get('_csrf'), body)
    for (const name of ['authenticity token', 'ü', 'a[b]', 'a&b=c'])
      assert.equal(
        await fieldIn(
          new URLSearchParams([
            ['x', '1'],
            [name, 'token'],
          ]).toString(),
          name,
        ),
        'token',
      )
  })
})
