import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { prove } from './prove.ts'
import { cookieOf, type SiteOptions, site } from './site.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0'
const NEWER = FIREFOX.replaceAll('142', '143')
const CURL = 'curl/8.14.1'

const seen = async (t: Parameters<typeof site>[0], signals: SiteOptions['signals']) => {
  const address = (request: IncomingMessage) => request.headers['x-test-address'] as string | undefined
  const shop = await site(t, { signals, address })
  const browser = shop.visitor()
  await browser.ask('/login', { headers: { 'user-agent': FIREFOX, 'x-test-address': '192.0.2.7' } })
  const cookie = cookieOf(browser)
  const as = async (agent: string, from: string) =>
    (await shop.visitor().ask('/whoami', { cookie, headers: { 'user-agent': agent, 'x-test-address': from } })).text
  return { as, signals: () => shop.events.filter(({ type }) => type === 'signal') }
}

prove('OWASP Binding the Session ID to Other User Properties', async (t) => {
  const { as, signals } = await seen(t, {})
  // A newer version, and another address of the same network, are nothing new.
  assert.equal(await as(NEWER, '192.0.2.99'), '"ada"')
  assert.equal(signals().length, 0)
  // It is noticed, and by default no more than that.
  assert.equal(await as(CURL, '198.51.100.1'), '"ada"')
  const [signal] = signals()
  assert.deepEqual(signal && 'changed' in signal && [...signal.changed].sort(), ['family', 'network'])
  assert.doesNotMatch(JSON.stringify(signal), /198\.51\.100\.1\b|Mozilla/)
})

prove('NIST 5.3', async (t) => {
  const { as, signals } = await seen(t, { onSignal: ({ changed }) => (changed.includes('family') ? 'end' : 'report') })
  assert.equal(await as(FIREFOX, '198.51.100.1'), '"ada"')
  assert.equal(await as(CURL, '198.51.100.1'), 'null')
  assert.equal(await as(FIREFOX, '192.0.2.7'), 'null')
  assert.equal(signals().length, 2)
})
