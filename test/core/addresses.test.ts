import assert from 'node:assert/strict'
import { BlockList, isIP } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { connectEngine } from '../../packages/strongroom/src/express-session/connect-engine.ts'
import { MemoryStore } from '../../packages/strongroom/src/express-session/store.ts'
import { firstOf, networkOf, shortenAddress } from '../../packages/strongroom/src/session/address.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { gate } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { SERVER_SIDE } from './fixtures/engines.ts'
import { fixture } from './fixtures/fixture.ts'
import { recordsIn } from './fixtures/listings.ts'
import { KEY, OLD, setUp } from './fixtures/other-framework.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

type Options = Parameters<typeof fixture>[0]
const MINUTE = 60_000

const address = (request: { readonly ip?: string }) => request.ip
const HOME = '203.0.113.7'
const AWAY = '2001:db8:7:1::5'

/** The warnings from now on, as "CODE message". */
function warnings(t: TestContext): string[] {
  const seen: string[] = []
  t.mock.method(process, 'emitWarning', (message: string, { code }: { code: string }) =>
    seen.push(`${code} ${message}`),
  )
  return seen
}

suite('a shortened address', () => {
  const within = (network: string, text: string) => {
    const list = new BlockList()
    const family = network.includes(':') ? 'ipv6' : 'ipv4'
    list.addSubnet(firstOf(network), Number(network.split('/')[1]), family)
    return list.check(text, family)
  }
  const part = fc.integer({ min: 0, max: 0xffff })
  const ipv6 = fc.oneof(
    fc.ipV6(),
    // Without the two prefixes under which there is an address of IPv4.
    fc.array(part, { minLength: 8, maxLength: 8 }).map((parts) => parts.map((each) => each.toString(16)).join(':')),
  )
  const plain = ipv6.filter((text) => !/^2002:|ffff/i.test(text) && !text.startsWith('::'))

  test('is the /24 that an address of IPv4 is in', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const shortened = shortenAddress(text) as string
        assert.equal(shortened, text.replace(/\d+$/, '0'))
        assert.ok(within(networkOf(shortened), text))
        assert.match(networkOf(shortened), /^[\d.]+\.0\/24$/)
      }),
    )
  })

  test('is the /48 that an address of IPv6 is in, and the same for all that are in it', () => {
    fc.assert(
      fc.property(plain, (text) => {
        const shortened = shortenAddress(text) as string
        assert.ok(within(networkOf(shortened), text), `${text} → ${shortened}`)
        assert.match(networkOf(shortened), /^[\da-f:]+::\/48$|^::\/48$/)
        assert.equal(shortenAddress(text.toUpperCase()), shortened)
        assert.equal(shortenAddress(shortened), shortened)
      }),
    )
    for (const [text, network] of [
      ['2001:db8:7:1::5', '2001:db8:7::/48'],
      ['2001:0DB8:0007:ffff:ffff:ffff:ffff:ffff', '2001:db8:7::/48'],
      ['2001:db8::1', '2001:db8::/48'],
      ['2001::1', '2001::/48'],
      ['::1', '::/48'],
      ['fe80::1', 'fe80::/48'],
    ] as const)
      assert.equal(networkOf(shortenAddress(text) as string), network)
  })

  test('has no bit of an address beyond those: neither of IPv4 within IPv6, nor of a zone', () => {
    for (const text of [
      '::ffff:203.0.113.7',
      '::FFFF:cb00:7107',
      '0:0:0:0:0:ffff:203.0.113.7',
      '2002:cb00:7107::1',
      '2002:cb00:7107:1::2',
    ])
      assert.equal(shortenAddress(text), '203.0.113.0', text)
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), (one, other) => {
        const same = shortenAddress(one) === shortenAddress(other)
        assert.equal(shortenAddress(`::ffff:${one}`) === shortenAddress(`::ffff:${other}`), same)
      }),
    )
    for (const zone of ['eth0', '1', 'en0.5', '%', 'a b'])
      assert.equal(shortenAddress(`fe80::1%${zone}`), 'fe80::', zone)
  })

  test('is null for what is no address, whatever it is', () => {
    const almost = fc
      .tuple(
        fc.oneof(fc.ipV4(), ipv6),
        fc.nat(60),
        fc.constantFrom('', '.', ':', '0', '[', ']', '/', '@', 'x', '256', '::'),
      )
      .map(([text, at, mistake]) => text.slice(0, at) + mistake + text.slice(at + 1))
    const text = fc.oneof(fc.string(), almost, fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(text, (given) => {
        // Blanks around an address are not its own, and neither is a zone.
        if (given !== given.trim() || given.includes('%')) return
        assert.equal(shortenAddress(given) !== null, isIP(given) !== 0, given)
      }),
      { numRuns: 3000 },
    )
    for (const given of [
      '',
      '%eth0',
      '203.0.113.7%eth0',
      'fe80::1%',
      '203.0.113.7:443',
      '[::1]',
      '::1]/@x',
      `${HOME}, 10.0.0.1`,
      '01.2.3.4',
      'x'.repeat(1e6),
    ])
      assert.equal(shortenAddress(given), null)
    assert.equal(shortenAddress(` ${HOME} `), '203.0.113.0')
  })
})

for (const [name, make] of Object.entries(SERVER_SIDE))
  for (const seal of ['two-key', 'server-key', 'none'] as const)
    suite(`on ${name}, sealed as ${seal}, a list of devices`, () => {
      /** One session of Ada, which was created and signed in at home. */
      async function atHome(options: Options = {}) {
        const app = make({ seal, address, ...options })
        const ada = app.visitor()
        ada.ip = HOME
        await ada.visit((session) => session.login('ada'))
        const listed = async () =>
          (await app.sessions.of('ada').list())[0] as { address: string | null; place: string | null }
        return { ...app, ada, listed, network: async () => (await listed()).address }
      }

      test('has the network of the last use: of a login, of a change, of a renewal, and of a login again', async () => {
        const { ada, network, sessions } = await atHome()
        assert.equal(await network(), '203.0.113.0/24')
        const uses: Record<string, (session: Parameters<Parameters<typeof ada.visit>[0]>[0]) => unknown> = {
          change: (session) => session.set('a', 1),
          renewal: (session) => session.renew(),
          login: (session) => session.login('ada'),
          expiry: (session) => session.setExpiry('1h'),
        }
        for (const [at, [what, use]] of Object.entries(uses).entries()) {
          ada.ip = `198.51.${at}.9`
          await ada.visit(use)
          assert.equal(await network(), `198.51.${at}.0/24`, what)
        }
        ada.ip = AWAY
        await ada.visit((session) => session.set('a', 2))
        assert.equal(await network(), '2001:db8:7::/48')
        await sessions.close()
      })

      test('has that of the last request that saved the session: reading does not save it, and a touch moves a deadline alone', async () => {
        const { ada, network, clock, calls } = await atHome()
        ada.ip = AWAY
        calls.length = 0
        await ada.visit((session) => session.get('a'))
        assert.ok(!calls.includes('update'))
        clock.advance(10 * MINUTE)
        await ada.visit((session) => session.get('a'))
        assert.ok(!calls.includes('update'))
        assert.ok(calls.includes('touch'))
        assert.equal(await network(), '203.0.113.0/24')
      })

      test('has that of every request with saveEveryRequest', async () => {
        const { ada, network } = await atHome({ saveEveryRequest: true })
        ada.ip = AWAY
        await ada.visit((session) => session.get('a'))
        assert.equal(await network(), '2001:db8:7::/48')
      })

      test('has null where the address of the last use is unknown, and not an older one', async () => {
        const { ada, network, sessions } = await atHome()
        ada.ip = undefined
        await ada.visit((session) => session.set('a', 1))
        assert.equal(await network(), null)
        ada.ip = HOME
        await ada.visit((session) => session.set('a', 2))
        assert.equal(await network(), '203.0.113.0/24')
        // Without an adapter, nobody knows from where it came.
        const visit = sessions.open({ cookie: `${sessions.policy.cookieName}=${ada.cookie}` })
        ;(await visit.get()).set('a', 3)
        await visit.commit()
        assert.equal(await network(), null)
      })

      test('costs no store call, whatever the addresses are', async () => {
        const run = async (options: Options, ips: readonly (string | undefined)[]) => {
          const { sessions, visitor, calls, clock } = make({ seal, ...options })
          const one = visitor()
          const steps = [
            (session: Parameters<Parameters<typeof one.visit>[0]>[0]) => session.set('a', 1),
            (session: Parameters<Parameters<typeof one.visit>[0]>[0]) => session.login('ada'),
            (session: Parameters<Parameters<typeof one.visit>[0]>[0]) => session.get('a'),
            (session: Parameters<Parameters<typeof one.visit>[0]>[0]) => session.set('a', 2),
            (session: Parameters<Parameters<typeof one.visit>[0]>[0]) => session.renew(),
            (session: Parameters<Parameters<typeof one.visit>[0]>[0]) => session.login('ada'),
          ]
          for (const [at, step] of steps.entries()) {
            one.ip = ips[at % ips.length]
            await one.visit(step)
            clock.advance(MINUTE * 5)
          }
          await sessions.of('ada').list()
          await one.visit((session) => session.logout())
          await sessions.close()
          return [...calls]
        }
        const without = await run({}, [undefined])
        assert.ok(without.length > 6)
        for (const ips of [[HOME], [HOME, AWAY], [undefined, HOME], ['nonsense']])
          assert.deepEqual(await run({ address, place: () => 'Berlin' }, ips), without)
      })

      test('drops what was stored with the first write after the option was removed', async () => {
        const app = make({ seal, address })
        const { cookieName } = app.sessions.policy
        const ada = app.visitor()
        ada.ip = HOME
        await ada.visit((session) => session.login('ada'))
        const later = createSessions({ secrets: secret('fixture'), seal, clock: app.clock, store: app.store })
        const again = visitor(later, undefined, ada.cookie)
        assert.equal(later.policy.cookieName, cookieName)
        assert.equal((await app.sessions.of('ada').list())[0]?.address, '203.0.113.0/24')
        await again.visit((session) => session.set('a', 1))
        assert.equal((await app.sessions.of('ada').list())[0]?.address, null)
        await later.close()
      })
    })

suite('the option address', () => {
  const inMemory = (options: Options = {}) => fixture({ seal: 'none', ...options })

  test('is off by default: what is stored is the same as before there were addresses', async () => {
    const { visitor, sessions, store } = inMemory()
    const ada = visitor()
    ada.ip = HOME
    await ada.visit((session) => session.login('ada', { label: 'x' }))
    assert.equal((await sessions.of('ada').list())[0]?.address, null)
    const [entry] = await recordsIn(store)
    const [head = ''] = Buffer.from(entry?.bytes ?? [])
      .toString()
      .split('\n')
    assert.deepEqual(Object.keys(JSON.parse(head)), ['c', 'd', 'i', 'a', 'u', 'l'])
  })

  test('stores the shortened address alone, and none of an anonymous visitor', async () => {
    const { visitor, store } = inMemory({ address })
    const ada = visitor()
    ada.ip = HOME
    const stored = async () => (await recordsIn(store)).map(({ bytes }) => Buffer.from(bytes).toString()).join()
    await ada.visit((session) => session.set('basket', ['tea']))
    assert.doesNotMatch(await stored(), /203\.0/)
    await ada.visit((session) => session.login('ada'))
    assert.match(await stored(), /"r":"203\.0\.113\.0"/)
    assert.doesNotMatch(await stored(), /113\.7/)
    await ada.visit((session) => session.logout())
    await ada.visit((session) => session.set('basket', ['tea']))
    assert.doesNotMatch(await stored(), /203\.0/)
  })

  test('leaves the label as it is, byte by byte, while the network is the same', async () => {
    const { visitor, store } = inMemory({ address })
    const ada = visitor()
    const label = async () =>
      Buffer.from((await recordsIn(store)).find(({ owner }) => owner)?.label ?? []).toString('hex')
    ada.ip = HOME
    await ada.visit((session) => session.login('ada'))
    const first = await label()
    ada.ip = '203.0.113.200'
    await ada.visit((session) => session.set('a', 1))
    assert.equal(await label(), first)
    ada.ip = '203.0.114.200'
    await ada.visit((session) => session.set('a', 2))
    assert.notEqual(await label(), first)
  })

  for (const [what, broken, message] of [
    ['throws', () => assert.fail(`no address for ${HOME}`), 'threw an error'],
    ['returns a list', () => `${HOME}, 10.0.0.1`, 'returned a string that is no IP address'],
    ['returns a name', () => 'localhost', 'returned a string that is no IP address'],
    ['returns an object', () => ({ address: HOME }), 'returned neither a string nor null'],
    ['returns a promise', async () => HOME, 'returned a promise'],
    ['returns a promise that rejects', async () => assert.fail(HOME), 'returned a promise'],
  ] as const)
    test(`that ${what} breaks no request: the address is null, with one warning that does not have it`, async (t) => {
      const seen = warnings(t)
      const { visitor, sessions } = inMemory({ address: broken as never })
      const ada = visitor()
      for (const n of [1, 2, 3])
        await ada.visit((session) => {
          session.login('ada')
          session.set('n', n)
        })
      const [device] = await sessions.of('ada').list()
      assert.equal(device?.address, null)
      assert.equal(seen.length, 1, seen.join('\n'))
      assert.ok(seen[0]?.startsWith(`STRONGROOM_ADDRESS The option "address" ${message}`), seen[0])
      assert.doesNotMatch(String(seen), /203|localhost/)
    })

  test('null and undefined are no mistakes: the address is not known', async (t) => {
    const seen = warnings(t)
    for (const unknown of [null, undefined]) {
      const { visitor, sessions } = inMemory({ address: () => unknown })
      await visitor().visit((session) => session.login('ada'))
      assert.equal((await sessions.of('ada').list())[0]?.address, null)
    }
    assert.deepEqual(seen, [])
  })

  test('is in no event, no error, and nothing that a session shows of itself', async () => {
    const { visitor, events, sessions } = inMemory({ address, place: () => 'Berlin' })
    const ada = visitor()
    ada.ip = HOME
    await ada.visit((session) => session.login('ada'))
    await ada.visit(async (session) => {
      session.renew()
      for (const shown of [JSON.stringify(session), inspect(session, { depth: 9 }), inspect(await session.toJSON())])
        assert.doesNotMatch(shown, /203\.0|Berlin/)
      await sessions.of('ada').list(session)
    })
    await sessions.of('ada').revokeAll()
    assert.ok(events.length > 2)
    assert.doesNotMatch(inspect(events, { depth: 9 }), /203\.0|Berlin/)
  })

  test('is stored with a session that a visitor brings from another framework, whether it was read or copied', async () => {
    for (const as of ['read', 'copy'] as const) {
      const { sessions, there, make, source } = setUp({ options: { address } })
      const session = there.get(KEY)
      const { read: _, end: __, ...moved } = source
      if (as === 'copy' && session) await sessions.adopt({ source: 'old', key: KEY, session, as: 'copy' })
      const here = as === 'copy' ? make({ adoptFrom: moved }) : sessions
      const visit = here.open({ cookie: OLD })
      here.attach({ ip: HOME }, visit)
      assert.equal((await visit.get()).userId, 'ada')
      await visit.commit()
      assert.equal((await here.of('ada').list())[0]?.address, '203.0.113.0/24', as)
    }
  })

  test('is refused, with the reason, where nothing could list it', () => {
    const secrets = secret('a')
    const withoutIndex = connectEngine(new MemoryStore())
    const foreign = {
      kind: 'backing',
      transport: { name: 'x', set: () => '' },
      traits: memory().traits,
      swept: null,
      backing: () => ({ traits: memory().traits, users: { list() {} } }),
    }
    for (const [store, reason] of [
      [cookie(), /cannot list a user's sessions/],
      [cookie({ revocations: memory() }), /cannot list a user's sessions/],
      [withoutIndex, /cannot list a user's sessions: .* owner/],
      [foreign, /format of another framework/],
    ] as const)
      for (const options of [{ address }, { address, place: () => null }])
        assert.throws(
          () => createSessions({ store: store as never, secrets, ...options }),
          (error) =>
            error instanceof ConfigError && reason.test(error.message) && /^address is for lists/.test(error.message),
        )
    const all = { store: cookie() as never, secrets }
    for (const [name, option] of Object.entries({ address, place: () => null }))
      assert.throws(() => worker.createSessions({ ...all, [name]: option }), {
        name: 'ConfigError',
        message: `The option ${name} is understood by createSessions from 'strongroom/stores'.`,
      })
  })

  test('and place are functions, and place is not without address', () => {
    for (const name of ['address', 'place'] as const)
      for (const given of [true, 'ip', null, {}])
        assert.throws(
          () => createSessions({ store: memory(), [name]: given } as never),
          new ConfigError(`${name} must be a function.`),
        )
    assert.throws(
      () => createSessions({ store: memory(), place: () => null }),
      new ConfigError(
        'place needs the option address, too: without it, no session has an address to name the place of.',
      ),
    )
  })
})

suite('the option place', () => {
  async function listed(place: (address: string) => unknown, ips: readonly string[], options: Options = {}) {
    const app = fixture({ address, place: place as never, ...options })
    for (const ip of ips) {
      const one = app.visitor()
      one.ip = ip
      await one.visit((session) => session.login('ada'))
      app.clock.advance(MINUTE)
    }
    return { ...app, places: async () => (await app.sessions.of('ada').list()).map((device) => device.place) }
  }

  test('gets the first address of the network, once for each, and only when a list is asked for', async () => {
    const asked: string[] = []
    const place = (address: string) => {
      asked.push(address)
      return `at ${address}`
    }
    const { places, sessions } = await listed(place, [HOME, AWAY, '203.0.113.99'])
    const [device] = await sessions.of('ada').list()
    asked.length = 0
    await sessions.of('ada').revoke('x'.repeat(16))
    await sessions.of('ada').moment()
    assert.deepEqual(asked, [])
    assert.deepEqual(await places(), ['at 203.0.113.0', 'at 2001:db8:7::', 'at 203.0.113.0'])
    assert.deepEqual(asked.sort(), ['2001:db8:7::', '203.0.113.0'])
    assert.equal(device?.address, '203.0.113.0/24')
  })

  test('is asked for twenty networks in parallel, and no more', async () => {
    let under = 0
    let most = 0
    const place = async (given: string) => {
      under += 1
      most = Math.max(most, under)
      await new Promise((resolve) => setImmediate(resolve))
      under -= 1
      return given
    }
    const { places } = await listed(
      place,
      Array.from({ length: 25 }, (_, at) => `198.51.${at}.7`),
    )
    const named = new Set(await places())
    assert.deepEqual([named.size, named.has(null), most], [25, false, 20])
  })

  test('is asked for all of a short list in parallel', async () => {
    let under = 0
    let most = 0
    const all = gate()
    const place = async () => {
      under += 1
      most = Math.max(most, under)
      if (under === 3) all.open()
      await all.opened
      return 'there'
    }
    const { places } = await listed(place, [HOME, AWAY, '198.51.100.1'])
    assert.deepEqual(await places(), ['there', 'there', 'there'])
    assert.equal(most, 3)
  })

  test('that does not return in time is null for that address alone, and the list is there', async (t) => {
    const seen = warnings(t)
    const place = (given: string) => (given.includes(':') ? new Promise(() => undefined) : 'Berlin')
    const { places } = await listed(place, [HOME, AWAY], { storeTimeout: 20 })
    assert.deepEqual(await places(), [null, 'Berlin'])
    assert.deepEqual(await places(), [null, 'Berlin'])
    assert.deepEqual(seen, [
      'STRONGROOM_ADDRESS The option "place" did not return within 20 ms. The list shows null for the place.',
    ])
  })

  test('that fails or returns nonsense is null, with one warning that does not have the address', async (t) => {
    for (const [place, problem] of [
      [(given: string) => assert.fail(given), 'threw an error'],
      [async (given: string) => assert.fail(given), 'threw an error'],
      [() => ({ city: 'Berlin' }), 'returned neither a string nor null'],
    ] as const) {
      const seen = warnings(t)
      const { places } = await listed(place, [HOME, AWAY])
      assert.deepEqual(await places(), [null, null])
      assert.deepEqual(seen, [`STRONGROOM_ADDRESS The option "place" ${problem}. The list shows null for the place.`])
      t.mock.restoreAll()
    }
    const seen = warnings(t)
    for (const nothing of [null, undefined, '', ' '])
      assert.deepEqual(await (await listed(() => nothing, [HOME])).places(), [null])
    assert.deepEqual(seen, [])
    assert.deepEqual(await (await listed(() => `a\u0000b${'x'.repeat(500)}`, [HOME])).places(), [
      `a b${'x'.repeat(117)}`,
    ])
  })

  test('is not asked for a session without an address, nor for a page that has none', async () => {
    const asked: string[] = []
    const { places } = await listed((given) => void asked.push(given), ['', ''])
    assert.deepEqual(await places(), [null, null])
    assert.deepEqual(asked, [])
  })
})
