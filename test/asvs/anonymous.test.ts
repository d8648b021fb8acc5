import assert from 'node:assert/strict'
import { prove } from './prove.ts'
import { MINUTE, site } from './site.ts'

prove('ASVS 15.2.2', async (t) => {
  const shop = await site(t, { anonymous: { idle: '5m', absolute: '1h', perMinute: 20 } })
  const ada = await shop.signedIn()
  const storm = Array.from({ length: 100 }, () => shop.visitor())
  const pages = await Promise.all(storm.map((browser) => browser.ask('/set?basket=tea')))
  for (const { status } of pages) assert.equal(status, 200)
  assert.ok(shop.rows().length <= 21, `${shop.rows().length} sessions`)
  // A user who is signed in, or signs in, notices nothing.
  await ada.must('/set?basket=tea')
  assert.equal((await (await shop.signedIn('bob')).must('/whoami')).text, '"bob"')
  assert.ok(shop.events.some(({ type }) => type === 'anonymousRefused'))
  // And what nobody has signed in to lives for a shorter time.
  const [first] = storm.filter((browser) => browser.jar.header() !== undefined)
  shop.clock.advance(5 * MINUTE)
  assert.equal((await first?.must('/read'))?.text, '{}')
  assert.equal((await ada.must('/whoami')).text, '"ada"')
})
