import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import { getIronSession, sealData } from 'iron-session'
import * as version8 from 'iron-session8'
import {
  type IronSessionOptions,
  type IronSessionPackage,
  ironSession,
  ironSessionSource,
} from '../../packages/strongroom/src/adoption/iron-session.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { DAY, SECRET, visit, who } from './fixtures/other-framework.ts'

const PASSWORD = 'a password of more than thirty-two characters'
const OTHER = 'another password of more than thirty-two characters'
type Get = (request: Request, response: Response, options: object) => Promise<Data & { save(): Promise<void> }>

const VERSIONS = { 8: version8.getIronSession as Get, 9: getIronSession as Get }

interface Data {
  user?: { id: number }
  theme?: string
  text?: string
}

const DATA: Data = { user: { id: 7 }, theme: 'dark' }

/** The cookies that a version of iron-session sets, as a browser sends them back. */
async function cookiesOf(
  version: keyof typeof VERSIONS,
  data: Data = DATA,
  options: object = {},
): Promise<readonly string[]> {
  const response = new Response()
  const given = { password: PASSWORD, cookieName: 'iron', ...options }
  const session = await VERSIONS[version](new Request('http://localhost/'), response, given)
  Object.assign(session, data)
  await session.save()
  return response.headers.getSetCookie().map((line) => line.split(';', 1)[0] as string)
}

type Change = Partial<IronSessionOptions>

const userId = ({ user }: { readonly user?: unknown }) => (user as Data['user'])?.id

function setUp(change: Change = {}, load?: () => Promise<IronSessionPackage>) {
  // As iron-session, which has no other.
  const clock = manualClock(Date.now())
  const options = { password: PASSWORD, cookieName: 'iron', userId, until: new Date(Date.now() + 30 * DAY), clock }
  const source = load ? ironSessionSource({ ...options, ...change }, load) : ironSession({ ...options, ...change })
  const events: SessionEvent[] = []
  const sessions = createSessions({
    ...{ store: memory({ clock }), secrets: SECRET, clock, sweep: false, adoptFrom: source },
    on: (event: SessionEvent) => void events.push(event),
  } as SessionsOptions & { store: ReturnType<typeof memory> })
  return { clock, source, sessions, events }
}

suite('ironSession()', () => {
  test('a visitor with a cookie of version 8 or 9 is signed in here, with the data', async () => {
    for (const version of [8, 9] as const) {
      const { sessions } = setUp()
      const [cookie = ''] = await cookiesOf(version)
      const first = await visit(sessions, cookie, (session) => [session.userId, session.get('theme')])
      assert.deepEqual(first.result, ['7', 'dark'])
      assert.match(String(first.clearCookies[0]), /^iron=; Max-Age=0; Path=\/; /)
      assert.equal(first.clearCookies.length, 1)
      assert.equal((await visit(sessions, String(first.cookie), who)).result, '7')
    }
  })

  test('each version of the package can open the cookies of both', async () => {
    for (const version of [8, 9] as const) {
      const load = async () =>
        (version === 8 ? version8 : await import('iron-session')) as unknown as IronSessionPackage
      for (const by of [8, 9] as const) {
        const { sessions } = setUp({}, load)
        assert.equal((await visit(sessions, String(await cookiesOf(by)), who)).result, '7')
      }
    }
  })

  test('a cookie that is forged, or sealed with another password, is none', async () => {
    for (const version of [8, 9] as const) {
      const { sessions, events } = setUp()
      const [cookie = ''] = await cookiesOf(version)
      const flip = (at: number) => `${cookie.slice(0, at)}${cookie[at] === 'A' ? 'B' : 'A'}${cookie.slice(at + 1)}`
      // In the salt, the data and the HMAC.
      for (const at of [20, 150, cookie.length - 10]) assert.equal((await visit(sessions, flip(at), who)).result, null)
      const [foreign = ''] = await cookiesOf(version, DATA, { password: OTHER })
      assert.equal((await visit(sessions, foreign, who)).result, null)
      const reasons = events.flatMap((event) => (event.type === 'rejected' ? [event.reason] : []))
      assert.deepEqual(reasons, ['forged', 'forged', 'forged', 'forged'])
      assert.equal((await sessions.stats()).live, 0)
    }
  })

  test('a session ends when its seal says, and one without an end after "ttl"', async () => {
    for (const version of [8, 9] as const) {
      const { sessions, clock, source } = setUp()
      const [cookie = ''] = await cookiesOf(version, DATA, { ttl: 3600 })
      const session = await source.read?.(source.keyIn(cookie) as string)
      assert.ok(session && !('refused' in session))
      assert.ok(Math.abs(session.expiresAt - Date.now() - 3_600_000) < 60_000)
      assert.equal(session.persistent, true)
      clock.advance(3_700_000)
      assert.equal((await visit(sessions, cookie, who)).result, null)
      const [endless = ''] = await cookiesOf(version, DATA, { cookieOptions: { maxAge: undefined } })
      const found = await source.read?.(source.keyIn(endless) as string)
      assert.partialDeepStrictEqual(found, { persistent: false, expiresAt: clock() + 14 * DAY })
      const short = setUp({ ttl: 60 })
      assert.partialDeepStrictEqual(await short.source.read?.(short.source.keyIn(endless) as string), {
        expiresAt: short.clock() + 60_000,
      })
    }
  })

  test('a password can be a string, a list or an object by number, and each opens what it has sealed', async () => {
    const [first = ''] = await cookiesOf(9, DATA, { password: { 1: PASSWORD } })
    const [second = ''] = await cookiesOf(9, DATA, { password: { 1: PASSWORD, 2: OTHER } })
    const opens = async (password: IronSessionOptions['password']) => {
      const results: unknown[] = []
      for (const cookie of [first, second]) {
        const { sessions } = setUp({ password })
        results.push((await visit(sessions, cookie, who)).result)
      }
      return results
    }
    assert.deepEqual(await opens({ 1: PASSWORD, 2: OTHER }), ['7', '7'])
    assert.deepEqual(await opens([OTHER, PASSWORD]), ['7', '7'])
    assert.deepEqual(await opens(PASSWORD), ['7', null])
    assert.deepEqual(await opens(OTHER), [null, '7'])
    assert.deepEqual(await opens({ 2: OTHER }), [null, '7'])
    // A number names one password.
    assert.deepEqual(await opens({ 1: OTHER, 2: PASSWORD }), [null, null])
  })

  test('a logout here is final: neither the cookie nor an older one of the same user opens anything', async () => {
    const { sessions } = setUp()
    const [older = ''] = await cookiesOf(9, { ...DATA, theme: 'light' })
    const [cookie = ''] = await cookiesOf(9)
    const { cookie: ours } = await visit(sessions, cookie, who)
    await visit(sessions, String(ours), (session) => session.logout())
    for (const replayed of [cookie, older, `${cookie}; ${ours}`])
      assert.equal((await visit(sessions, replayed, who)).result, null)
  })

  test('a logout in the very first request is final as well', async () => {
    const { sessions } = setUp()
    const [cookie = ''] = await cookiesOf(9)
    await visit(sessions, cookie, (session) => session.logout())
    assert.equal((await visit(sessions, cookie, who)).result, null)
  })

  test('one session has one key, however its cookie is spelled, so that a spent one has no twin', async () => {
    for (const version of [8, 9] as const) {
      // An anonymous one: nothing but its key tells that it has ended.
      const { sessions, source } = setUp({ userId: () => null })
      const [cookie = ''] = await cookiesOf(version)
      const [seal = ''] = cookie.slice('iron='.length).split('~')
      const key = source.keyIn(cookie)
      assert.equal(key, seal)
      for (const same of [`${seal}~1`, `${seal}~2~3`, seal, encodeURIComponent(`${seal}~2`), seal.replace('*', '%2A')])
        assert.equal(source.keyIn(`iron=${same}`), key)
      const { cookie: ours } = await visit(sessions, cookie, (session) => session.get('theme'))
      await visit(sessions, String(ours), (session) => session.logout())
      const last = seal.at(-1) as string
      const twins = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
        .filter((each) => each !== last)
        .map((each) => seal.slice(0, -1) + each)
      for (const twin of [...twins, `${seal}=`, `${seal}A`, `${seal}%20`, seal.replaceAll('-', '+')])
        assert.equal((await visit(sessions, `iron=${twin}~2`, (session) => session.get('theme'))).result, undefined)
    }
  })

  test('parallel first requests become one session', async () => {
    const { sessions } = setUp()
    const [cookie = ''] = await cookiesOf(9)
    const visits = await Promise.all(
      Array.from({ length: 20 }, (_, i) => visit(sessions, cookie, (session) => session.set(`n${i}`, i).handle)),
    )
    assert.equal(new Set(visits.map(({ result }) => result)).size, 1)
    assert.equal((await sessions.of('7').list()).length, 1)
  })

  test('a session that version 9 has split over several cookies is one, and all of them are removed', async () => {
    const text = 'x'.repeat(6000)
    const cookies = await cookiesOf(9, { ...DATA, text }, { chunk: true })
    assert.ok(cookies.length > 1 && cookies[0]?.startsWith('iron.0='))
    const { sessions } = setUp({ chunk: true })
    const shuffled = [...cookies].reverse().join('; ')
    const { result, clearCookies } = await visit(sessions, shuffled, (session) => [session.userId, session.get('text')])
    assert.deepEqual(result, ['7', text])
    assert.deepEqual(
      clearCookies.map((line) => line.split('=', 1)[0]),
      ['iron', 'iron.0', 'iron.1', 'iron.2', 'iron.3'],
    )
    const { source } = setUp()
    assert.equal(source.keyIn(cookies.slice(1).join('; ')), null)
  })

  test('of several cookies of the name, the first that looks like a seal counts, and what is none costs nothing', async () => {
    const { source } = setUp()
    const [cookie = ''] = await cookiesOf(9)
    assert.equal(source.keyIn(`iron=planted; ${cookie}`), source.keyIn(cookie))
    const [seal = ''] = cookie.slice('iron='.length).split('~')
    const parts = seal.split('*')
    const wrong = [
      ...['', 'Fe26.2', '*******', seal.replace('Fe26.2', 'Fe26.1'), `${seal}*`, parts.slice(1).join('*')],
      ...[`${'x'.repeat(20_000)}`, '%zz', seal.replace('*1*', '*../1*'), seal.replace(/\*\d{13}\*/, '*01*')],
    ]
    for (const value of wrong) assert.equal(source.keyIn(`iron=${value}`), null, value.slice(0, 40))
  })

  test('what was sealed and is no session, or what this library cannot store, is refused', async () => {
    const deep = JSON.parse(`${'['.repeat(300)}${']'.repeat(300)}`)
    for (const data of [{ deep }, 'text']) {
      const { sessions, events } = setUp()
      const seal = await sealData(data, { password: PASSWORD })
      assert.equal((await visit(sessions, `iron=${seal}`, who)).result, null)
      assert.equal(events.filter(({ type }) => type === 'rejected').length, 1)
    }
  })

  test('without userId its data is adopted, and nobody is signed in', async () => {
    const { sessions } = setUp({ userId: undefined, values: ({ theme }) => ({ theme }) })
    const [cookie = ''] = await cookiesOf(9)
    const { result } = await visit(sessions, cookie, (session) => [
      session.userId,
      session.get('theme'),
      session.keys(),
    ])
    assert.deepEqual(result, [null, 'dark', ['theme']])
  })

  test('values that return no object are an error of the application, and end no session', async () => {
    const { sessions, events } = setUp({ values: () => ({ big: 1n }) })
    const [cookie = ''] = await cookiesOf(9)
    await assert.rejects(visit(sessions, cookie, who), /values must return an object that JSON can hold/)
    assert.deepEqual(
      events.filter(({ type }) => type === 'rejected'),
      [],
    )
  })

  test('without the package, the error says what to install, and the visitor is not logged out', async () => {
    const missing = async () => {
      throw Object.assign(new Error("Cannot find package 'iron-session'"), { code: 'ERR_MODULE_NOT_FOUND' })
    }
    const { sessions } = setUp({}, missing)
    const [cookie = ''] = await cookiesOf(9)
    await assert.rejects(visit(sessions, cookie, who), /npm install iron-session/)
  })

  test('no event and no error contains a cookie', async () => {
    const { sessions, events } = setUp()
    const [cookie = ''] = await cookiesOf(9)
    await visit(sessions, cookie, (session) => session.logout())
    await visit(sessions, cookie, who)
    assert.ok(!inspect(events, { depth: 9 }).includes(cookie.slice(30, 60)))
  })

  test('what userId or values throws is an error of the application, and no outage of a store', async () => {
    const cause = new TypeError('no account')
    const thrown = () => {
      throw cause
    }
    for (const option of ['userId', 'values']) {
      const { sessions } = setUp({ [option]: thrown })
      await assert.rejects(visit(sessions, (await cookiesOf(9)).join('; '), who), (error: Error) => {
        assert.ok(error instanceof ConfigError)
        assert.deepEqual([error.status, error.cause], [500, cause])
        return error.message === `ironSession(): ${option} threw an error, which is the cause.`
      })
    }
  })

  test('wrong options are refused with what to do', () => {
    const good = { password: PASSWORD, cookieName: 'iron', until: new Date(Date.now() + DAY) }
    const refused = (options: unknown, message: RegExp) =>
      assert.throws(
        () => createSessions({ store: memory(), secrets: SECRET, adoptFrom: ironSession(options as never) }),
        (error: Error) => error instanceof ConfigError && message.test(error.message),
      )
    for (const password of [undefined, null, '', 'x'.repeat(31), [], {}, [PASSWORD, 'short'], { 1: 'short' }, 7])
      refused({ ...good, password }, /password of iron-session, a string of at least 32 characters/)
    refused({ ...good, cookieName: undefined }, /cookieName must be the name/)
    refused({ ...good, cookieName: 'a b' }, /name/)
    refused({ ...good, until: undefined }, /"iron-session" lacks until/)
    for (const ttl of [-1, 0.5, '1h']) refused({ ...good, ttl }, /ttl/)
    refused({ ...good, userId: 'id' }, /userId must be a function/)
    refused({ ...good, values: 1 }, /values must be a function/)
    refused({ ...good, chunk: 4 }, /chunk/)
    refused({ ...good, cookieOptions: {} }, /Unknown option "cookieOptions"/)
  })
})
