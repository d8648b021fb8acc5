import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { deviceBound } from '../../packages/strongroom/src/device-bound/device-bound.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { secret } from '../core/fixtures/secret.ts'
import { prove } from './prove.ts'
import { DAY, HOUR, MINUTE, site } from './site.ts'

const policyOf = (options: SessionsOptions) =>
  createSessions({ store: 'memory:', secrets: secret('presets'), sweep: false, ...options }).policy

type Preset = NonNullable<SessionsOptions['preset']>

/** The limits of a preset are those of its standard, and hold over HTTP. */
async function hasLimits(t: TestContext, preset: Preset, idle: number | null, absolute: number): Promise<void> {
  const shop = await site(t, { preset, ...(preset === 'aal3' && { deviceBound: deviceBound() }) })
  const browser = await shop.signedIn()
  const life = idle ?? absolute
  shop.clock.advance(life - 1)
  assert.equal((await browser.must('/whoami')).text, '"ada"')
  shop.clock.advance(life)
  assert.equal((await browser.must('/whoami')).text, 'null')
  const { policy } = shop.sessions
  assert.deepEqual([policy.idle, policy.absolute, policy.persistent], [idle ?? 0, absolute, false])
  assert.deepEqual(policy.deviations, [])
  assert.ok(policy.remember <= absolute, 'a remembered session does not live for longer')
}

prove('NIST 2.1.3', (t) => hasLimits(t, 'aal1', null, 30 * DAY))

prove('NIST 2.2.3', (t) => hasLimits(t, 'aal2', HOUR, DAY))

prove('NIST 2.3.3', (t) => hasLimits(t, 'aal3', 15 * MINUTE, 12 * HOUR))

prove('OWASP Session Expiration', (t) => hasLimits(t, 'owasp', 15 * MINUTE, 8 * HOUR))

prove('ASVS 7.1.1', () => {
  const policy = policyOf({ preset: 'aal2', idle: '2h' })
  assert.deepEqual(
    policy.deviations.map(({ option, weaker }) => [option, weaker]),
    [['idle', true]],
  )
  const table = policy.table()
  for (const fact of [/aal2/i, /2 hours|2h/, /1 day/, /WEAKER/]) assert.match(table, fact)
})

prove('ASVS 7.1.2', () => {
  const parallel = (options: SessionsOptions) =>
    /^\| 7\.1\.2 *\| parallel sessions of a user *\| (.*?) *\|/m.exec(policyOf(options).table())?.[1]
  assert.equal(
    parallel({}),
    'no limit, unless a login says limit: then the oldest ends, or the login is refused (atLimit)',
  )
  assert.equal(parallel({ store: cookie() }), 'no limit: this engine cannot count them')
})

prove('NIST 5.2, warning', async (t) => {
  const shop = await site(t, {
    idle: '30m',
    routes: ({ sessions }) => ({ left: (_, __, request) => sessions.peek(request) }),
  })
  const browser = await shop.signedIn()
  shop.clock.advance(20 * MINUTE)
  const page = await browser.must('/left')
  assert.deepEqual([JSON.parse(page.text).expiresIn, page.all('set-cookie')], [10 * MINUTE, []])
  // Asking has not kept it alive, and using it does.
  shop.clock.advance(5 * MINUTE)
  assert.equal(JSON.parse((await browser.must('/left')).text).expiresIn, 5 * MINUTE)
  await browser.must('/whoami')
  assert.equal(JSON.parse((await browser.must('/left')).text).expiresIn, 30 * MINUTE)
  shop.clock.advance(30 * MINUTE)
  assert.equal((await browser.must('/left')).text, 'null')
})
