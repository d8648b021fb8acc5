import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type BrowserContext, type Page, chromium as playwright } from 'playwright-core'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { SecureClient } from '../device-bound/client.ts'
import { DeviceKeys } from '../device-bound/device.ts'
import { minutes, openSite, type Site, type SiteOptions } from '../device-bound/site.ts'
import { runOnce } from '../servers/daemon.ts'
import { need } from '../support/need.ts'
import { QUIET } from './person.ts'

const chromium = need('chromium')
const openssl = need('openssl')

const HOST = 'www.example.test'
const OTHER = 'other.test'

/** Without this, Chromium stops after six proofs in nine minutes. Keys in software, because a test machine has no other. */
const FEATURES = 'DeviceBoundSessions:RefreshQuota/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting'

suite('Device Bound Session Credentials in Chromium', { skip: chromium.skip || openssl.skip, timeout: 600_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-device-'))
  const certificate = { key: Buffer.alloc(0), cert: Buffer.alloc(0) }
  let pin = ''

  before(() => {
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const names = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST},DNS:${OTHER}`]
    runOnce(openssl.path, ['req', ...kind, ...names, '-keyout', key, '-out', cert])
    Object.assign(certificate, { key: readFileSync(key), cert: readFileSync(cert) })
    const spki = new X509Certificate(certificate.cert).publicKey.export({ type: 'spki', format: 'der' })
    pin = createHash('sha256').update(spki).digest('base64')
  })
  after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }))

  /** A profile of its own, which a second call opens again. */
  async function profile(t: TestContext, name: string, features = FEATURES): Promise<BrowserContext> {
    const context = await playwright.launchPersistentContext(join(dir, name), {
      executablePath: chromium.path,
      args: [
        ...QUIET,
        ...(features ? [`--enable-features=${features}`] : []),
        // Not --ignore-certificate-errors: Chromium binds nothing over a connection with an error.
        `--ignore-certificate-errors-spki-list=${pin}`,
        `--host-resolver-rules=MAP ${HOST} 127.0.0.1, MAP ${OTHER} 127.0.0.1`,
      ],
    })
    t.after(() => context.close())
    context.setDefaultTimeout(60_000)
    return context
  }

  async function shop(t: TestContext, options: Omit<SiteOptions, 'certificate'> = {}) {
    const site = await openSite({ ...options, certificate })
    t.after(site.close)
    const base = `https://${HOST}:${site.port}`
    const paths = (path: string) => site.calls.filter((call) => call.path === path)
    return Object.assign(site, {
      base,
      registered: () => paths('/device-bound/register'),
      refreshed: () => paths('/device-bound/refresh'),
    })
  }

  async function until(what: string, isSo: () => boolean): Promise<void> {
    for (let waited = 0; !isSo(); waited += 20) {
      assert.ok(waited < 20_000, `${what} did not happen`)
      await delay(20)
    }
  }

  const factsIn = (page: Page) =>
    page.evaluate(async () => JSON.parse(await (await fetch('/facts')).text())) as Promise<{
      userId: string | null
      deviceBound: boolean
      provedAt: string | null
    }>

  /** The browser's device cookie is gone, as if it had run out. */
  const runOut = (context: BrowserContext) => context.clearCookies({ name: '__Host-device' })

  async function signedIn(t: TestContext, site: Site & { base: string }, name: string, path = '/login') {
    const context = await profile(t, name)
    const page = await context.newPage()
    await page.goto(site.base + path)
    await until('the registration', () => site.events.some(({ type }) => type === 'bound'))
    // The browser has the instructions when the next page is there.
    await page.goto(`${site.base}/`)
    return { context, page }
  }

  const cookiesOf = async (context: BrowserContext) =>
    (await context.cookies()).map(({ name, value }): [string, string] => [name, value])

  test('a login is registered, and every page is served', async (t) => {
    const site = await shop(t)
    const { context, page } = await signedIn(t, site, 'register')
    assert.deepEqual(
      site.registered().map(({ status }) => status),
      [200],
    )
    const { userId, deviceBound } = await factsIn(page)
    assert.deepEqual([userId, deviceBound], ['ada', true])
    const bound = (await context.cookies()).find(({ name }) => name === '__Host-device')
    assert.deepEqual([bound?.httpOnly, bound?.secure, bound?.sameSite, bound?.path], [true, true, 'Lax', '/'])
    assert.ok(bound && Math.abs(bound.expires - Date.now() / 1000 - 600) < 20)
    assert.equal(site.refreshed().length, 0)
  })

  test('a login that redirects is registered, and one by fetch', async (t) => {
    const site = await shop(t)
    const context = await profile(t, 'redirect')
    const page = await context.newPage()
    await page.goto(`${site.base}/login-and-go`)
    await until('the registration', () => site.registered().length === 1)
    await page.evaluate(() => fetch('/logout'))
    await page.evaluate(() => fetch('/login?user=bob', { method: 'POST' }))
    await until('the second registration', () => site.registered().length === 2)
    assert.equal((await factsIn(page)).deviceBound, true)
  })

  test('a cookie that has run out is renewed before the request, by one proof for twenty of them', async (t) => {
    const site = await shop(t)
    const { context, page } = await signedIn(t, site, 'refresh')
    const before = await factsIn(page)
    for (let round = 1; round <= 3; round++) {
      await runOut(context)
      const users = await page.evaluate(() =>
        Promise.all(Array.from({ length: 20 }, async () => JSON.parse(await (await fetch('/facts')).text()).userId)),
      )
      assert.deepEqual(
        users,
        Array.from({ length: 20 }, () => 'ada'),
      )
      assert.equal(site.refreshed().length, round)
    }
    // Each by the challenge that came with the proof before it.
    assert.deepEqual(new Set(site.refreshed().map(({ status }) => status)), new Set([200]))
    const after = await factsIn(page)
    assert.ok((after.provedAt ?? '') > (before.provedAt ?? ''))
    assert.equal(site.events.filter(({ type }) => type === 'proofRefused').length, 0)
  })

  test('two tabs go on, and the login of somebody else in one of them ends the binding of both', async (t) => {
    const site = await shop(t)
    const { context, page } = await signedIn(t, site, 'tabs')
    const other = await context.newPage()
    await other.goto(`${site.base}/`)
    await runOut(context)
    const [one, two] = await Promise.all([factsIn(page), factsIn(other)])
    assert.deepEqual([one.userId, two.userId], ['ada', 'ada'])
    await other.goto(`${site.base}/login?user=bob`)
    await until('the second registration', () => site.registered().length === 2)
    await other.goto(`${site.base}/`)
    await runOut(context)
    for (const tab of [page, other]) {
      const { userId, deviceBound } = await factsIn(tab)
      assert.deepEqual([userId, deviceBound], ['bob', true])
    }
    const before = site.refreshed().length
    await runOut(context)
    assert.equal((await factsIn(page)).userId, 'bob')
    assert.equal(site.refreshed().length, before + 1, 'nothing is left of the first binding')
  })

  test('a browser that was closed still has the key', async (t) => {
    const site = await shop(t)
    const { context } = await signedIn(t, site, 'restart', '/login?remember')
    await context.close()
    const again = await profile(t, 'restart')
    const page = await again.newPage()
    await page.goto(`${site.base}/`)
    await runOut(again)
    const { userId, deviceBound } = await factsIn(page)
    assert.deepEqual([userId, deviceBound], ['ada', true])
    assert.equal(site.registered().length, 1)
    assert.equal(site.refreshed().at(-1)?.status, 200)
  })

  test('a logout ends it: the browser asks once more, and never again', async (t) => {
    const site = await shop(t)
    const { context, page } = await signedIn(t, site, 'logout')
    await page.goto(`${site.base}/logout`)
    assert.deepEqual(await cookiesOf(context), [])
    for (let i = 0; i < 3; i++) assert.equal((await factsIn(page)).userId, null)
    assert.equal(site.refreshed().length, 1)
    await page.goto(`${site.base}/login`)
    await until('the second registration', () => site.registered().length === 2)
    assert.equal((await factsIn(page)).deviceBound, true)
  })

  test('a store that is down for a while ends nothing', async (t) => {
    const site = await shop(t)
    const { context, page } = await signedIn(t, site, 'trouble')
    await runOut(context)
    site.trouble = () => Promise.reject(new StoreError('down'))
    const during = await page.evaluate(async () => (await fetch('/facts')).status)
    assert.equal(during, 503)
    site.trouble = null
    await runOut(context)
    assert.equal((await factsIn(page)).userId, 'ada')
    assert.ok(site.refreshed().every(({ status }) => status === 503 || status === 403 || status === 200))
    assert.equal(site.registered().length, 1)
  })

  test('a page that asks for a proof now gets one before its redirect is followed', async (t) => {
    const site = await shop(t)
    const { page } = await signedIn(t, site, 'prove')
    await page.goto(`${site.base}/prove?since=${Date.now()}`)
    assert.match(await page.content(), /proved/)
    assert.equal(site.refreshed().length, 1)
  })

  test('a link of another site finds nobody when the cookie has run out, until the page loads itself again', async (t) => {
    const site = await shop(t)
    const { context, page } = await signedIn(t, site, 'link')
    await page.goto(`https://${OTHER}:${site.port}/`)
    await page.setContent(`<a href="${site.base}/">plain</a> <a href="${site.base}/again">again</a>`)
    await runOut(context)
    await page.getByText('again').click()
    await page.waitForSelector('#user')
    assert.equal(await page.textContent('#user'), 'ada')
    await page.goto(`https://${OTHER}:${site.port}/`)
    await page.setContent(`<a href="${site.base}/">plain</a>`)
    await runOut(context)
    await page.getByText('plain').click()
    await page.waitForSelector('#user')
    assert.equal(await page.textContent('#user'), 'nobody')
    await page.reload()
    assert.equal((await factsIn(page)).userId, 'ada', 'its cookie was left alone')
  })

  test('a browser without the feature goes on as before, or is held to the limits of the option unbound', async (t) => {
    const [plain, strict] = [await shop(t), await shop(t, { bound: { unbound: 'refuse' } })]
    const context = await profile(t, 'without', '')
    const page = await context.newPage()
    for (const site of [plain, strict]) {
      await page.goto(`${site.base}/login`)
      site.wait(minutes(6))
      const { userId, deviceBound } = await factsIn(page)
      assert.deepEqual([userId, deviceBound], [site === plain ? 'ada' : null, false])
      assert.equal(site.calls.length, 0)
    }
  })

  test('the theft: copied cookies are worth nothing after ten minutes, and the victim goes on', async (t) => {
    const site = await shop(t)
    const { context, page } = await signedIn(t, site, 'theft')
    const thief = new SecureClient(site, await cookiesOf(context), { host: HOST, certificate: certificate.cert })
    const say = (what: string, result: unknown) => t.diagnostic(`${what}: ${JSON.stringify(result)}`)

    const fresh = (await thief.facts()).userId
    say('0 min, the thief has copied both cookies and is', fresh)
    assert.equal(fresh, 'ada')

    site.wait(minutes(10) + 11_000)
    await runOut(context)
    const victim = (await factsIn(page)).userId
    say('10 min, the victim, whose browser has proved that it has the key, is', victim)
    assert.equal(victim, 'ada')
    const late = (await thief.facts()).userId
    say('10 min, the thief is', late)
    assert.equal(late, null)

    const id = site.refreshed().at(-1)?.id ?? ''
    const asked = await thief.post('/device-bound/refresh', { 'sec-secure-session-id': id })
    say('the thief asks for the cookie without a proof', asked.status)
    assert.equal(asked.status, 403)
    const [, challenge = ''] = /^"([^"]+)"/.exec(asked.headers.get('secure-session-challenge') ?? '') ?? []
    const keys = new DeviceKeys()
    const forgeries = {
      'a proof with a key of his own': keys.proof(challenge),
      'the same with that key in it': keys.registration(challenge),
      'the last proof of the victim again': site.refreshed().findLast(({ proof }) => proof)?.proof ?? '',
    }
    site.wait(31_000)
    for (const [what, proof] of Object.entries(forgeries)) {
      const { status, headers } = await thief.post('/device-bound/refresh', {
        'sec-secure-session-id': id,
        'secure-session-response': proof,
      })
      say(`the thief sends ${what}`, status)
      assert.equal(status, proof === forgeries['the last proof of the victim again'] ? 403 : 400)
      assert.deepEqual(headers.getSetCookie(), [])
    }
    const rebound = await thief.post('/device-bound/register', {
      'secure-session-response': keys.registration(challenge),
    })
    say('the thief registers a key of his own', rebound.status)
    assert.equal(rebound.status, 400)
    assert.equal((await thief.facts()).userId, null)

    await runOut(context)
    const after = (await factsIn(page)).userId
    say('the victim is', after)
    assert.equal(after, 'ada')
    const alarms = site.events.flatMap((event) =>
      event.type === 'proofRefused' ? [`${event.what} ${event.reason}`] : [],
    )
    say('the events', alarms)
    assert.deepEqual(alarms, [
      'request expired',
      'refresh signature',
      'refresh signature',
      'refresh replayed',
      'registration challenge',
      'request missing',
    ])
  })
})
