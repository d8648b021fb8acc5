import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { z } from 'zod'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent, Signal, SignalOutcome } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import {
  changesIn,
  deviceOf,
  learned,
  remembered,
  signalsOf,
} from '../../packages/strongroom/src/request/signal-values.ts'
import type { SignalsOptions } from '../../packages/strongroom/src/request/signals.ts'
import { decodeContent, encodeContent } from '../../packages/strongroom/src/session/content.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { REVOCABLE, SERVER_SIDE } from './fixtures/engines.ts'
import { type Anything, type Fixture, fixture } from './fixtures/fixture.ts'
import { interrupt } from './fixtures/gates.ts'
import { sessionsIn } from './fixtures/listings.ts'
import { OLD, setUp } from './fixtures/other-framework.ts'
import { secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

type Options = Parameters<typeof fixture>[0]
type OnSignal = NonNullable<SignalsOptions['onSignal']>

const MINUTE = 60_000
const address = (request: { readonly ip?: string }) => request.ip
const [HOME, NEXT_DOOR, AWAY] = ['203.0.113.7', '203.0.113.99', '198.51.100.4']

const chrome = (version: number, system = 'Windows NT 10.0; Win64; x64') =>
  `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0'
const CURL = 'curl/8.14.1'
const HINTS = {
  'sec-ch-ua': '"Google Chrome";v="140", "Chromium";v="140", "Not A(Brand";v="24"',
  'sec-ch-ua-platform': '"Windows"',
  'sec-ch-ua-mobile': '?0',
}

const signalsIn = (events: readonly SessionEvent[]) =>
  events.flatMap((event) => (event.type === 'signal' ? [event] : []))

/** The warnings from now on, as "CODE message". */
function warnings(t: TestContext): string[] {
  const seen: string[] = []
  t.mock.method(process, 'emitWarning', (message: string, { code }: { code: string }) =>
    seen.push(`${code} ${message}`),
  )
  return seen
}

/** Another browser that presents the cookie of this one. */
function thiefOf(sessions: Fixture['sessions'], victim: Visitor<Anything>, userAgent = CURL): Visitor<Anything> {
  return visitor(sessions, userAgent, victim.cookie)
}

suite('what is compared', () => {
  const headers = (userAgent?: string, hints: Partial<typeof HINTS> = {}) =>
    deviceOf({
      userAgent,
      brands: hints['sec-ch-ua'],
      platform: hints['sec-ch-ua-platform'],
      mobile: hints['sec-ch-ua-mobile'],
    })
  const at = (device: readonly string[], network = '') => [...device, network]
  const changes = (before: readonly string[], now: readonly string[]) => changesIn(learned(undefined, before), now)

  test('is the same after an update of the browser, whose list of brands is shuffled and has another made-up one', () => {
    const before = at(headers(chrome(140), HINTS))
    for (const brands of [
      '"Not.A/Brand";v="99", "Chromium";v="141", "Google Chrome";v="141"',
      '"Chromium";v="141", "Google Chrome";v="141", ";Not A Brand";v="99"',
      '"\\\\Not\\"A;Brand";v="8", "Google Chrome";v="199", "Chromium";v="199"',
      '"Google Chrome";v="141","Chromium";v="141"',
    ])
      assert.deepEqual(changes(before, at(headers(chrome(141), { ...HINTS, 'sec-ch-ua': brands }))), [], brands)
  })

  test('has changed with the browser, the system, a brand, the platform, or the kind of device', () => {
    const before = at(headers(chrome(140), HINTS), '203.0.113.0')
    const now = (userAgent: string, hints: Partial<typeof HINTS>, network = '203.0.113.0') =>
      changes(before, at(headers(userAgent, hints), network))
    assert.deepEqual(now(FIREFOX, HINTS), ['family'])
    assert.deepEqual(now(chrome(140, 'X11; Linux x86_64'), HINTS), ['family'])
    const headless = '"HeadlessChrome";v="140", "Chromium";v="140", "Not A(Brand";v="24"'
    assert.deepEqual(now(chrome(140), { ...HINTS, 'sec-ch-ua': headless }), ['hints'])
    assert.deepEqual(now(chrome(140), { ...HINTS, 'sec-ch-ua-platform': '"Linux"' }), ['hints'])
    assert.deepEqual(now(chrome(140), { ...HINTS, 'sec-ch-ua-mobile': '?1' }), ['hints'])
    assert.deepEqual(now(chrome(140), HINTS, '198.51.100.0'), ['network'])
    const all = { 'sec-ch-ua': headless, 'sec-ch-ua-platform': '"Linux"', 'sec-ch-ua-mobile': '?1' }
    assert.deepEqual(now(FIREFOX, all, '198.51.100.0'), ['family', 'hints', 'network'])
  })

  test('is no change where a header is missing, was missing at the login, or says nothing', () => {
    const full = at(headers(chrome(140), HINTS), '203.0.113.0')
    const nothing = at(headers(undefined))
    assert.deepEqual(nothing, ['', '', '', '', ''])
    assert.deepEqual(changes(full, nothing), [])
    assert.deepEqual(changes(nothing, full), [])
    assert.deepEqual(changes(full, at(headers('  ', { 'sec-ch-ua': '', 'sec-ch-ua-platform': '""' }))), [])
    const odd = { 'sec-ch-ua': '?', 'sec-ch-ua-mobile': 'yes' }
    assert.deepEqual(changes(full, at(headers(undefined, odd))), [])
    for (const part of Object.keys(HINTS))
      assert.deepEqual(changes(full, at(headers(chrome(140), { ...HINTS, [part]: undefined }))), [], part)
  })

  test('of a program is the product that it names first, without its version', () => {
    for (const [userAgent, family] of [
      ['python-requests/2.32.3', 'python-requests'],
      ['okhttp/4.12.0', 'okhttp'],
      ['node', 'node'],
      ['Go-http-client/2.0', 'Go-http-client'],
      ['MyApp/3 (iPhone; 17.0)', 'iPhone'],
      [`${'a'.repeat(500)}/1`, 'a'.repeat(32)],
      ['@@@', 'other'],
      [FIREFOX, 'Firefox on Linux'],
      [CURL, 'curl'],
    ] as const)
      assert.equal(headers(userAgent)[0], family)
  })

  test('is stored without anything that separates, however it is written', () => {
    const evil = 'x|y;z"\\\n\u0000é'
    for (const text of [evil, `"${evil}"`, `${evil}/1`, `"a";v="1", "${evil}"`]) {
      const device = headers(text, { 'sec-ch-ua': text, 'sec-ch-ua-platform': text, 'sec-ch-ua-mobile': text })
      for (const value of device) assert.match(value, /^[\w., ?-]*$/)
    }
  })

  test('takes less than 1,000 bytes in a session, whatever visitors send', () => {
    let seen = learned(undefined, at(headers(chrome(140), HINTS), '203.0.113.0'))
    for (let n = 0; n < 100; n++) {
      const long = `${n}${'b'.repeat(8000)}`
      const brands = Array.from({ length: 50 }, (_, i) => `"${i}${long}";v="1"`).join(', ')
      seen = remembered(seen, at(headers(long, { 'sec-ch-ua': brands, 'sec-ch-ua-platform': long }), `2001:db8:${n}::`))
    }
    assert.ok(seen.length < 1000, `${seen.length}`)
    const first = signalsOf(seen.split('|').map((column) => column.split(';')[0] as string))
    assert.equal(first.family, 'Chrome on Windows')
    assert.deepEqual(first.hints, { brands: 'Chromium, Google Chrome', platform: 'Windows', mobile: false })
    assert.equal(first.network, '203.0.113.0/24')
    // The last four, the login's among them.
    assert.match(seen, /\|203\.0\.113\.0;2001:db8:97::;2001:db8:98::;2001:db8:99::$/)
  })
})

/** One session of Ada, signed in with Firefox at home; what `onSignal` was called with. */
async function atHome(make: (options?: Options) => Fixture, decide: OnSignal = () => 'report', options: Options = {}) {
  const told: Signal[] = []
  const onSignal: OnSignal = (signal) => {
    told.push(signal)
    return decide(signal)
  }
  const app = make({ signals: { onSignal }, ...options })
  const ada = app.visitor(FIREFOX)
  ada.ip = HOME
  await ada.visit((session) => session.login('ada'))
  app.events.length = app.calls.length = 0
  return { ...app, ada, told }
}

const reads = (one: Visitor<Anything>) => one.visit((session) => session.userId)

for (const [name, make] of Object.entries(SERVER_SIDE))
  suite(`on ${name}, a change`, () => {
    test('is told once, to onSignal and by an event, and the session goes on', async () => {
      const { ada, sessions, events, told, clock } = await atHome(make, () => 'report', { address })
      clock.advance(5 * MINUTE)
      const thief = thiefOf(sessions, ada)
      thief.ip = AWAY
      for (let n = 0; n < 3; n++) {
        assert.equal(await reads(thief), 'ada')
        assert.equal(await reads(ada), 'ada')
      }
      const handle = await ada.visit((session) => session.handle)
      const [signal, ...more] = told
      assert.deepEqual(more, [])
      assert.deepEqual(
        { ...signal, request: null },
        {
          changed: ['family', 'network'],
          handle,
          userId: 'ada',
          from: {
            family: 'Firefox on Linux',
            hints: { brands: null, platform: null, mobile: null },
            network: '203.0.113.0/24',
          },
          to: { family: 'curl', hints: { brands: null, platform: null, mobile: null }, network: '198.51.100.0/24' },
          ageMs: 5 * MINUTE,
          request: null,
        },
      )
      assert.equal((signal?.request as { ip?: string } | undefined)?.ip, AWAY)
      assert.deepEqual(signalsIn(events), [
        {
          type: 'signal',
          handle,
          changed: ['family', 'network'],
          outcome: 'report',
          from: 'Firefox on Linux',
          to: 'curl',
          ageMs: 5 * MINUTE,
        },
      ])
      await sessions.close()
    })

    test('is told once, however many requests find it in parallel', async () => {
      const { ada, sessions, events, told } = await atHome(make)
      const thieves = Array.from({ length: 20 }, () => thiefOf(sessions, ada))
      assert.deepEqual(new Set(await Promise.all(thieves.map(reads))), new Set(['ada']))
      assert.equal(told.length, 1)
      assert.equal(signalsIn(events).length, 1)
      await sessions.close()
    })

    test('is told again when it is another one, and not when it is one that was told, or the login itself', async () => {
      const { ada, sessions, told } = await atHome(make, () => 'report', { address })
      const seen = async (ip: string) => {
        ada.ip = ip
        await reads(ada)
        return told.length
      }
      assert.equal(await seen(NEXT_DOOR), 0)
      assert.equal(await seen(AWAY), 1)
      assert.equal(await seen(HOME), 1)
      assert.equal(await seen('192.0.2.1'), 2)
      assert.equal(await seen(AWAY), 2)
      assert.equal(told[1]?.from.network, '203.0.113.0/24')
      await sessions.close()
    })

    test('that was told stays told after writes, renewals and touches, and a login begins again', async () => {
      const { ada, sessions, told, clock } = await atHome(make, () => 'report', { address })
      ada.ip = AWAY
      await reads(ada)
      await ada.visit((session) => session.set('a', 1))
      await ada.visit((session) => session.renew())
      clock.advance(10 * MINUTE)
      await reads(ada)
      ada.ip = HOME
      await reads(ada)
      assert.equal(told.length, 1)
      ada.ip = AWAY
      await ada.visit((session) => session.login('ada'))
      await reads(ada)
      assert.equal(told.length, 1)
      ada.ip = HOME
      await reads(ada)
      assert.equal(told.length, 2)
      assert.equal(told[1]?.from.network, '198.51.100.0/24')
      await sessions.close()
    })

    test('costs no store call where there is none, and one that is told costs a read and an update', async () => {
      const { ada, sessions, calls } = await atHome(make, () => 'report', { address })
      ada.ip = NEXT_DOOR
      await reads(ada)
      const without = [...calls]
      calls.length = 0
      ada.ip = AWAY
      await reads(ada)
      assert.deepEqual(
        calls.filter((call) => call !== 'read'),
        ['update'],
      )
      assert.ok(calls.length <= without.length + 2)
      calls.length = 0
      await reads(ada)
      assert.deepEqual(calls, without)
      await sessions.close()
    })

    test('does not move the deadline of the session', async () => {
      const { ada, sessions, clock } = await atHome(make)
      const before = await ada.visit((session) => session.expiresAt)
      clock.advance(MINUTE)
      const after = await thiefOf(sessions, ada).visit((session) => session.expiresAt)
      assert.deepEqual(after, before)
      await sessions.close()
    })

    test('takes nothing from what parallel requests write', async () => {
      const { ada, sessions, told } = await atHome(make)
      const tabs = Array.from({ length: 6 }, () => thiefOf(sessions, ada))
      await Promise.all(tabs.map((tab, n) => tab.visit((session) => session.set(`tab${n}`, n))))
      await ada.visit((session) => {
        for (let n = 0; n < 6; n++) assert.equal(session.get(`tab${n}`), n)
      })
      assert.equal(told.length, 1)
      await sessions.close()
    })

    test('that asks for a step-up makes the proof too old, for all who have the cookie, until the next login', async () => {
      const { ada, sessions, events, clock, told } = await atHome(make, () => 'stepUp')
      const proof = (one: Visitor<Anything>) => one.visit((session) => session.authenticatedAt?.getTime())
      const before = await proof(ada)
      assert.equal(before, clock())
      const thief = thiefOf(sessions, ada)
      await thief.visit((session) => {
        assert.equal(session.authenticatedAt?.getTime(), undefined)
        assert.equal(session.userId, 'ada')
        assert.throws(() => session.requireFresh('12h'), { reason: 'stale' })
        assert.throws(() => session.requireFresh('12h', { level: 2 }), { reason: 'level' })
        assert.equal(session.level, 1)
        session.set('a', 1)
      })
      assert.equal(await proof(thief), undefined)
      assert.equal(await proof(ada), undefined)
      await thief.visit((session) => session.renew())
      assert.equal(await proof(thief), undefined)
      assert.deepEqual(
        signalsIn(events).map(({ outcome }) => outcome),
        ['stepUp'],
      )
      ada.cookie = thief.cookie
      await ada.visit((session) => session.login('ada'))
      assert.equal(await proof(ada), clock())
      assert.equal(told.length, 1)
      await sessions.close()
    })

    test('that asks for a step-up is not undone by a write that was under way, and takes nothing from it', async () => {
      for (let at = 0, reached = true; reached; at++) {
        const { ada, sessions, gates } = await atHome(make, () => 'stepUp')
        const thief = thiefOf(sessions, ada)
        const write = () => ada.visit((session) => session.set('a', 1))
        const done = await interrupt(gates, write, () => reads(thief), at)
        reached = done.reached
        assert.equal(done.result.status, 'fulfilled')
        if (reached)
          await ada.visit((session) => {
            assert.equal(session.get('a'), 1)
            assert.equal(session.authenticatedAt?.getTime(), undefined)
          })
        await sessions.close()
      }
    })

    test('that is noticed while another request writes, renews or ends the session loses none of that', async () => {
      const meanwhile: Record<string, (ada: Visitor<Anything>) => Promise<unknown>> = {
        write: (ada) => ada.visit((session) => session.set('a', 1)),
        renewal: (ada) => ada.visit((session) => session.renew()),
        logout: (ada) => ada.visit((session) => session.logout()),
      }
      for (const [what, work] of Object.entries(meanwhile))
        for (let at = 0, reached = true; reached; at++) {
          const { ada, sessions, gates, events } = await atHome(make, () => 'stepUp')
          const thief = thiefOf(sessions, ada)
          const done = await interrupt(
            gates,
            () => reads(thief),
            () => work(ada),
            at,
          )
          reached = done.reached
          assert.equal(done.result.status, 'fulfilled', what)
          if (reached)
            await ada.visit((session) => {
              assert.equal(session.userId, what === 'logout' ? null : 'ada')
              if (what === 'write') assert.equal(session.get('a'), 1)
            })
          assert.ok(signalsIn(events).length <= 1)
          await sessions.close()
        }
    })
  })

for (const [name, make] of Object.entries({ ...SERVER_SIDE, ...REVOCABLE }))
  suite(`on ${name}, a change that ends the session`, () => {
    test('ends it for the thief and for the user, by events, and no other session of the user', async () => {
      const { ada, sessions, visitor, events } = await atHome(make, () => 'end')
      const other = visitor(chrome(140))
      await other.visit((session) => session.login('ada'))
      events.length = 0
      const handle = await ada.visit((session) => session.handle)
      const thief = thiefOf(sessions, ada)
      assert.equal(await reads(thief), null)
      assert.equal(await reads(ada), null)
      assert.equal(await reads(thief), null)
      assert.equal(await reads(other), 'ada')
      const [signal, revoked, ...more] = events.filter(({ type }) => type === 'signal' || type === 'revoked')
      assert.deepEqual(signal, {
        type: 'signal',
        handle,
        changed: ['family'],
        outcome: 'end',
        from: 'Firefox on Linux',
        to: 'curl',
        ageMs: 0,
      })
      assert.deepEqual(revoked, { type: 'revoked', handle, count: 1, reason: 'revoke' })
      assert.deepEqual(more, [])
      await sessions.close()
    })

    test('is told once, however many requests find it in parallel, and none of them gets the session', async () => {
      const { ada, sessions, events, told } = await atHome(make, () => 'end')
      const thieves = Array.from({ length: 20 }, () => thiefOf(sessions, ada))
      assert.deepEqual(new Set(await Promise.all(thieves.map(reads))), new Set([null]))
      assert.equal(told.length, 1)
      assert.equal(signalsIn(events).length, 1)
      await sessions.close()
    })

    test('lets the visitor begin an anonymous session in the same request', async () => {
      const { ada, sessions } = await atHome(make, () => 'end')
      const moved = thiefOf(sessions, ada, chrome(140))
      await moved.visit((session) => session.set('basket', ['tea']))
      await moved.visit((session) => {
        assert.equal(session.userId, null)
        assert.deepEqual(session.get('basket'), ['tea'])
      })
      await sessions.close()
    })

    test('lets the visitor sign in again in the same request', async () => {
      const { ada, sessions } = await atHome(make, () => 'end')
      const moved = thiefOf(sessions, ada, chrome(140))
      await moved.visit((session) => {
        assert.equal(session.userId, null)
        assert.deepEqual(session.keys(), [])
        session.set('basket', ['tea'])
        session.login('ada')
      })
      await moved.visit((session) => {
        assert.equal(session.userId, 'ada')
        assert.deepEqual(session.get('basket'), ['tea'])
      })
      assert.equal(await reads(ada), null)
      await sessions.close()
    })

    test('refuses the request, with the error of the store, if it cannot be ended', async () => {
      const { ada, sessions, fail, events } = await atHome(make, () => 'end')
      const thief = thiefOf(sessions, ada)
      await reads(ada)
      fail.when = (call) => (call === 'read' ? null : new Error('down'))
      await assert.rejects(reads(thief), StoreError)
      assert.deepEqual(signalsIn(events), [])
      fail.when = null
      assert.equal(await reads(thief), null)
      assert.equal(await reads(ada), null)
      await sessions.close()
    })
  })

suite('onSignal', () => {
  test('may be left out: changes are reported', async () => {
    const { ada, sessions, events } = await atHome(fixture, undefined, { signals: {} })
    assert.equal(await reads(thiefOf(sessions, ada)), 'ada')
    assert.deepEqual(
      signalsIn(events).map(({ outcome }) => outcome),
      ['report'],
    )
  })

  test('may return nothing, or a promise, for which the request waits', async () => {
    for (const [decide, outcome] of [
      [() => undefined, 'report'],
      [async () => undefined, 'report'],
      [async () => 'stepUp' as const, 'stepUp'],
      [async () => 'end' as const, 'end'],
    ] as const satisfies readonly (readonly [OnSignal, SignalOutcome])[]) {
      const { ada, sessions, events } = await atHome(fixture, decide)
      const proof = await thiefOf(sessions, ada).visit((session) => session.authenticatedAt?.getTime())
      assert.equal(proof, outcome === 'report' ? proof : undefined)
      assert.deepEqual(
        signalsIn(events).map((event) => event.outcome),
        [outcome],
      )
    }
  })

  for (const [what, broken, problem] of [
    ['throws', () => assert.fail(HOME), 'threw an error'],
    ['rejects', async () => assert.fail(HOME), 'threw an error'],
    [
      'returns something else',
      () => 'stepup' as never,
      "returned something else than 'report', 'stepUp', 'end' or undefined",
    ],
    ['is late', () => new Promise<never>(() => undefined), 'did not return within 20 ms'],
  ] as const)
    test(`that ${what} breaks no request: the change is reported, with one warning that has nothing of it`, async (t) => {
      const seen = warnings(t)
      const { ada, sessions, events, visitor } = await atHome(fixture, broken, { storeTimeout: 20 })
      assert.equal(await reads(thiefOf(sessions, ada)), 'ada')
      const other = visitor(CURL)
      await other.visit((session) => session.login('ada'))
      assert.equal(await reads(thiefOf(sessions, other, FIREFOX)), 'ada')
      assert.deepEqual(
        signalsIn(events).map(({ outcome }) => outcome),
        ['report', 'report'],
      )
      assert.deepEqual(seen, [
        `STRONGROOM_SIGNALS The option "signals: onSignal" ${problem}. The change is reported by an event, and requests go on.`,
      ])
    })

  test('may end all sessions of the user itself', async () => {
    const app: { sessions?: Fixture['sessions'] } = {}
    const { ada, sessions, visitor } = await atHome(fixture, async ({ userId }) => {
      await app.sessions?.of(userId).revokeAll()
      return 'end' as const
    })
    app.sessions = sessions
    const other = visitor(FIREFOX)
    await other.visit((session) => session.login('ada'))
    assert.equal(await reads(thiefOf(sessions, ada)), null)
    assert.equal(await reads(ada), null)
    assert.equal(await reads(other), null)
  })

  test('decides again at the next request if what it decided could not be stored; until then it holds for each request', async () => {
    const { ada, sessions, fail, events, told } = await atHome(fixture, () => 'stepUp')
    const thief = thiefOf(sessions, ada)
    const proof = () => thief.visit((session) => session.authenticatedAt?.getTime())
    fail.when = (call) => (call === 'update' ? new Error('read-only') : null)
    assert.equal(await proof(), undefined)
    assert.equal(await proof(), undefined)
    assert.equal(told.length, 2)
    assert.equal(events.filter(({ type }) => type === 'storeError').length, 2)
    fail.when = null
    assert.equal(await proof(), undefined)
    assert.equal(await proof(), undefined)
    assert.equal(told.length, 3)
  })

  test('is stored with the change that a request makes all the same, where the note itself could not be', async () => {
    const { ada, sessions, fail, told } = await atHome(fixture, () => 'stepUp')
    const thief = thiefOf(sessions, ada)
    let failed = 0
    fail.when = (call) => (call === 'update' && failed++ === 0 ? new Error('a hiccup') : null)
    await thief.visit((session) => session.set('a', 1))
    await ada.visit((session) => {
      assert.equal(session.get('a'), 1)
      assert.equal(session.authenticatedAt?.getTime(), undefined)
    })
    await reads(thief)
    assert.equal(told.length, 1)
  })

  test('is asked where there is no response: at the upgrade of a socket, in a check', async () => {
    const { ada, sessions, told } = await atHome(fixture, () => 'end')
    const headers = { cookie: `${sessions.policy.cookieName}=${ada.cookie}`, 'user-agent': CURL }
    assert.equal((await sessions.read(headers)).userId, null)
    assert.equal((await sessions.read(headers)).userId, null)
    assert.equal(await reads(ada), null)
    assert.equal(told.length, 1)
    assert.equal(told[0]?.request, null)
  })

  test('tells connections of this process that their session has ended', async () => {
    const { ada, sessions } = await atHome(fixture, () => 'end')
    const watcher = sessions.watcher({ every: MINUTE, maxUnknown: MINUTE })
    const ended = new Promise((resolve) =>
      ada.visit((session) => watcher.watch(session, ({ reason }) => resolve(reason))),
    )
    await reads(thiefOf(sessions, ada))
    assert.equal(await ended, 'revoked')
    await watcher.close()
  })
})

suite('the option signals', () => {
  const inMemory = (options: Options = {}) => fixture({ seal: 'none', ...options })
  /** What is stored of the only session. */
  const head = async ({ store }: Pick<Fixture, 'store'>) => {
    const [listing, ...more] = await sessionsIn(store)
    assert.deepEqual(more, [])
    const found = listing && (await store.read(listing.id))
    return (
      Buffer.from(found?.entry.bytes ?? [])
        .toString()
        .split('\n')[0] ?? ''
    )
  }

  test('is off by default: what is stored is the same as without it, and nobody is asked', async () => {
    const app = inMemory({ address: () => undefined })
    const ada = app.visitor(FIREFOX)
    await ada.visit((session) => session.login('ada'))
    assert.doesNotMatch(await head(app), /"g":/)
    assert.equal(await reads(thiefOf(app.sessions, ada)), 'ada')
    assert.deepEqual(signalsIn(app.events), [])
  })

  test('stores with a login what is coarse: no version, no other word of the headers, and a network instead of an address', async () => {
    const app = inMemory({ signals: {}, address })
    const ada = app.visitor(chrome(140))
    ada.ip = HOME
    ada.headers = HINTS
    await ada.visit((session) => session.set('basket', ['tea']))
    await ada.visit((session) => session.login('ada'))
    const { g } = JSON.parse(await head(app))
    assert.equal(g, 'Chrome on Windows|Chromium, Google Chrome|Windows|?0|203.0.113.0')
    await ada.visit((session) => session.logout())
    await ada.visit((session) => session.set('basket', ['tea']))
    assert.deepEqual(Object.keys(JSON.parse(await head(app))), ['c', 'd', 'i'])
  })

  test('compares client hints, where a browser sends them', async () => {
    const { visitor, sessions, events } = inMemory({ signals: {} })
    const ada = visitor(chrome(140))
    ada.headers = HINTS
    await ada.visit((session) => session.login('ada'))
    await reads(ada)
    // A socket, or a thief who knows what to leave out.
    ada.headers = {}
    await reads(ada)
    assert.deepEqual(signalsIn(events), [])
    const thief = thiefOf(sessions, ada, chrome(140))
    thief.headers = { ...HINTS, 'sec-ch-ua': '"HeadlessChrome";v="140", "Chromium";v="140"' }
    await reads(thief)
    assert.deepEqual(
      signalsIn(events).map(({ changed }) => changed),
      [['hints']],
    )
  })

  test('compares the network only with the option address, and what is unknown is no change', async () => {
    for (const [options, expected] of [
      [{ signals: {} }, []],
      [{ signals: {}, address }, [['network']]],
      [{ signals: {}, address: () => null }, []],
    ] as const) {
      const { visitor, events } = inMemory(options)
      const ada = visitor(FIREFOX)
      ada.ip = HOME
      await ada.visit((session) => session.login('ada'))
      for (const ip of [NEXT_DOOR, undefined, AWAY, AWAY]) {
        ada.ip = ip
        await reads(ada)
      }
      assert.deepEqual(
        signalsIn(events).map(({ changed }) => changed),
        expected,
      )
    }
  })

  test('learns from the next write what was not known at the login, and begins with it for sessions from before the option', async () => {
    const before = inMemory()
    const ada = before.visitor(FIREFOX)
    await ada.visit((session) => session.login('ada'))
    const events: SessionEvent[] = []
    const on = (event: SessionEvent) => events.push(event)
    const options = { secrets: secret('fixture'), seal: 'none', clock: before.clock, store: before.store, on } as const
    const later = createSessions<Anything>({ ...options, signals: {}, address })
    const here = visitor(later, FIREFOX, ada.cookie)
    await reads(here)
    await reads(thiefOf(later as never, here))
    assert.doesNotMatch(await head(before), /"g":/)
    await here.visit((session) => session.set('a', 1))
    assert.equal(JSON.parse(await head(before)).g, 'Firefox on Linux||||')
    assert.deepEqual(signalsIn(events), [])
    here.ip = HOME
    await here.visit((session) => session.set('a', 2))
    assert.equal(JSON.parse(await head(before)).g, 'Firefox on Linux||||203.0.113.0')
    await reads(thiefOf(later as never, here))
    assert.equal(signalsIn(events).length, 1)
    await later.close()
  })

  test('drops what was stored with the first write after it was removed', async () => {
    const app = inMemory({ signals: {} })
    const ada = app.visitor(FIREFOX)
    await ada.visit((session) => session.login('ada'))
    assert.match(await head(app), /"g":/)
    const without = createSessions<Anything>({
      secrets: secret('fixture'),
      seal: 'none',
      clock: app.clock,
      store: app.store,
    })
    await visitor(without, FIREFOX, ada.cookie).visit((session) => session.set('a', 1))
    assert.doesNotMatch(await head(app), /"g":/)
    await without.close()
  })

  test('begins with the visit in which a session of another framework was adopted', async () => {
    const { sessions } = setUp({ options: { signals: { onSignal: () => 'end' } } })
    const visit = async (headers: Record<string, string>) => {
      const one = sessions.open(headers)
      const { userId } = await one.get()
      const { setCookie } = await one.commit()
      return { userId, cookie: setCookie?.split(';')[0] ?? '' }
    }
    const first = await visit({ cookie: OLD, 'user-agent': FIREFOX })
    assert.equal(first.userId, 'ada')
    assert.equal((await visit({ cookie: first.cookie, 'user-agent': FIREFOX })).userId, 'ada')
    assert.equal((await visit({ cookie: first.cookie, 'user-agent': CURL })).userId, null)
    assert.equal((await visit({ cookie: first.cookie, 'user-agent': FIREFOX })).userId, null)
  })

  test('tells the user only with eventUserIds, and never a network, in events', async () => {
    for (const eventUserIds of [true, false]) {
      const { ada, sessions, events } = await atHome(fixture, () => 'end', { address, eventUserIds })
      const thief = thiefOf(sessions, ada)
      thief.ip = AWAY
      await reads(thief)
      const told = events.filter(({ type }) => type === 'signal' || type === 'revoked')
      assert.equal(told.length, 2)
      for (const event of told) assert.equal((event as { userId?: string }).userId, eventUserIds ? 'ada' : undefined)
      assert.doesNotMatch(inspect(events, { depth: 9 }), /203\.0|198\.51/)
    }
  })

  test('is in nothing that a session shows of itself', async () => {
    const { ada, sessions } = await atHome(fixture, () => 'report', { address })
    const thief = thiefOf(sessions, ada)
    thief.ip = AWAY
    await thief.visit((session) => {
      for (const shown of [JSON.stringify(session), inspect(session, { depth: 9 })])
        assert.doesNotMatch(shown, /203\.0|198\.51|Firefox|curl/)
    })
  })

  test('writes nothing of what dataSchema makes of the data', async () => {
    const { ada, clock, store, sessions } = await atHome(fixture)
    await ada.visit((session) => session.set('visits', 'many'))
    const dataSchema = z.object({ visits: z.number() })
    const here = createSessions({ secrets: secret('fixture'), clock, store, signals: {}, dataSchema, on: () => {} })
    await visitor(here, CURL, ada.cookie).visit((session) => {
      assert.equal(session.userId, 'ada')
      assert.equal(session.get('visits'), undefined)
    })
    assert.equal(await ada.visit((session) => session.get('visits')), 'many')
    await here.close()
    await sessions.close()
  })

  test('is an object with known names, and onSignal a function; a ConfigError says what to write', () => {
    const make = (signals: unknown) => () => createSessions({ store: memory(), secrets: secret('a'), signals } as never)
    for (const given of [true, null, 'report', () => 'end', []])
      assert.throws(make(given), {
        name: 'ConfigError',
        message: /^signals takes its options as an object\..*onSignal/,
      })
    assert.throws(make({ onsignal: () => 'end' }), { name: 'ConfigError', message: /Did you mean "onSignal"/ })
    for (const onSignal of ['end', null, {}])
      assert.throws(make({ onSignal }), { name: 'ConfigError', message: 'signals: onSignal must be a function.' })
  })

  test('is refused where sessions have the format of another framework, and in a Worker', () => {
    const foreign = {
      kind: 'backing',
      transport: { name: 'x', set: () => '' },
      traits: memory().traits,
      swept: null,
      backing: () => ({ traits: memory().traits, users: { list() {} } }),
    }
    const options = { secrets: secret('a'), signals: {} }
    assert.throws(
      () => createSessions({ ...options, store: foreign as never }),
      (error) => error instanceof ConfigError && /^signals: .* format of another framework/.test(error.message),
    )
    assert.throws(() => worker.createSessions({ ...options, store: cookie() }), {
      name: 'ConfigError',
      message: "The option signals is understood by createSessions from 'strongroom/stores'.",
    })
  })

  test('survives the encoding of a session, and what is no string there makes it none', () => {
    const common = {
      createdAt: 1,
      authenticatedAt: 1,
      deadline: 9,
      idle: 0,
      userId: 'ada',
      persistent: false,
      label: null,
    }
    const meta = { ...common, signals: 'Firefox on Linux||||203.0.113.0;198.51.100.0' }
    const text = encodeContent({ meta, data: '{}' }).join('')
    assert.deepEqual(decodeContent(text)?.meta, meta)
    assert.equal(decodeContent(text.replace(/"g":"[^"]*"/, '"g":7')), null)
  })
})

suite('in cookies alone, a change', () => {
  const alone = (options: SessionsOptions) => {
    const events: SessionEvent[] = []
    const sessions = createSessions<Anything>({
      secrets: secret('fixture'),
      store: cookie(),
      clock: manualClock(),
      on: (event) => events.push(event),
      ...options,
    })
    return { sessions: sessions as never as Fixture['sessions'], events }
  }

  test('is told once to a visitor who takes the cookie that says so, and at each request to one who does not', async () => {
    const { sessions, events } = alone({ signals: {} })
    const ada = visitor(sessions, FIREFOX)
    await ada.visit((session) => session.login('ada'))
    const [moved, thief] = [thiefOf(sessions, ada), thiefOf(sessions, ada)]
    for (let n = 0; n < 3; n++) assert.equal(await reads(moved), 'ada')
    assert.equal(signalsIn(events).length, 1)
    for (let n = 0; n < 3; n++) {
      thief.cookie = ada.cookie
      assert.equal(await reads(thief), 'ada')
    }
    assert.equal(signalsIn(events).length, 4)
  })

  test('that asks for a step-up, or ends the session, does so for a browser that changed, and not for the user', async () => {
    for (const outcome of ['stepUp', 'end'] as const) {
      const { sessions } = alone({ signals: { onSignal: () => outcome } })
      const ada = visitor(sessions, FIREFOX)
      await ada.visit((session) => session.login('ada'))
      const thief = thiefOf(sessions, ada)
      const proof = (one: Visitor<Anything>) => one.visit((session) => session.authenticatedAt?.getTime())
      for (let n = 0; n < 3; n++) assert.equal(await proof(thief), undefined)
      assert.ok(await proof(ada))
    }
  })
})
