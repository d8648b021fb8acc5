import assert from 'node:assert/strict'
import { prove } from './prove.ts'
import { cookieOf, MINUTE, NAME, site, tokenOf, whoIs } from './site.ts'

prove('OWASP Renewal Timeout', async (t) => {
  for (const onReuse of ['report', 'end'] as const) {
    const shop = await site(t, { idle: '2h', renewEvery: '15m', renewGrace: '30s', onReuse })
    const victim = await shop.signedIn()
    const stolen = cookieOf(victim)
    shop.clock.advance(15 * MINUTE)
    await victim.must('/whoami')
    assert.notEqual(`${NAME}=${tokenOf(victim)}`, stolen)
    // It has been used: from now on the one before it opens for the grace, and gets nothing.
    await victim.must('/whoami')
    const page = await shop.visitor().ask('/whoami', { cookie: stolen })
    assert.deepEqual([page.text, page.all('set-cookie')], ['"ada"', []])
    shop.clock.advance(MINUTE)
    assert.equal(await whoIs(shop, stolen), null)
    assert.equal(shop.events.filter(({ type }) => type === 'reused').length, 1)
    assert.equal((await victim.must('/whoami')).text, onReuse === 'end' ? 'null' : '"ada"')
  }
})
