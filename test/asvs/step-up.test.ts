import assert from 'node:assert/strict'
import { prove } from './prove.ts'
import { cookieOf, MINUTE, type SiteOptions, site, whoIs } from './site.ts'

/** Levels: 1 is a password, and 2 a second factor. */
const ROUTES: SiteOptions['routes'] = () => ({
  password: (session) => session.requireFresh('10m'),
  payout: (session) => session.requireFresh('10m', { level: 2 }),
  proof: (session, query) => session.stepUp({ method: 'totp', level: Number(query.get('level') ?? 1) }),
  strong: (session) => session.login('ada', { method: 'passkey', level: 2 }),
  level: (session) => session.level,
})

prove('ASVS 7.5.1', async (t) => {
  const shop = await site(t, { routes: ROUTES })
  const browser = await shop.signedIn()
  await browser.must('/password')
  shop.clock.advance(10 * MINUTE + 1)
  // Use is no proof, and neither is a renewal.
  for (const path of ['/set?a=1', '/renew']) await browser.must(path)
  const refused = await browser.ask('/password')
  assert.equal(refused.status, 401)
  assert.equal((await shop.visitor().ask('/password')).status, 401)
  const before = cookieOf(browser)
  await browser.must('/proof')
  await browser.must('/password')
  // A copy from before the proof has nothing of it.
  assert.equal(await whoIs(shop, before), null)
})

prove('ASVS 7.5.3', async (t) => {
  const shop = await site(t, { routes: ROUTES })
  const browser = await shop.signedIn()
  assert.equal((await browser.ask('/payout')).status, 401)
  await browser.must('/proof?level=1')
  assert.equal((await browser.ask('/payout')).status, 401)
  await browser.must('/proof?level=2')
  await browser.must('/payout')
  shop.clock.advance(10 * MINUTE + 1)
  await browser.must('/proof?level=1')
  assert.equal((await browser.ask('/payout')).status, 401)
})

prove('NIST 5.1, remember me', async (t) => {
  const shop = await site(t, { routes: ROUTES })
  const browser = await shop.signedIn('ada', '&remember')
  shop.clock.advance(24 * 60 * MINUTE)
  assert.equal((await browser.must('/whoami')).text, '"ada"')
  assert.equal((await browser.ask('/password')).status, 401)
  assert.equal((await browser.must('/level')).text, '1')
})

prove('NIST 5.1, level', async (t) => {
  const shop = await site(t, { routes: ROUTES })
  const browser = shop.visitor()
  assert.equal((await browser.must('/level')).text, 'null')
  await browser.must('/login')
  for (const path of ['/set?level=9', '/renew', '/count', '/proof?level=1']) {
    await browser.must(path)
    assert.equal((await browser.must('/level')).text, '1', path)
  }
  await browser.must('/proof?level=2')
  assert.equal((await browser.must('/level')).text, '2')
  // A login is a new one, and may be lower; that of another user has nothing of it.
  await browser.must('/login?user=bob')
  assert.equal((await browser.must('/level')).text, '1')
  await browser.must('/strong')
  assert.equal((await browser.must('/level')).text, '2')
})
