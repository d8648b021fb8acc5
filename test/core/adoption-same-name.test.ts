import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isSameCookie } from '../../packages/strongroom/src/http/cookie.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { KEY, NOW, setUp, who } from './fixtures/other-framework.ts'

const THEIRS = `id=s:${KEY}`

/** Sessions whose cookie has the name of the other framework's. `clear` is the line that removes that one. */
function setUpSame(clear: string | readonly string[], cookie = {}) {
  const setup = setUp({ options: { cookie: { name: 'id', secure: false, ...cookie } } })
  const source = {
    ...setup.source,
    clear,
    keyIn: (cookies: string) => /(?:^|; )id=s:(\w+)/.exec(cookies)?.[1] ?? null,
  }
  const sessions = setup.make({ adoptFrom: source })
  async function visit<T>(cookie: string, work: (session: Session) => T | Promise<T>) {
    const one = sessions.open({ cookie })
    const result = await work(await one.get())
    const { setCookie, clearCookies = [] } = await one.commit()
    return { result, cookie: /^id=[^;]+/.exec(setCookie ?? '')?.[0] ?? '', setCookie, clearCookies }
  }
  return { ...setup, sessions, visit }
}

const LINE = 'id=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'

suite('a source whose cookie has the same name as ours', () => {
  test('its visitor has the session here, and no line removes the cookie that was just set', async () => {
    const { visit, there, events } = setUpSame(LINE)
    const first = await visit(THEIRS, who)
    assert.deepEqual([first.result, first.clearCookies, there.size], ['ada', [], 0])
    assert.match(first.cookie, /^id=[\w-]{88}$/)
    const next = await visit(first.cookie, who)
    assert.deepEqual([next.result, next.setCookie, next.clearCookies], ['ada', null, []])
    assert.deepEqual(
      events.filter(({ type }) => type === 'rejected'),
      [],
    )
  })

  test('parallel first requests get the same cookie, and none of their responses removes it', async () => {
    const { visit } = setUpSame(LINE)
    const visits = await Promise.all(Array.from({ length: 20 }, () => visit(THEIRS, who)))
    assert.equal(new Set(visits.map(({ cookie }) => cookie)).size, 1)
    assert.ok(visits.every(({ result, clearCookies }) => result === 'ada' && clearCookies.length === 0))
  })

  test('a logout in the very first request removes the one cookie that there is, and a later login keeps its own', async () => {
    const { visit, there } = setUpSame(LINE)
    const end = await visit(THEIRS, (session) => session.logout())
    assert.deepEqual([there.size, end.clearCookies], [0, []])
    assert.match(String(end.setCookie), /^id=; Max-Age=0/)
    // A request that was under way has the old cookie still: its response must not remove what a login set meanwhile.
    const late = await visit(THEIRS, who)
    assert.deepEqual([late.result, late.setCookie, late.clearCookies], [null, null, []])
    const login = await visit(THEIRS, (session) => session.login('bob'))
    assert.deepEqual(login.clearCookies, [])
    assert.equal((await visit(login.cookie, who)).result, 'bob')
  })

  test('a login in the very first request ends the session of the old cookie, and sets one cookie', async () => {
    const { visit, there } = setUpSame(LINE)
    const { cookie, clearCookies } = await visit(THEIRS, (session) => session.login('bob'))
    assert.deepEqual([there.size, clearCookies], [0, []])
    assert.equal((await visit(cookie, who)).result, 'bob')
    assert.equal((await visit(THEIRS, who)).result, null)
  })

  test('a cookie of the same name with another path, domain or jar is another one, and is removed', async () => {
    for (const clear of [
      'id=; Path=/shop; Max-Age=0',
      'id=; Path=/; Domain=example.com; Max-Age=0',
      'id=; Path=/; Secure; Partitioned; Max-Age=0',
    ]) {
      const { visit } = setUpSame(clear)
      const { result, clearCookies } = await visit(THEIRS, who)
      assert.deepEqual([result, clearCookies], ['ada', [clear]])
    }
  })

  test('of several lines, only the one for our own cookie is left out', async () => {
    const { visit } = setUpSame([LINE, 'id.0=; Path=/; Max-Age=0', 'id.1=; Path=/; Max-Age=0'])
    const { clearCookies } = await visit(THEIRS, who)
    assert.deepEqual(clearCookies, ['id.0=; Path=/; Max-Age=0', 'id.1=; Path=/; Max-Age=0'])
  })

  test('a value that is neither ours nor a key of the source causes an event, and so does an old key after the end date', async () => {
    const { visit, events, clock } = setUpSame(LINE)
    const rejected = () => events.splice(0).filter(({ type }) => type === 'rejected').length
    await visit('id=nonsense', who)
    assert.equal(rejected(), 1)
    await visit(THEIRS, who)
    assert.equal(rejected(), 0)
    clock.set(NOW + 31 * 86_400_000)
    await visit(THEIRS, who)
    assert.equal(rejected(), 1)
  })

  test('two lines mean one cookie if name, path, domain and jar agree; without a path they may', () => {
    const same = (one: string, other: string) => isSameCookie(one, other)
    assert.ok(same('id=; Path=/', 'id=x; Path=/; HttpOnly; Secure; SameSite=Lax'))
    assert.ok(same('id=', 'id=x; Path=/'))
    assert.ok(same('id=; Path=/; Domain=.Example.com', 'id=x; Path=/; Domain=example.com'))
    assert.ok(!same('id=; Path=/', 'ID=x; Path=/'))
    assert.ok(!same('id=; Path=/', 'id=x; Path=/shop'))
    assert.ok(!same('id=; Path=/; Domain=example.com', 'id=x; Path=/'))
    assert.ok(!same('id=; Path=/; Partitioned; Secure', 'id=x; Path=/; Secure'))
  })
})
