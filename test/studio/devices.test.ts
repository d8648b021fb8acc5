import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type DevicesOptions, devicesPage } from '@strongroom/studio'
import express from 'express'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { cookie as cookieEngine } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { cookiesOf, SECRET, serving, shop, signIn, userOf } from './browserless.ts'

type Ending = { after(done: () => unknown): void }
const CURL = 'curl/8.0'

async function open(t: Ending, options: DevicesOptions = {}) {
  const sessions = shop()
  const page = devicesPage(sessions, { signIn: '/sign-in', ...options })
  const own = await signIn(sessions, '42')
  const phone = await signIn(sessions, '42', CURL)
  const stranger = await signIn(sessions, '43')
  return { sessions, page, own, phone, stranger, site: await serving(t, page.node) }
}

suite('the devices page of an application', () => {
  test('shows a user’s own devices, the one that looks first, and no token', async (t) => {
    const { site, own, phone } = await open(t)
    const { status, text, headers } = await site.get('/account/devices', { cookie: phone })
    assert.equal(status, 200)
    const [first = '', second = ''] = [...text.matchAll(/<li.*?<\/li>/gs)].map(([item]) => item)
    assert.match(first, /curl<\/strong> <span class="strongroom-badge">This device/)
    assert.match(second, /Firefox on Linux/)
    assert.doesNotMatch(second, /This device/)
    for (const cookie of [own, phone]) assert.ok(!text.includes(cookie.split('=')[1] ?? ''))
    assert.match(String(headers['content-security-policy']), /^default-src 'none'; style-src 'self'/)
    assert.equal(headers['cache-control'], 'no-store')
    assert.doesNotMatch(text, /<script|style="/)
  })

  test('shows the place and the network of each device, where the application stores addresses', async (t) => {
    const { site, own } = await open(t)
    assert.doesNotMatch((await site.get('/account/devices', { cookie: own })).text, /strongroom-where/)
    const sessions = shop({
      address: (request: Request) => (request.headers.get('user-agent') === CURL ? null : '203.0.113.7'),
      place: () => 'Berlin & <b>',
    })
    const [seen, unseen] = [await signIn(sessions, '42'), await signIn(sessions, '42', CURL)]
    const { node } = devicesPage(sessions, { signIn: '/sign-in' })
    const { text } = await (await serving(t, node)).get('/account/devices', { cookie: unseen })
    assert.deepEqual(
      [...text.matchAll(/<p class="strongroom-where">(.*?)<\/p>/g)].map(([, shown]) => shown),
      ['Berlin &amp; &lt;b&gt; · 203.0.113.0/24'],
    )
    assert.ok(seen !== unseen && !text.includes('113.7'))
  })

  test('of more than a hundred, the newest are shown, and it is said that there are more', async (t) => {
    const { site, sessions, own } = await open(t)
    for (let n = 0; n < 97; n++) await signIn(sessions, '42', CURL)
    const rows = (text: string) => text.match(/<li[ >]/g)?.length
    const some = await site.get('/account/devices', { cookie: own })
    assert.equal(rows(some.text), 99)
    assert.doesNotMatch(some.text, /newest/)
    for (let n = 0; n < 3; n++) await signIn(sessions, '42', CURL)
    const many = await site.get('/account/devices', { cookie: own })
    assert.equal(rows(many.text), 100)
    assert.match(many.text, /Only the newest 100 are shown/)
    // Its own device is the oldest.
    assert.match(many.text, /<li[^>]*>\s*<div><p[^>]*><strong>Firefox on Linux<\/strong> <span[^>]*>This device/)
  })

  test('a visitor who is not signed in is sent to sign in', async (t) => {
    const { site } = await open(t)
    for (const answer of [await site.get('/account/devices'), await site.post('/account/devices/end', { handle: 'x' })])
      assert.deepEqual([answer.status, answer.headers.location], [303, '/sign-in'])
  })

  test('one device ends, another goes on', async (t) => {
    const { site, sessions, own, phone } = await open(t)
    const other = (await sessions.of('42').list()).find(({ label }) => label === 'curl')
    const { status, headers } = await site.post(
      '/account/devices/end',
      { handle: other?.handle ?? '' },
      { cookie: own },
    )
    assert.deepEqual([status, headers.location], [303, '/account/devices/?done=one'])
    assert.deepEqual([await userOf(sessions, own), await userOf(sessions, phone)], ['42', null])
    assert.match((await site.get(String(headers.location), { cookie: own })).text, /That device is signed out\./)
  })

  test('nobody ends a device of another user, whatever the form says', async (t) => {
    const { site, sessions, own, stranger } = await open(t)
    const [theirs] = await sessions.of('43').list()
    const form = { handle: theirs?.handle ?? '', user: '43', userId: '43' }
    const { headers } = await site.post('/account/devices/end?user=43', form, { cookie: own })
    assert.equal(headers.location, '/account/devices/?done=none')
    assert.equal(await userOf(sessions, stranger), '43')
    await site.post('/account/devices/end-others?user=43', form, { cookie: own })
    assert.equal(await userOf(sessions, stranger), '43')
  })

  test('everywhere else is signed out, and here is not', async (t) => {
    const { site, sessions, own, phone } = await open(t)
    const { headers } = await site.post('/account/devices/end-others', {}, { cookie: own })
    assert.equal(headers.location, '/account/devices/?done=others&count=1')
    assert.deepEqual([await userOf(sessions, own), await userOf(sessions, phone)], ['42', null])
    const { text } = await site.get(String(headers.location), { cookie: own })
    assert.match(text, /Devices that were signed out: 1\./)
    assert.match(text, /You are signed in on this device alone/)
  })

  test('signing out here removes the cookie', async (t) => {
    const { site, sessions, own } = await open(t)
    const current = (await sessions.of('42').list()).find(({ label }) => label !== 'curl')
    const { headers } = await site.post('/account/devices/end', { handle: current?.handle ?? '' }, { cookie: own })
    assert.equal(headers.location, '/sign-in')
    assert.match(String(headers['set-cookie']), /^__Host-id=;.*Max-Age=0/)
    assert.equal(await userOf(sessions, own), null)
  })

  test('a form of another site ends nothing', async (t) => {
    const { site, sessions, own, phone } = await open(t)
    for (const headers of [
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      { 'sec-fetch-site': null, origin: null },
    ]) {
      const { status, text } = await site.post('/account/devices/end-others', {}, { cookie: own, ...headers })
      assert.equal(status, 403)
      assert.match(text, /role="alert">Nothing was changed/)
    }
    assert.equal(await userOf(sessions, phone), '42')
    const page = await site.get('/account/devices', { cookie: own })
    const token = /name="_csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const accepted = await site.post(
      '/account/devices/end-others',
      { _csrf: token },
      { cookie: own, 'sec-fetch-site': null, origin: null },
    )
    assert.equal(accepted.status, 303)
  })

  test('of a body that is larger than any form of ours, no more is read, so that nobody fills the memory', async (t) => {
    const { page, sessions, own } = await open(t)
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ < 500) controller.enqueue(Buffer.alloc(10_000, 'a'))
        else controller.close()
      },
    })
    const headers = {
      cookie: own,
      host: 'shop.test',
      origin: 'https://shop.test',
      'content-type': 'application/x-www-form-urlencoded',
    }
    const url = 'https://shop.test/account/devices/end'
    const { status } = await page.fetch(new Request(url, { method: 'POST', headers, body, duplex: 'half' }))
    assert.ok(sent < 20, `${sent} parts were read`)
    assert.equal(status, 303)
    assert.equal((await sessions.of('42').list()).length, 2)
  })

  test('in Express, after the sessions and a parser, it finds its path, and a logout is saved once', async (t) => {
    const sessions = shop()
    const app = express()
    app.use(strongroom(sessions), express.urlencoded({ extended: false }))
    app.use(async (request, _response, next) => {
      await sessions.get(request)
      next()
    })
    app.use('/me/devices', devicesPage(sessions).node)
    const site = await serving(t, app)
    const own = await signIn(sessions, '42')
    const { text } = await site.get('/me/devices', { cookie: own })
    assert.match(text, /action="\/me\/devices\/end"/)
    const [device] = await sessions.of('42').list()
    const { headers } = await site.post('/me/devices/end', { handle: device?.handle ?? '' }, { cookie: own })
    assert.equal(headers['set-cookie']?.length, 1)
    assert.equal(await userOf(sessions, own), null)
  })

  test('every word can be another, in another language, and a wrong one is an error', async (t) => {
    const words = { lang: 'de', title: 'Deine Geräte', lastUse: 'Zuletzt {when}', endOthers: '<Überall> abmelden' }
    const { site, own } = await open(t, { words })
    const { text } = await site.get('/account/devices', { cookie: own })
    assert.match(
      text,
      /<html lang="de">.*<title>Deine Geräte<\/title>.*Zuletzt <time[^>]*>jetzt<\/time>.*&lt;Überall&gt; abmelden/s,
    )
    assert.throws(() => devicesPage(shop(), { words: { titel: 'x' } as never }), {
      name: 'ConfigError',
      message: /"titel".*Did you mean "title"/,
    })
    assert.throws(() => devicesPage(shop(), { words: { title: 1 } as never }), {
      message: /words\.title must be a string/,
    })
    assert.throws(() => devicesPage(shop(), { words: { lang: 'not a language' } }), {
      message: /words\.lang must be a language/,
    })
    for (const signIn of ['https://evil.example', '//evil.example', 'sign-in'])
      assert.throws(() => devicesPage(shop(), { signIn }), {
        name: 'ConfigError',
        message: /must be a path of this application/,
      })
  })

  test('its style sheet, and one of the application after it, for the variables', async (t) => {
    const { site, own } = await open(t, { stylesheet: '/mine.css' })
    const { text } = await site.get('/account/devices', { cookie: own })
    const sheets = [...text.matchAll(/<link rel="stylesheet" href="([^"]+)">/g)].map(([, href]) => href)
    assert.deepEqual(sheets, ['/account/devices/style.css', '/mine.css'])
    const { status, text: css } = await site.get('/account/devices/style.css')
    assert.equal(status, 200)
    assert.match(css, /--strongroom-accent/)
  })

  test('the list alone is put into a page of the application, and its forms go to the mounted page', async () => {
    const sessions = shop()
    const page = devicesPage(sessions)
    const own = await signIn(sessions, '42')
    const account = withSessions(
      sessions,
      async (request) => new Response(`<main>${await page.fragment(request)}</main>`),
    )
    const shown = async (headers: Record<string, string>) =>
      (await account(new Request('http://shop.test/account', { headers }))).text()
    const text = await shown({ cookie: own })
    assert.match(text, /^<main><div class="strongroom-devices" lang="en">\s*<h2>Your devices<\/h2>/)
    assert.match(text, /action="\/account\/devices\/end"><input type="hidden" name="_csrf"/)
    assert.equal(await shown({}), '<main></main>')
  })

  test('with sessions in cookies it cannot list, and signs out everywhere else', async (t) => {
    const sessions = createSessions({ store: cookieEngine({ revocations: memory() }), secrets: SECRET })
    const site = await serving(t, devicesPage(sessions).node)
    const [own, other] = [await signIn(sessions, '42'), await signIn(sessions, '42')]
    assert.match((await site.get('/account/devices', { cookie: own })).text, /Your devices cannot be listed/)
    const ended = await site.post('/account/devices/end-others', {}, { cookie: own })
    assert.equal(ended.headers.location, '/account/devices/?done=others')
    assert.equal(await userOf(sessions, other), null)
    assert.equal(await userOf(sessions, cookiesOf(ended)), '42')
  })

  test('another path of it is 404, and another method, too', async (t) => {
    const { site, own } = await open(t)
    assert.equal((await site.get('/account/devices/end', { cookie: own })).status, 404)
    assert.equal((await site.post('/account/devices', {}, { cookie: own })).status, 404)
  })
})
