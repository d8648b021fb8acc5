import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { suite, test } from 'node:test'
import { type ServeOptions, serveStudio } from '@strongroom/studio'
import { LINK_LIFETIME, Links } from '../../packages/studio/src/link.ts'
import { cookiesOf, shop, signIn, siteAt, siteOf } from './browserless.ts'

const pathOf = (link: string) => new URL(link).pathname

type Ending = { after(done: () => unknown): void }

async function served(t: Ending, options: ServeOptions = {}) {
  const sessions = shop()
  const studio = await serveStudio(sessions, options)
  t.after(() => studio.close())
  const site = siteOf(studio.link())
  return {
    sessions,
    studio,
    site,
    link: () => pathOf(studio.link()),
    /** A browser that has opened the link. */
    async operator(): Promise<string> {
      return cookiesOf(await site.get(pathOf(studio.link())))
    },
  }
}

suite('the studio that is served on this machine', () => {
  test('nothing of it is shown to a browser that has not opened the link', async (t) => {
    const { site, sessions } = await served(t)
    await signIn(sessions, '42')
    for (const path of ['/', '/sessions?user=42', '/assets/studio.css', '/everybody', '/count']) {
      const { status, text } = await site.get(path)
      assert.equal(status, 401, path)
      assert.match(text, /Open the studio by its link/)
      assert.doesNotMatch(text, /live session|memory/)
    }
  })

  test('the link opens it once, with a cookie that scripts and other sites cannot use', async (t) => {
    const { site, link, studio } = await served(t)
    const path = link()
    const opened = await site.get(path)
    assert.equal(opened.status, 200)
    const base = new URL(studio.url).pathname
    assert.equal(opened.headers.refresh, `0; url=${base}/`)
    assert.match(
      String(opened.headers['set-cookie']),
      new RegExp(`^strongroom-studio-\\d+=[^;]+; Path=${base}; HttpOnly; SameSite=Strict$`),
    )
    assert.equal((await site.get('/', { cookie: cookiesOf(opened) })).status, 200)
    const again = await site.get(path)
    assert.equal(again.status, 410)
    assert.match(again.text, /This link was used.*press Enter in the terminal/s)
    assert.equal(again.headers['set-cookie'], undefined)
    assert.equal((await site.get(path, { cookie: cookiesOf(opened) })).status, 200, 'who is in may follow it again')
  })

  test('its cookie is sent to no other server of this machine, and opens nothing at another path', async (t) => {
    const { site, studio, operator } = await served(t)
    const cookie = await operator()
    const base = new URL(studio.url).pathname
    assert.match(base, /^\/[\w-]{22}$/)
    // Browsers send it to paths below this one alone, on whichever port.
    const path = String((await site.get(pathOf(studio.link()))).headers['set-cookie']).match(/Path=([^;]+)/)?.[1]
    assert.equal(path, base)
    const port = siteAt(site.port)
    for (const elsewhere of ['/', '/sessions?user=42', `${base}x/`, '/assets/studio.css'])
      assert.equal((await port.get(elsewhere, { cookie })).status, 401, elsewhere)
    const { status, headers } = await site.get('/theme/dark', { cookie })
    assert.equal(status, 303)
    assert.match(String(headers['set-cookie']), new RegExp(`Path=${base}/`))
    const other = await served(t)
    assert.notEqual(new URL(other.studio.url).pathname, base)
  })

  test('a new link ends the one before; a made-up one says that it opens nothing', async (t) => {
    const { site, link } = await served(t)
    const [first, second] = [link(), link()]
    assert.equal((await site.get(first)).status, 410)
    assert.equal((await site.get(second)).status, 200)
    const madeUp = await site.get(`/open/${'A'.repeat(43)}`)
    assert.deepEqual([madeUp.status, /This link opens nothing/.test(madeUp.text)], [404, true])
  })

  test('a link that nobody opens for ten minutes is too old', () => {
    let now = 1_000_000
    const links = new Links(() => now)
    const [early, late] = [links.next(), '']
    now += LINK_LIFETIME
    assert.equal(links.open(early), 'good')
    const next = links.next()
    now += LINK_LIFETIME + 1
    assert.equal(links.open(next), 'expired')
    assert.equal(links.open(next), 'used')
    assert.equal(links.open(late), 'unknown')
  })

  test('a browser that only guesses that the link will be followed does not use it up', async (t) => {
    const { site, link } = await served(t)
    const path = link()
    for (const name of ['sec-purpose', 'purpose', 'x-moz'])
      assert.equal((await site.get(path, { [name]: 'prefetch' })).status, 405)
    assert.equal((await site.get(path)).status, 200)
  })

  test('another name that leads to this address is refused, with what to do (DNS rebinding)', async (t) => {
    const { site, operator, link } = await served(t)
    const cookie = await operator()
    const { port } = site
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:${port + 1}`,
      `localhost:${port}.evil.example`,
      `127.0.0.1:${port}@evil.example`,
    ]) {
      const { status, text } = await site.get('/', { cookie, host })
      assert.ok(status === 421 || status === 400, `${host}: ${status}`)
      assert.doesNotMatch(text, /Overview/)
      if (status === 421) assert.match(text, new RegExp(`ssh -L ${port}:127.0.0.1:${port}`))
      assert.notEqual((await site.get(link(), { host })).status, 200)
    }
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`])
      assert.equal((await site.get('/', { cookie, host })).status, 200, host)
  })

  test('on port 80 it is found, although browsers leave that port out of Host', async (t) => {
    const started = await serveStudio(shop(), { port: 80 }).catch((error: Error) => error)
    // It needs rights, and that nobody else is there.
    if (started instanceof Error) return t.skip(started.message)
    t.after(() => started.close())
    const { status, text } = await siteOf(started.link()).get(new URL(started.link()).pathname, { host: '127.0.0.1' })
    assert.equal(status, 200)
    assert.match(text, /The studio is open/)
  })

  test('a request that another site makes is refused, even to read', async (t) => {
    const { site, operator } = await served(t)
    const cookie = await operator()
    const other = { cookie, origin: 'http://localhost:3000' }
    assert.equal((await site.get('/figures.json', other)).status, 403)
    assert.equal(
      (await site.get('/', { cookie, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status,
      403,
    )
    assert.equal(
      (await site.get('/', { cookie, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).status,
      200,
    )
  })

  test('it is read-only unless it was told to write; a form of another site is refused in any case', async (t) => {
    const reading = await served(t)
    const cookie = await reading.operator()
    assert.equal((await reading.site.post('/sessions/end-all', { user: '42' }, { cookie })).status, 403)
    const writing = await served(t, { write: true })
    const own = await writing.operator()
    await signIn(writing.sessions, '42')
    const forged = { cookie: own, origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }
    assert.equal((await writing.site.post('/sessions/end-all', { user: '42' }, forged)).status, 403)
    assert.equal((await writing.sessions.of('42').list()).length, 1)
    assert.equal((await writing.site.post('/sessions/end-all', { user: '42' }, { cookie: own })).status, 303)
    assert.equal((await writing.sessions.of('42').list()).length, 0)
  })

  test('a session of the application does not open it', async (t) => {
    const { site, sessions } = await served(t)
    const cookie = await signIn(sessions, 'admin')
    const name = `strongroom-studio-${site.port}`
    for (const tried of [cookie, `${name}=${cookie.split('=')[1]}`])
      assert.equal((await site.get('/', { cookie: tried })).status, 401)
  })

  test('only this machine reaches it', async (t) => {
    const { site } = await served(t)
    const own = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one && !one.internal && one.family === 'IPv4')
    for (const { address } of own as { address: string }[])
      await assert.rejects(fetch(`http://${address}:${site.port}/`), { name: 'TypeError' })
    assert.equal((await site.get('/')).status, 401)
  })

  test('in production its cookie is Secure, with a prefix', async (t) => {
    const before = process.env.NODE_ENV
    process.env.NODE_ENV = 'production'
    t.after(() => {
      if (before === undefined) delete process.env.NODE_ENV
      else process.env.NODE_ENV = before
    })
    const { site, link } = await served(t)
    assert.match(
      String((await site.get(link())).headers['set-cookie']),
      /^__Secure-strongroom-studio-\d+=[^;]+;.* Secure; SameSite=Strict$/,
    )
  })

  test('a port that is taken, and options that are wrong, are errors that say what to do', async (t) => {
    const other = createServer().listen(0, '127.0.0.1')
    t.after(() => other.close())
    await new Promise((done) => other.once('listening', done))
    const { port } = other.address() as { port: number }
    await assert.rejects(serveStudio(shop(), { port }), {
      name: 'ConfigError',
      message: `Port ${port} is in use. Choose another one, or 0 for a free one.`,
    })
    await assert.rejects(serveStudio(shop(), { port: 70_000 }), { name: 'ConfigError', message: /from 0 to 65535/ })
    await assert.rejects(serveStudio(shop(), { host: '0.0.0.0' } as ServeOptions), {
      message: /"host".*Known: port, write/,
    })
  })
})
