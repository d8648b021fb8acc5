import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { deviceBound } from '../../packages/strongroom/src/device-bound/device-bound.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/index.ts'
import { Browser, boundBrowser, offerIn } from './client.ts'
import { DeviceKeys } from './device.ts'
import { minutes, openSite, type SiteOptions } from './site.ts'

async function site(t: TestContext, options: SiteOptions = {}) {
  const opened = await openSite(options)
  t.after(opened.close)
  return opened
}

suite('trouble that passes ends no binding', () => {
  test('a store that is down is a 503 for both requests, with an event, and they succeed afterwards', async (t) => {
    const shop = await site(t)
    const [fresh, bound] = [new Browser(shop), await boundBrowser(shop)]
    await fresh.signIn()
    for (const failure of [new StoreError('down'), new Error('of the driver')]) {
      shop.events.length = 0
      shop.trouble = () => Promise.reject(failure)
      assert.equal((await fresh.register()).status, 503)
      assert.equal((await bound.refresh()).status, 503)
      assert.deepEqual(
        shop.events.map(({ type }) => type),
        ['storeError', 'storeError'],
      )
    }
    shop.trouble = null
    assert.equal((await fresh.register()).status, 200)
    assert.equal((await bound.refresh()).status, 200)
  })

  test('a store that fails at the write is a 503, too, and the same proof is good afterwards', async (t) => {
    const shop = await site(t)
    const bound = await boundBrowser(shop)
    const proof = bound.keys.proof(bound.challenge)
    let calls = 0
    shop.trouble = async () => {
      if (++calls > 1) throw new StoreError('down')
    }
    assert.equal((await bound.refresh(proof)).status, 503)
    shop.trouble = null
    assert.equal((await bound.refresh(proof)).status, 200)
  })

  test('a cookie that was renewed a moment ago is not the end: the newer one may be on its way', async (t) => {
    const shop = await site(t)
    const bound = await boundBrowser(shop)
    const before = Object.assign(new Browser(shop, bound.cookies), { keys: bound.keys, id: bound.id })
    await bound.send('/renew')
    assert.equal((await before.refresh(bound.keys.proof(bound.challenge))).status, 503)
    assert.equal((await bound.refresh()).status, 200)
    shop.wait(minutes(2))
    assert.equal(JSON.parse((await before.refresh(null)).text).continue, false)
  })

  test('a secret that is missing here is not the end either', async (t) => {
    const clock = manualClock()
    const common = { store: memory({ clock: clock.now }), clock, sweep: false } as const
    const [old, other] = [randomBytes(32), randomBytes(32)]
    const make = (secrets: Buffer) => createSessions({ ...common, secrets, deviceBound: deviceBound() })
    const [before, after] = [make(old), make(other)]
    t.after(() => Promise.all([before.close(), after.close()]))
    const visit = before.open({})
    ;(await visit.get()).login('ada')
    const cookie = (await visit.commit()).setCookie?.split(';')[0] ?? ''
    const refresh = (sessions: typeof before) =>
      sessions.ownRequests?.fetch(
        new Request('https://shop.example/device-bound/refresh', {
          method: 'POST',
          headers: { cookie, 'sec-secure-session-id': 'd1' },
        }),
      )
    assert.equal((await refresh(after))?.status, 503)
    assert.equal((await refresh(before))?.status, 200)
  })

  test('secrets that cannot be fetched are a 5xx', async (t) => {
    const warned: string[] = []
    const listen = ({ message }: Error) => warned.push(message)
    process.on('warning', listen)
    t.after(() => process.off('warning', listen))
    const sessions = createSessions({
      store: memory(),
      secrets: () => Promise.reject(new Error('no secrets')),
      sweep: false,
      deviceBound: deviceBound(),
      on: () => {},
    })
    t.after(() => sessions.close())
    for (const path of ['register', 'refresh']) {
      const request = new Request(`https://shop.example/device-bound/${path}`, {
        method: 'POST',
        headers: { 'sec-secure-session-id': 'd1', cookie: '__Host-id=x' },
      })
      assert.ok(((await sessions.ownRequests?.fetch(request))?.status ?? 0) >= 500, path)
    }
  })
})

suite('what is stored', () => {
  test('is written by a proof as it was, whatever dataSchema and serializer make of it', async (t) => {
    const clock = manualClock()
    const common = { store: memory({ clock: clock.now }), secrets: randomBytes(32), clock, sweep: false } as const
    const plain = createSessions({ ...common, deviceBound: deviceBound() })
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => ({ value: { ...(value as object), added: 1 } }),
      },
    } as const
    const strict = createSessions({ ...common, dataSchema: schema as never, deviceBound: deviceBound() })
    t.after(() => Promise.all([plain.close(), strict.close()]))
    const visit = plain.open({})
    const session = await visit.get()
    session.set('basket', [1])
    session.login('ada')
    const { setCookie, headers = [] } = await visit.commit()
    const cookie = setCookie?.split(';')[0] ?? ''
    const challenge = offerIn({
      status: 200,
      text: '',
      headers: new Headers(headers.map(([a, b]) => [a, b])),
    })?.challenge
    const registration = new DeviceKeys().registration(challenge ?? '')
    const registered = await strict.ownRequests?.fetch(
      new Request('https://shop.example/device-bound/register', {
        method: 'POST',
        headers: { cookie, 'secure-session-response': registration },
      }),
    )
    assert.equal(registered?.status, 200)
    const bound = registered?.headers.getSetCookie()[0]?.split(';')[0]
    const read = await plain.read({ cookie: `${cookie}; ${bound}` })
    assert.deepEqual([read.userId, read.get('basket'), read.has('added' as never)], ['ada', [1], false])
    assert.equal((await plain.read({ cookie })).userId, null)
  })

  test('is known to other servers with the same secrets and store', async (t) => {
    const store = memory()
    const secrets = randomBytes(32)
    const [one, two] = [await site(t, { options: { store, secrets } }), await site(t, { options: { store, secrets } })]
    const browser = await boundBrowser(one)
    const elsewhere = Object.assign(new Browser(two, browser.cookies), {
      keys: browser.keys,
      id: browser.id,
      challenge: browser.challenge,
    })
    assert.equal((await elsewhere.facts()).userId, 'ada')
    assert.equal((await elsewhere.refresh()).status, 200)
    assert.equal((await browser.facts()).userId, 'ada')
  })
})
