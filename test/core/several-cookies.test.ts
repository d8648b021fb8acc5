import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { CookieSettings } from '../../packages/strongroom/src/http/cookie.ts'
import { ConfigError, createSessions, type SessionsOptions } from '../../packages/strongroom/src/index.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'

const ENGINES = {
  memory: () => ({ store: memory() }),
  'memory, sealed': () => ({ store: memory(), seal: 'two-key' }),
  'cookies with revocations': () => ({ store: cookie({ revocations: memory() }) }),
} as const satisfies Record<string, () => SessionsOptions>

interface Site {
  readonly events: SessionEvent[]
  /** One request with this Cookie header. */
  visit(cookies: string, work?: (session: Session) => void): Promise<{ user: string | null; lines: readonly string[] }>
  /** A login; resolves to the pair of its cookie, "name=value". */
  login(user: string): Promise<string>
}

function site(options: SessionsOptions, settings?: CookieSettings): Site {
  const events: SessionEvent[] = []
  const sessions = createSessions({
    secrets: randomBytes(32),
    ...options,
    ...(settings && { cookie: settings }),
    on: (event) => events.push(event),
  })
  const visit: Site['visit'] = async (cookies, work) => {
    const visit = sessions.open({ cookie: cookies, host: 'shop.example.com' })
    const session = await visit.get()
    work?.(session)
    const { setCookie, clearCookies = [] } = await visit.commit()
    return { user: session.userId, lines: setCookie === null ? clearCookies : [...clearCookies, setCookie] }
  }
  const login = async (user: string) => pairIn((await visit('', (session) => session.login(user))).lines.at(-1))
  return { events, visit, login }
}

const pairIn = (line = '') => line.split(';', 1)[0] as string
/** What tells cookies of one browser apart, for a line that removes one. */
const spellingOf = (line: string) =>
  [pairIn(line), ...line.split('; ').filter((part) => /^(Domain|Path|Partitioned)/i.test(part))].join('; ')

for (const [name, options] of Object.entries(ENGINES))
  describe(`several cookies of our name, on ${name}`, () => {
    it('of which one is alive: that one counts, in either order, and no other is ambiguous', async () => {
      const { visit, login, events } = site(options())
      const dead = await login('bob')
      await visit(dead, (session) => session.logout())
      const live = await login('ada')
      for (const cookies of [`${dead}; ${live}`, `${live}; ${dead}`]) assert.equal((await visit(cookies)).user, 'ada')
      assert.ok(!events.some((event) => event.type === 'rejected' && event.reason === 'ambiguous'))
    })

    it('of one session, before and after a renewal: the newer one counts', async () => {
      const { visit, login } = site(options())
      const before = await login('ada')
      const after = pairIn((await visit(before, (session) => session.renew())).lines.at(-1))
      for (const cookies of [`${before}; ${after}`, `${after}; ${before}`])
        assert.equal((await visit(cookies)).user, 'ada')
    })

    it('two of which are alive are ambiguous, and a logout ends both', async () => {
      const { visit, login, events } = site(options())
      const [mine, planted] = [await login('ada'), await login('mallory')]
      assert.equal((await visit(`${planted}; ${mine}`)).user, null)
      assert.ok(events.some((event) => event.type === 'rejected' && event.reason === 'ambiguous'))
      const { lines } = await visit(`${planted}; ${mine}`, (session) => session.logout())
      assert.match(lines.at(-1) ?? '', /^__Host-id=; .*Max-Age=0/)
      for (const one of [mine, planted]) assert.equal((await visit(one)).user, null)
    })

    it('of which one is dead: a logout ends the session of the other', async () => {
      const { visit, login } = site(options())
      const dead = await login('bob')
      await visit(dead, (session) => session.logout())
      const live = await login('ada')
      await visit(`${dead}; ${live}`, (session) => session.logout())
      assert.equal((await visit(live)).user, null)
    })
  })

describe('a response that sets or removes the cookie', () => {
  const settings = { name: '__Secure-id', domain: 'example.com', path: '/app' }

  it('removes every other spelling of it that the request may have, and not the one that it sets', async () => {
    const { visit, login } = site(ENGINES.memory(), settings)
    const old = await login('bob')
    for (const work of [(session: Session) => session.login('ada'), (session: Session) => session.logout()]) {
      const { lines } = await visit(`${old}; __Secure-id=stale`, work)
      const others = lines.slice(0, -1).map(spellingOf)
      assert.match(spellingOf(lines.at(-1) ?? ''), /; Domain=example\.com; Path=\/app$/)
      const domains = ['', '; Domain=example.com', '; Domain=shop.example.com']
      const all = domains.flatMap((domain) =>
        ['/', '/app'].flatMap((path) =>
          ['', '; Partitioned'].map((partitioned) => `__Secure-id=${domain}; Path=${path}${partitioned}`),
        ),
      )
      assert.deepEqual(others.sort(), all.filter((one) => one !== '__Secure-id=; Domain=example.com; Path=/app').sort())
      assert.ok(lines.slice(0, -1).every((line) => /; Max-Age=0/.test(line) && /; Secure/.test(line)))
    }
  })

  it('removes nothing else while the request has that cookie alone', async () => {
    const { visit, login } = site(ENGINES.memory(), settings)
    const { lines } = await visit(await login('bob'), (session) => session.login('ada'))
    assert.equal(lines.length, 1)
  })

  it('of a "__Host-" cookie names no domain and no other path, which browsers would refuse', async () => {
    const { visit, login } = site(ENGINES.memory())
    const { lines } = await visit(`${await login('bob')}; __Host-id=stale`, (session) => session.login('ada'))
    assert.deepEqual(lines.slice(0, -1).map(spellingOf), ['__Host-id=; Path=/; Partitioned'])
  })
})

describe('a cookie that was renamed', () => {
  it('is read under its former name, and removed when the new one is set', async () => {
    const options = { ...ENGINES.memory(), secrets: randomBytes(32) }
    const before = site(options, { name: '__Host-old' })
    const cookie = await before.login('ada')
    const after = site({ ...options, namespace: '__Host-old' }, { name: '__Host-new', formerName: '__Host-old' })
    assert.equal((await after.visit(cookie)).user, 'ada')
    const { lines } = await after.visit(cookie, (session) => session.renew())
    assert.match(lines.at(-1) ?? '', /^__Host-new=/)
    assert.ok(lines.slice(0, -1).map(spellingOf).includes('__Host-old=; Path=/'))
    assert.equal((await after.visit(pairIn(lines.at(-1)))).user, 'ada')
  })

  it('can be the one that is to come, so that servers with both names serve the same visitors', async () => {
    const options = { ...ENGINES.memory(), secrets: randomBytes(32), namespace: '__Host-old' }
    const behind = site(options, { name: '__Host-old', formerName: '__Host-new' })
    const ahead = site(options, { name: '__Host-new', formerName: '__Host-old' })
    assert.equal((await behind.visit(await ahead.login('ada'))).user, 'ada')
    assert.equal((await ahead.visit(await behind.login('ada'))).user, 'ada')
  })

  it('is a stranger without the former namespace', async () => {
    const options = { ...ENGINES.memory(), secrets: randomBytes(32) }
    const cookie = await site(options, { name: '__Host-old' }).login('ada')
    const after = site({ ...options, namespace: '__Host-new' }, { name: '__Host-new', formerName: '__Host-old' })
    assert.equal((await after.visit(cookie)).user, null)
  })

  it('needs a namespace, and the error says which', () => {
    for (const options of Object.values(ENGINES))
      assert.throws(
        () => site(options(), { name: '__Host-new', formerName: '__Host-old' }),
        (error) => error instanceof ConfigError && /Write namespace: '__Host-old'/.test(error.message),
      )
  })

  it('cannot have a former name that is no name, or its own', () => {
    for (const formerName of ['', 'a b', '__Host-id'])
      assert.throws(() => site(ENGINES.memory(), { formerName }), /cookie\.formerName/)
  })
})

describe('a Host header that no browser sends', () => {
  it('fails no request, and costs no more than any other', async () => {
    const sessions = createSessions({ secrets: randomBytes(32), store: memory(), cookie: { name: '__Secure-id' } })
    const labels = Array.from({ length: 7_500 }, () => 'a').join('.')
    for (const host of [
      `${'a'.repeat(64)}.com`,
      labels,
      `${'a.'.repeat(120)}com`,
      '..',
      'a..b',
      '-a.com',
      '[::1]:80',
      '',
    ]) {
      const visit = sessions.open({ cookie: '__Secure-id=x; __Secure-id=y', host })
      ;(await visit.get()).login('ada')
      const { setCookie, clearCookies = [] } = await visit.commit()
      assert.match(setCookie ?? '', /^__Secure-id=/)
      // Four domains at most, and none; two jars each.
      assert.ok(clearCookies.length <= 10, `${clearCookies.length} lines`)
      assert.ok(clearCookies.every((line) => line.length < 500))
    }
  })
})

for (const [name, options] of Object.entries(ENGINES))
  describe(`a login with several cookies, on ${name}`, () => {
    it('ends every session of its user that the request has a cookie of, and none of others', async () => {
      for (const reversed of [false, true]) {
        const { visit, login } = site(options())
        const [stolen, other] = [await login('ada'), await login('bob')]
        const cookies = reversed ? `${other}; ${stolen}` : `${stolen}; ${other}`
        const { lines } = await visit(cookies, (session) => session.login('ada'))
        assert.equal((await visit(pairIn(lines.at(-1)))).user, 'ada')
        assert.equal((await visit(stolen)).user, null)
        assert.equal((await visit(other)).user, 'bob')
      }
    })

    it('after a logout in the same request ends the session even if the login fails', async () => {
      const { visit, login } = site(options())
      const before = await login('ada')
      const { lines } = await visit(before, (session) => {
        session.logout()
        session.login('ada')
      })
      assert.equal((await visit(before)).user, null)
      assert.equal((await visit(pairIn(lines.at(-1)))).user, 'ada')
    })
  })

describe('a session that was cleared', () => {
  it('takes nothing over that a parallel request writes into it, no matter who signs in', async () => {
    for (const keep of [undefined, 'none', ['kept']] as const) {
      const sessions = createSessions<Record<string, unknown>>({ secrets: randomBytes(32), store: memory() })
      const begin = sessions.open({})
      ;(await begin.get()).login('mallory')
      const cookie = pairIn((await begin.commit()).setCookie ?? '')
      const visit = sessions.open({ cookie })
      const session = await visit.get()
      session.login('ada', { keep })
      const parallel = sessions.open({ cookie })
      ;(await parallel.get()).set('mfa', true)
      await parallel.commit()
      const after = await sessions.read({ cookie: pairIn((await visit.commit()).setCookie ?? '') })
      assert.deepEqual([after.userId, after.keys()], ['ada', []])
    }
  })
})
