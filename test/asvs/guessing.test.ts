import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { prove } from './prove.ts'
import { NAME, site } from './site.ts'

prove('OWASP Session ID Guessing and Brute Force Detection', async (t) => {
  const shop = await site(t, {
    address: (request: { headers: Record<string, string> }) => request.headers['x-test-address'],
    guessing: { threshold: 50, window: '10m' },
  })
  const browser = await shop.signedIn()
  const from = { 'x-test-address': '192.0.2.7' }
  for (let tries = 0; tries < 120; tries++) {
    const cookie = `${NAME}=${randomBytes(66).toString('base64url')}`
    await shop.visitor().ask('/whoami', { cookie, headers: from })
  }
  const alarms = shop.events.filter(({ type }) => type === 'guessing')
  assert.equal(alarms.length, 1, 'once in a window')
  assert.match(JSON.stringify(alarms), /192\.0\.2\.0\/24/)
  // A visitor who has a session there goes on.
  assert.equal((await browser.ask('/whoami', { headers: from })).text, '"ada"')
})
