import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type DjangoEngine, djangoCookies } from '../../packages/django/src/engine.ts'
import { django as djangoSource } from '../../packages/django/src/source.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { secret } from '../core/fixtures/secret.ts'
import { Django, djangoNeed, SECRET } from './peer.ts'

const DAY = 86_400_000
const PASSWORD = 'pbkdf2 of ada'

const who = ({ userId }: Session) => userId
const logout = (session: Session) => session.logout()

suite('a session of Django that was adopted is spent', { skip: djangoNeed.skip }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-spent-'))
  const path = join(dir, 'db.sqlite3')
  let django: Django
  before(async () => {
    django = await Django.start({ DATABASES: { default: { ENGINE: 'django.db.backends.sqlite3', NAME: path } } })
    await django.ask('migrate')
  })
  after(async () => {
    await django?.stop()
    rmSync(dir, { recursive: true })
  })

  /** An application that has just been moved, and a browser's requests to it. */
  function moved(engine: DjangoEngine) {
    const clock = manualClock(Date.now())
    const store = sqlite({ path: ':memory:', clock })
    const until = new Date(clock() + 90 * DAY)
    const password = () => PASSWORD
    const adoptFrom = djangoSource({ store: engine, secretKey: SECRET, password, until, clock })
    const sessions = createSessions({ store, secrets: secret('spent'), clock, sweep: false, adoptFrom })
    async function visit<T>(cookie: string, work: (session: Session) => T) {
      const one = sessions.open({ cookie })
      const result = work(await one.get())
      const { setCookie } = await one.commit()
      return { result, cookie: setCookie?.split(';')[0] ?? '' }
    }
    async function rows() {
      let count = 0
      for await (const page of store.scan()) count += page.length
      return count
    }
    return { clock, sessions, visit, rows }
  }

  const signIn = (backend: 'db' | 'signed_cookies', data: object = {}): Promise<string> =>
    django.ask('put', [backend, JSON.stringify(data)], { user: '7', password: PASSWORD })

  test('the session key of Django opens nothing and ends nothing, once our cookie has arrived', async () => {
    const { clock, visit, rows } = moved(djangoSqlite(path))
    const key = await signIn('db')
    const { result, cookie } = await visit(`sessionid=${key}`, who)
    assert.equal(result, '7')
    clock.advance(30_000)
    const before = await rows()
    const late = await visit(`sessionid=${key}`, who)
    assert.deepEqual([late.result, late.cookie], [null, ''])
    await visit(`sessionid=${key}`, logout)
    assert.equal((await visit(cookie, who)).result, '7')
    assert.equal(await rows(), before)
  })

  test('an older copy of a signed cookie signs nobody in after the logout', async () => {
    for (const pause of [0, 5 * DAY]) {
      const { clock, visit } = moved(djangoCookies())
      const [older, newer] = [await signIn('signed_cookies', { n: 1 }), await signIn('signed_cookies', { n: 2 })]
      assert.notEqual(older, newer)
      const { result, cookie } = await visit(`sessionid=${newer}`, who)
      assert.equal(result, '7')
      await visit(cookie, logout)
      clock.advance(pause)
      for (const copy of [older, newer]) assert.equal((await visit(`sessionid=${copy}`, who)).result, null)
    }
  })

  test('until then every device with a signed cookie stays signed in', async () => {
    const { clock, visit, sessions } = moved(djangoCookies())
    const devices = [await signIn('signed_cookies', { n: 1 }), await signIn('signed_cookies', { n: 2 })]
    for (const text of devices) {
      clock.advance(DAY)
      assert.equal((await visit(`sessionid=${text}`, who)).result, '7')
    }
    assert.equal((await sessions.of('7').list()).length, 2)
  })

  test('five hundred logouts with invented session keys, or invented signed cookies, leave no row', async () => {
    for (const [engine, invented] of [
      [() => djangoSqlite(path), (i: number) => `${i}`.padStart(32, 'a')],
      [djangoCookies, (i: number) => `eyJfYXV0aF91c2VyX2lkIjoiNyJ9:1r2uO${i}:c2lnbmF0dXJl`],
    ] as const) {
      const { visit, rows } = moved(engine())
      for (let i = 0; i < 500; i++) await visit(`sessionid=${invented(i)}`, logout)
      assert.equal(await rows(), 0)
    }
  })

  test('after a log out everywhere, no session of that user is adopted from Django', async () => {
    for (const [backend, engine] of [
      ['db', () => djangoSqlite(path)],
      ['signed_cookies', djangoCookies],
    ] as const) {
      const { clock, visit, sessions } = moved(engine())
      const key = await signIn(backend)
      await sessions.of('7').revokeAll()
      clock.advance(3 * DAY)
      assert.equal((await visit(`sessionid=${key}`, who)).result, null)
    }
  })
})
