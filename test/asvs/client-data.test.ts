import assert from 'node:assert/strict'
import { prove } from './prove.ts'
import { site } from './site.ts'

prove('ASVS 14.3.1', async (t) => {
  const shop = await site(t, { routes: () => ({ leave: (session) => session.logout({ clearSiteData: ['storage'] }) }) })
  const browser = await shop.signedIn()
  assert.equal((await browser.must('/whoami')).header('clear-site-data'), undefined)
  assert.equal((await browser.must('/leave')).header('clear-site-data'), '"storage"')
  // Not the cookies of the whole domain, and nothing at all unless it was asked for.
  const other = await shop.signedIn()
  assert.equal((await other.must('/logout')).header('clear-site-data'), undefined)
})
