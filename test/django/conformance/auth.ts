import assert from 'node:assert/strict'
import { NotAttachedError } from '../../../packages/strongroom/src/errors.ts'
import { secret } from '../../core/fixtures/secret.ts'
import { Browser, type Fixture } from './fixture.ts'
import { property } from './property.ts'
import type { Options } from './subject.ts'

/** A table of users, and sessions with the option `credential` on it. */
function users(fixture: Fixture, options: Options = {}) {
  const hashes = new Map([
    ['ada', 'hash one'],
    ['bob', 'hash of bob'],
  ])
  const sessions = fixture.sessions({ credential: (userId) => hashes.get(userId) ?? null, ...options })
  const signedIn = async (userId: string) => {
    const browser = new Browser(sessions)
    await browser.visit((session) => session.login(userId))
    return browser
  }
  return { hashes, sessions, signedIn }
}

const userOf = async (browser: Browser) => (await browser.visit((session) => session.userId)).result

property(
  'an unchanged password keeps the user signed in',
  'test_no_password_change_doesnt_invalidate_session',
  async (fixture) => {
    const { signedIn } = users(fixture)
    const visitor = await signedIn('ada')
    for (let i = 0; i < 3; i++) assert.equal(await userOf(visitor), 'ada')
  },
)

property('a changed password ends the session', 'test_changed_password_invalidates_session', async (fixture) => {
  const { hashes, signedIn } = users(fixture)
  const [visitor, other] = [await signedIn('ada'), await signedIn('bob')]
  hashes.set('ada', 'hash two')
  await visitor.visit((session) =>
    assert.deepEqual([session.userId, session.handle, session.isNew], [null, null, true]),
  )
  assert.equal(await userOf(other), 'bob')
})

property('a request without an adapter gives an error that says so', 'test_no_session', async (fixture) => {
  await assert.rejects(fixture.sessions().get({}), NotAttachedError)
})

property(
  'a login under an old secret stays valid, also through a renewal, and ends when that secret is removed',
  'test_get_user_fallback_secret',
  async (fixture) => {
    const old = secret('old')
    const { sessions, signedIn } = users(fixture, { secrets: old })
    let visitor = await signedIn('ada')
    const { withSecrets } = fixture.engine.format
    const make = (options: Options) => users(fixture, options).sessions
    let now = await withSecrets(sessions, [secret('new'), old], make)
    const before = visitor.cookie
    visitor = new Browser(now, before)
    await visitor.visit((session) => {
      assert.equal(session.userId, 'ada')
      session.renew()
    })
    assert.notEqual(visitor.cookie, before)
    assert.equal(await userOf(visitor), 'ada')
    now = await withSecrets(now, [secret('new')], make)
    visitor = new Browser(now, visitor.cookie)
    assert.equal(await userOf(visitor), null)
  },
)

property(
  'the session that changed the password survives under a new token, and the others end',
  'test_user_password_change_updates_session',
  async (fixture) => {
    const { hashes, signedIn } = users(fixture)
    const [here, there] = [await signedIn('ada'), await signedIn('ada')]
    const old = here.copy()
    await fixture.advance(1000)
    await here.visit((session) => {
      hashes.set('ada', 'hash two')
      session.credentialChanged()
    })
    assert.notEqual(here.cookie, old.cookie)
    assert.deepEqual([await userOf(here), await userOf(there), await userOf(old)], ['ada', null, null])
  },
)

property(
  'a login as another user gets a new token and none of the previous data',
  'test_session_key_flushed_on_login',
  async (fixture) => {
    const { signedIn } = users(fixture)
    const visitor = await signedIn('ada')
    await visitor.visit((session) => session.set('basket', 1))
    const before = visitor.cookie
    await visitor.visit((session) => session.login('bob'))
    assert.notEqual(visitor.cookie, before)
    await visitor.visit((session) => assert.deepEqual([session.userId, session.keys()], ['bob', []]))
  },
)

property(
  'a login of the same user gets a new token, with or without a password change',
  'test_session_key_flushed_on_login_after_password_change',
  async (fixture) => {
    const { hashes, signedIn } = users(fixture)
    const visitor = await signedIn('ada')
    for (const hash of ['hash one', 'hash two']) {
      hashes.set('ada', hash)
      await fixture.advance(1000)
      const before = visitor.cookie
      await visitor.visit((session) => session.login('ada'))
      assert.notEqual(visitor.cookie, before)
      assert.equal(await userOf(visitor), 'ada')
    }
  },
)

property(
  'a session of a user without a credential stamp is over, and a new login works',
  'test_login_session_without_hash_session_key',
  async (fixture) => {
    const { sessions } = users(fixture)
    const visitor = fixture.browser()
    await visitor.visit((session) => session.login('ada'))
    const stricter = new Browser(sessions, visitor.cookie)
    assert.equal(await userOf(stricter), null)
    await stricter.visit((session) => session.login('ada'))
    assert.notEqual(stricter.cookie, visitor.cookie)
    assert.equal(await userOf(stricter), 'ada')
  },
)
