import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { secret } from '../core/fixtures/secret.ts'
import { prove } from './prove.ts'
import { cookieOf, DAY, HOUR, headersOf, MINUTE, NAME, site, tokenOf, whoIs } from './site.ts'

prove('ASVS 7.2.1', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const bytes = Buffer.from(tokenOf(browser), 'base64url')
  const strangers = new Set<string>()
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const altered = Buffer.from(bytes)
    altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7))
    const page = await shop.visitor().ask('/whoami', { cookie: `${NAME}=${altered.toString('base64url')}` })
    strangers.add(`${page.status} ${page.text} ${JSON.stringify(headersOf(page))}`)
  }
  // One and the same page for all of them.
  assert.equal(strangers.size, 1)
  assert.match([...strangers].join(), /^200 null /)
  assert.equal(await whoIs(shop, cookieOf(browser)), 'ada')
})

prove('ASVS 7.2.2', async (t) => {
  const shop = await site(t)
  const tokens = [tokenOf(await shop.signedIn()), tokenOf(await shop.signedIn())]
  const again = await shop.signedIn()
  tokens.push(tokenOf(again))
  await again.must('/login?user=ada')
  tokens.push(tokenOf(again))
  assert.equal(new Set(tokens).size, 4)
  // Another server does not know them.
  const other = await site(t, { secrets: secret('of another server') })
  for (const token of tokens) assert.equal(await whoIs(other, `${NAME}=${token}`), null)
})

prove('ASVS 7.2.3', async () => {
  const sessions = createSessions({ store: 'memory:', secrets: randomBytes(32), sweep: false })
  const count = 2000
  const ones = new Array<number>(256).fill(0)
  const seen = new Set<string>()
  for (let i = 0; i < count; i++) {
    const visit = sessions.open({})
    ;(await visit.get()).login('ada')
    const value = /=([^;]+)/.exec((await visit.commit()).setCookie ?? '')?.[1] ?? ''
    const token = Buffer.from(value, 'base64url').subarray(22, 54)
    assert.equal(token.length, 32)
    seen.add(token.toString('hex'))
    for (let bit = 0; bit < 256; bit++)
      ones[bit] = (ones[bit] as number) + (((token[bit >> 3] as number) >> (bit & 7)) & 1)
  }
  await sessions.close()
  assert.equal(seen.size, count)
  // Each of the 256 bits is a fair coin: eight standard deviations, so that no run fails by chance.
  for (const one of ones) assert.ok(Math.abs(one - count / 2) < 4 * Math.sqrt(count), `a bit was set ${one} times`)
})

prove('ASVS 7.2.4', async (t) => {
  const shop = await site(t)
  // An attacker plants a cookie: of an anonymous session of theirs, and of one in which they are signed in.
  for (const path of ['/set?basket=tea', '/login?user=mallory']) {
    const attacker = shop.visitor()
    await attacker.must(path)
    const planted = tokenOf(attacker)
    const before = shop.rows().map(({ payload }) => Buffer.from(payload).toString('hex'))
    const victim = shop.visitor()
    victim.jar.plant(NAME, planted)
    await victim.must('/login?user=ada')
    assert.notEqual(tokenOf(victim), planted)
    assert.equal(await whoIs(shop, `${NAME}=${planted}`), null)
    assert.equal(await whoIs(shop, cookieOf(victim)), 'ada')
    const after = shop.rows().map(({ payload }) => Buffer.from(payload).toString('hex'))
    assert.ok(!after.includes(before.at(-1) as string), 'the row of the planted session is gone')
  }
  // The same user again: the token before it is over, whatever is under way in parallel.
  const browser = await shop.signedIn()
  const first = cookieOf(browser)
  await Promise.all([
    browser.must('/login?user=ada'),
    ...Array.from({ length: 10 }, () => shop.visitor().ask('/whoami', { cookie: first })),
  ])
  assert.notEqual(cookieOf(browser), first)
  assert.equal(await whoIs(shop, first), null)
})

prove('ASVS 7.3.1', async (t) => {
  const shop = await site(t, { idle: '30m' })
  for (const wait of [27 * MINUTE, 30 * MINUTE - 1, 30 * MINUTE]) {
    const browser = await shop.signedIn()
    shop.clock.advance(wait)
    const expected = wait < 30 * MINUTE ? '"ada"' : 'null'
    assert.equal((await browser.must('/whoami')).text, expected, `${wait} ms`)
  }
  // Its row is there until the next sweep, and opens nothing.
  const browser = await shop.signedIn()
  shop.clock.advance(30 * MINUTE)
  assert.ok(shop.rows().length > 0)
  assert.equal((await browser.must('/whoami')).text, 'null')
})

prove('ASVS 7.3.2', async (t) => {
  const shop = await site(t, { idle: '30m', absolute: '3h' })
  const browser = await shop.signedIn()
  const began = shop.clock()
  for (const path of ['/whoami', '/set?a=1', '/renew', '/whoami', '/set?a=2', '/renew', '/whoami', '/set?a=3']) {
    shop.clock.advance(20 * MINUTE)
    await browser.must(path)
    assert.equal((await browser.must('/whoami')).text, '"ada"')
  }
  shop.clock.set(began + 3 * HOUR - 1)
  assert.equal((await browser.must('/whoami')).text, '"ada"')
  // Anyone who can write to the table cannot move the end: it is sealed with the data.
  shop.sql('UPDATE strongroom_sessions SET expires_at = expires_at + ?, purge_at = purge_at + ?', DAY, DAY)
  shop.clock.set(began + 3 * HOUR)
  assert.equal((await browser.must('/whoami')).text, 'null')
})

prove('ASVS 7.4.1', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const copy = cookieOf(browser)
  await browser.must('/logout')
  assert.equal(browser.jar.header(), undefined)
  assert.equal(await whoIs(shop, copy), null)
  // Writes that are under way do not bring it back.
  for (let round = 0; round < 5; round++) {
    const other = await shop.signedIn()
    const cookie = cookieOf(other)
    const writes = Array.from({ length: 10 }, (_, i) => shop.visitor().ask(`/set?k${i}=v`, { cookie }))
    await Promise.all([other.ask('/logout'), ...writes])
    assert.equal(await whoIs(shop, cookie), null)
  }
  assert.equal((await shop.sessions.of('ada').list()).length, 0)
})

prove('ASVS 7.4.2', async (t) => {
  const shop = await site(t)
  const [one, two, three, bob] = await Promise.all(['ada', 'ada', 'ada', 'bob'].map((user) => shop.signedIn(user)))
  assert.equal(await shop.sessions.of('ada').revokeAll(), 3)
  for (const browser of [one, two, three]) assert.equal((await browser?.must('/whoami'))?.text, 'null')
  assert.equal((await bob?.must('/whoami'))?.text, '"bob"')

  // Or without a call: the user is gone from the application's table.
  const hashes = new Map([['ada', 'hash']])
  const asked = await site(t, { credential: async (userId) => hashes.get(userId) ?? null })
  const browser = await asked.signedIn()
  assert.equal((await browser.must('/whoami')).text, '"ada"')
  hashes.delete('ada')
  assert.equal((await browser.must('/whoami')).text, 'null')
})

prove('ASVS 7.4.3', async (t) => {
  const hashes = new Map([['ada', 'old']])
  const shop = await site(t, {
    credential: async (userId) => hashes.get(userId) ?? null,
    routes: ({ sessions }) => ({
      password(session) {
        hashes.set('ada', 'new')
        session.credentialChanged()
      },
      others: async (session) => {
        session.renew()
        return sessions.of(session.userId as string).revokeOthers(session)
      },
    }),
  })
  const [own, other] = [await shop.signedIn(), await shop.signedIn()]
  const before = cookieOf(own)
  await own.must('/password')
  assert.notEqual(cookieOf(own), before)
  assert.equal(await whoIs(shop, before), null)
  assert.equal((await own.must('/whoami')).text, '"ada"')
  assert.equal((await other.must('/whoami')).text, 'null')
  // By a call, after a change of another factor.
  const phone = await shop.signedIn()
  assert.ok(Number((await own.must('/others')).text) >= 1)
  assert.equal((await own.must('/whoami')).text, '"ada"')
  assert.equal((await phone.must('/whoami')).text, 'null')
})

prove('ASVS 7.4.5', async (t) => {
  const shop = await site(t)
  const [ada, second, bob] = [await shop.signedIn(), await shop.signedIn(), await shop.signedIn('bob')]
  const [newest] = await shop.sessions.of('ada').list()
  assert.equal(await shop.sessions.revoke(newest?.handle as string), true)
  const left = [(await ada.must('/whoami')).text, (await second.must('/whoami')).text]
  assert.deepEqual(left.sort(), ['"ada"', 'null'])
  assert.equal(await shop.sessions.of('bob').revokeAll(), 1)
  assert.equal((await bob.must('/whoami')).text, 'null')
  // All sessions of all users: new secrets end them in the same moment, and what is left is removed.
  const everybody = await Promise.all(['ada', 'bob', 'carol'].map((user) => shop.signedIn(user)))
  await shop.sessions.reloadSecrets(secret('after a breach'))
  for (const browser of everybody) assert.equal((await browser.must('/whoami')).text, 'null')
  const { removed, alive } = await shop.sessions.revokeEverybody()
  assert.ok(removed >= 3)
  assert.equal(alive, 0)
})

prove('ASVS 7.5.2', async (t) => {
  const shop = await site(t, {
    routes: ({ sessions }) => ({
      devices: (session) => sessions.of(session.userId as string).list(session),
      end: (session, query) => sessions.of(session.userId as string).revoke(query.get('handle') ?? ''),
    }),
  })
  const [own, other, bob] = [await shop.signedIn(), await shop.signedIn(), await shop.signedIn('bob')]
  const { text } = await own.must('/devices')
  const devices: { handle: string; current: boolean }[] = JSON.parse(text)
  assert.equal(devices.length, 2)
  for (const browser of [own, other]) assert.ok(!text.includes(tokenOf(browser)))
  for (const { id } of shop.rows()) assert.ok(!text.includes(id), 'no key of the store is in the list')
  for (const { handle } of devices) assert.equal(await whoIs(shop, `${NAME}=${handle}`), null)
  // Another user cannot end it.
  const handle = devices.find(({ current }) => !current)?.handle
  assert.equal((await bob.must(`/end?handle=${handle}`)).text, 'false')
  assert.equal((await own.must(`/end?handle=${handle}`)).text, 'true')
  assert.equal((await other.must('/whoami')).text, 'null')
  assert.equal((await own.must('/whoami')).text, '"ada"')
})

prove('ASVS 7.6.1', async (t) => {
  const shop = await site(t, {
    idle: null,
    absolute: '12h',
    routes: () => ({
      // The identity provider says that an authentication is good for one hour.
      sso(session) {
        session.login('ada')
        session.setExpiry({ absolute: '1h' })
      },
    }),
  })
  const browser = shop.visitor()
  await browser.must('/sso')
  shop.clock.advance(HOUR - 1)
  assert.equal((await browser.must('/set?a=1')).status, 200)
  assert.equal((await browser.must('/whoami')).text, '"ada"')
  shop.clock.advance(1)
  assert.equal((await browser.must('/whoami')).text, 'null')
})

prove('ASVS 7.6.2', async (t) => {
  const shop = await site(t)
  const browser = shop.visitor()
  // Whatever is opened, and whatever a link says: nobody is signed in.
  for (const path of ['/', '/whoami', '/read', '/whoami?user=ada', '/set?userId=ada&user=ada', '/renew', '/asset'])
    await browser.must(path)
  assert.equal((await browser.must('/whoami')).text, 'null')
  assert.equal((await shop.sessions.of('ada').list()).length, 0)
  assert.ok(shop.events.every((event) => event.type !== 'created' || !event.authenticated))
  await browser.must('/login?user=ada')
  assert.equal((await browser.must('/whoami')).text, '"ada"')
})
