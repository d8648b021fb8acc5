import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { node } from '../../src/adapters/node.ts'
import { createDjangoSessions } from '../../src/compat/django/sessions.ts'
import { djangoSqlite } from '../../src/compat/django/stores/sqlite.ts'
import type { BaseSessions } from '../../src/sessions.ts'
import { type Server, startDaemon } from '../servers/daemon.ts'
import { djangoNeed, SECRET } from './peer.ts'

/** A browser that talks to both, with one jar. */
class Browser {
  cookie: string | null = null

  async ask(
    base: string,
    path: string,
    body?: object,
  ): Promise<{ user: string | null; data: Record<string, unknown> }> {
    const response = await fetch(base + path, {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      headers: this.cookie === null ? {} : { cookie: `sessionid=${this.cookie}` },
    })
    const text = await response.text()
    assert.equal(response.status, 200, text.slice(0, 500))
    for (const line of response.headers.getSetCookie()) {
      const [, value] = /^sessionid="?([^;"]*)/.exec(line) ?? []
      if (value !== undefined) this.cookie = value === '' || /max-age=0\b/i.test(line) ? null : value
    }
    return JSON.parse(text)
  }
}

suite('a Django project and a Node application, one cookie jar', { skip: djangoNeed.skip }, () => {
  let project: Server
  let application: HttpServer
  let users: DatabaseSync
  let sessions: BaseSessions<Record<string, unknown>>
  let django: string
  let here: string
  const id = (name: string) =>
    String((users.prepare('SELECT id FROM auth_user WHERE username = ?').get(name) as { id: number }).id)

  before(async () => {
    project = await startDaemon({
      name: 'django',
      command: '/usr/bin/python3',
      args: ({ port, dir }) => [join(import.meta.dirname, 'site.py'), `${port}`, join(dir, 'db.sqlite3')],
      answers: ({ port }) => fetch(`http://127.0.0.1:${port}/state`),
    })
    django = `http://127.0.0.1:${project.port}`
    const path = join(project.dir, 'db.sqlite3')
    users = new DatabaseSync(path, { timeout: 5000 })
    sessions = createDjangoSessions({
      store: djangoSqlite({ path, timeout: 10_000 }),
      storeTimeout: '10s',
      secretKey: SECRET,
      cookie: { secure: false },
      password(userId) {
        const row = users.prepare('SELECT password FROM auth_user WHERE id = ?').get(userId)
        return row ? String(row.password) : null
      },
    })
    application = createServer(
      node(sessions, async (request, response) => {
        const session = await sessions.get(request)
        const url = new URL(request.url ?? '/', 'http://localhost')
        if (url.pathname === '/put') {
          let body = ''
          for await (const chunk of request) body += chunk
          for (const [key, value] of Object.entries(JSON.parse(body))) session.set(key, value)
        }
        if (url.pathname === '/login') session.login(id(String(url.searchParams.get('name'))))
        if (url.pathname === '/logout') session.logout()
        if (url.pathname === '/renew') session.renew()
        const data = Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))
        response.end(JSON.stringify({ user: session.userId, data }))
      }),
    ).listen(0, '127.0.0.1')
    await once(application, 'listening')
    here = `http://127.0.0.1:${(application.address() as AddressInfo).port}`
  })
  after(async () => {
    application?.close()
    application?.closeAllConnections()
    await sessions?.close()
    users?.close()
    await project?.stop()
  })

  test('what either puts, the other shows', async () => {
    const browser = new Browser()
    await browser.ask(django, '/put', { theirs: { list: [1, 2.5, 'é 🐍', null] } })
    await browser.ask(here, '/put', { ours: [true] })
    await browser.ask(django, '/put', { more: 12345678901234567000 })
    const expected = { theirs: { list: [1, 2.5, 'é 🐍', null] }, ours: [true], more: 12345678901234567000 }
    assert.deepEqual((await browser.ask(django, '/state')).data, expected)
    assert.deepEqual((await browser.ask(here, '/state')).data, { ...expected, more: '12345678901234567000' })
  })

  for (const [title, one, other] of [
    ['Django', () => django, () => here],
    ['Node', () => here, () => django],
  ] as const) {
    test(`a login by ${title} is one for the other, under a new key, with what was there before`, async () => {
      const browser = new Browser()
      await browser.ask(one(), '/put', { basket: 3 })
      const anonymous = browser.cookie
      await browser.ask(one(), '/login?name=ada&password=secret')
      assert.notEqual(browser.cookie, anonymous)
      assert.deepEqual(await browser.ask(other(), '/state'), { user: id('ada'), data: { basket: 3 } })
      await browser.ask(other(), '/put', { basket: 4 })
      assert.deepEqual(await browser.ask(one(), '/state'), { user: id('ada'), data: { basket: 4 } })
    })

    test(`a logout by ${title} is one for the other, also for who has kept the cookie`, async () => {
      const browser = new Browser()
      await browser.ask(other(), '/login?name=ada&password=secret')
      const thief = new Browser()
      thief.cookie = browser.cookie
      await browser.ask(one(), '/logout')
      assert.equal(browser.cookie, null)
      for (const base of [django, here]) {
        assert.deepEqual(await browser.ask(base, '/state'), { user: null, data: {} })
        thief.cookie ??= 'x'.repeat(32)
        assert.deepEqual(await thief.ask(base, '/state'), { user: null, data: {} })
      }
    })
  }

  test('a renewal here leaves Django nothing under the old key', async () => {
    const browser = new Browser()
    await browser.ask(django, '/login?name=ada&password=secret')
    const old = browser.cookie
    await browser.ask(here, '/renew')
    assert.notEqual(browser.cookie, old)
    assert.equal((await browser.ask(django, '/state')).user, id('ada'))
    const thief = new Browser()
    thief.cookie = old
    assert.equal((await thief.ask(django, '/state')).user, null)
  })

  test('a change of the password ends all sessions on both sides but the one that changed it', async () => {
    const [changing, byDjango, byNode] = [new Browser(), new Browser(), new Browser()]
    await changing.ask(django, '/login?name=bob&password=secret')
    await byDjango.ask(django, '/login?name=bob&password=secret')
    await byNode.ask(here, '/login?name=bob')
    await changing.ask(django, '/password?to=other')
    assert.equal((await changing.ask(here, '/state')).user, id('bob'))
    for (const browser of [byDjango, byNode])
      for (const base of [here, django]) assert.equal((await browser.ask(base, '/state')).user, null)
    // And one that another program makes, in the table alone.
    users.prepare("UPDATE auth_user SET password = 'pbkdf2_sha256$1$salt$abc' WHERE username = 'bob'").run()
    for (const base of [here, django]) assert.equal((await changing.ask(base, '/state')).user, null)
  })

  test('twenty requests at once to Node leave Django all of their changes', async () => {
    const browser = new Browser()
    await browser.ask(here, '/put', { start: 1 })
    await Promise.all(Array.from({ length: 20 }, (_, i) => browser.ask(here, '/put', { [`n${i}`]: i })))
    assert.equal(Object.keys((await browser.ask(django, '/state')).data).length, 21)
  })
})
