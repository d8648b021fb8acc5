import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { GuessingOptions, GuessingSignal } from '../../packages/strongroom/src/index.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'

const address = (request: object) => (request as { ip?: string }).ip

/** Sessions that count guesses, and visitors at addresses. */
function counting(guessing: GuessingOptions = {}) {
  const signals: GuessingSignal[] = []
  const onGuessing = (signal: GuessingSignal) => signals.push(signal)
  const here = fixture({ address, guessing: { threshold: 3, onGuessing, ...guessing } })
  const at = (ip: string | undefined) => Object.assign(here.visitor(), { ip })
  /** Presents a token, and none of the response's cookies is stored. */
  const present = async (ip: string | undefined, token: string) => {
    const guest = at(ip)
    guest.cookie = token
    await guest.visit((session) => assert.equal(session.userId, null))
  }
  const told = () => here.events.filter(({ type }) => type === 'guessing')
  return { ...here, at, present, signals, told }
}

/** A well-formed token with a bad tag: a real one in which the last characters differ. */
const forged = (token: string | null, n: number) => `${token?.slice(0, -6)}${n.toString(36).padStart(6, 'A').slice(-6)}`

async function tokenOf(guest: ReturnType<ReturnType<typeof counting>['at']>): Promise<string> {
  await guest.visit((session) => session.set('a', 1))
  return guest.cookie ?? assert.fail()
}

describe('the option guessing', () => {
  it('holds nobody back whose session comes from another framework, whatever else their cookies have', async () => {
    const adoptFrom = {
      name: 'old',
      until: new Date(Date.now() + 86_400_000),
      keyIn: (cookies: string) => /old=(\w+)/.exec(cookies)?.[1] ?? null,
      clear: 'old=; Max-Age=0; Path=/',
      read: async () => ({ userId: 'ada', values: {}, expiresAt: Date.now() + 3_600_000 }),
      end: async () => {},
    }
    const sessions = createSessions({
      store: 'memory:',
      secrets: secret('adopted'),
      sweep: false,
      address: () => '203.0.113.5',
      guessing: { threshold: 1, slowDown: () => 10_000 },
      adoptFrom,
    })
    const ask = async (cookie: string) => {
      const request = {}
      sessions.attach(request, sessions.open({ cookie }))
      return (await sessions.get(request)).userId
    }
    await ask('__Host-id=made-up')
    assert.equal(await ask('__Host-id=another; old=abcdefabcdef'), 'ada')
    await sessions.close()
  })

  it('tells once in a window that a network has passed the threshold, whatever addresses in it are used', async () => {
    const { at, present, signals, told, clock } = counting()
    const token = await tokenOf(at('198.51.100.1'))
    const began = clock()
    for (let n = 0; n < 3; n++) await present(`203.0.113.${n}`, forged(token, n))
    assert.deepEqual([signals, told()], [[], []])
    clock.advance(1000)
    for (let n = 3; n < 9; n++) await present(`203.0.113.${n}`, forged(token, n))
    assert.equal(signals.length, 1)
    const { request: _, ...signal } = signals[0] ?? assert.fail()
    const counts = { network: '203.0.113.0/24', madeUp: 4, unknown: 0, superseded: 0 }
    assert.deepEqual(signal, { ...counts, since: new Date(began), at: new Date(clock()) })
    assert.deepEqual(told(), [{ type: 'guessing', ...counts }])
    clock.advance(10 * 60_000)
    for (let n = 20; n < 23; n++) await present('203.0.113.9', forged(token, n))
    assert.equal(signals.length, 1)
    await present('203.0.113.9', forged(token, 23))
    assert.equal(signals.length, 2)
  })

  it('counts tokens that were made up, unknown ones and superseded ones, each by itself', async () => {
    const { at, present, signals, sessions } = counting({ threshold: 4 })
    const guest = at('198.51.100.1')
    await present('203.0.113.1', 'no token at all')
    await present('203.0.113.1', forged(await tokenOf(guest), 1))
    const old = guest.cookie ?? ''
    await guest.visit((session) => session.login('ada'))
    const renewed = guest.cookie ?? ''
    await guest.visit((session) => session.renew())
    await present('203.0.113.1', renewed)
    await present('203.0.113.1', old)
    await sessions.of('ada').revokeAll()
    await present('203.0.113.1', guest.cookie ?? '')
    const { madeUp, unknown, superseded } = signals[0] ?? assert.fail()
    assert.deepEqual({ madeUp, total: madeUp + unknown + superseded }, { madeUp: 2, total: 5 })
    assert.ok(unknown > 0 && superseded > 0)
  })

  it('counts the cookies of sessions in cookies that were ended, where revocations tell', async () => {
    const signals: GuessingSignal[] = []
    const sessions = createSessions({
      store: cookie({ revocations: memory() }),
      secrets: secret('cookies'),
      address,
      guessing: { threshold: 1, onGuessing: (signal) => signals.push(signal) },
    })
    const tokens: string[] = []
    for (let n = 0; n < 3; n++) {
      const visit = sessions.open({})
      ;(await visit.get()).login('ada')
      tokens.push((await visit.commit()).setCookie?.split(';')[0] ?? '')
    }
    await sessions.of('ada').revokeAll()
    for (const token of tokens) {
      const request = { ip: '203.0.113.1' }
      sessions.attach(request, sessions.open({ cookie: token }))
      assert.equal((await sessions.get(request)).userId, null)
    }
    const { madeUp, unknown, superseded } = signals[0] ?? assert.fail('nothing is told')
    assert.deepEqual([madeUp, unknown, superseded], [0, 2, 0])
    await sessions.close()
  })

  it('counts each token once: a browser sends an old one with every request', async () => {
    const { at, present, signals, sessions } = counting()
    const guest = at('203.0.113.1')
    await guest.visit((session) => session.login('ada'))
    const dead = guest.cookie ?? ''
    await sessions.of('ada').revokeAll()
    for (let n = 0; n < 50; n++) await present('203.0.113.1', dead)
    assert.deepEqual(signals, [])
  })

  it('keeps networks apart, of IPv6 by /48, and counts nothing where the address is unknown', async () => {
    const { at, present, signals } = counting()
    const token = await tokenOf(at('198.51.100.1'))
    for (let n = 0; n < 30; n++) await present(`203.0.${n}.1`, forged(token, n))
    for (let n = 0; n < 30; n++) await present(undefined, forged(token, n))
    assert.deepEqual(signals, [])
    for (let n = 0; n < 5; n++) await present(`2001:db8:7:${n}::1`, forged(token, n))
    assert.deepEqual(
      signals.map(({ network }) => network),
      ['2001:db8:7::/48'],
    )
  })

  it('says nothing of a cookie under a secret that is missing, which is a mistake of a deployment', async () => {
    const { present, signals } = counting()
    for (let n = 0; n < 10; n++) {
      const other = fixture({ secrets: secret(`other ${n}`) }).visitor()
      await other.visit((session) => session.set('a', 1))
      await present('203.0.113.1', other.cookie ?? '')
    }
    assert.deepEqual(signals, [])
  })

  it('holds back requests with such tokens from a network past the threshold, and no others', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const { at, present, signals } = counting({ slowDown: ({ madeUp }) => madeUp * 100 })
      const ada = at('203.0.113.1')
      await ada.visit((session) => session.login('ada'))
      const token = ada.cookie
      for (let n = 0; n < 3; n++) await present('203.0.113.2', forged(token, n))
      let isHeld = true
      const held = present('203.0.113.2', forged(token, 3)).then(() => {
        isHeld = false
      })
      // Others from the same network: who is signed in, who signs in, and who has no token.
      await ada.visit((session) => assert.equal(session.userId, 'ada'))
      await at('203.0.113.3').visit((session) => session.login('bob'))
      await at('203.0.113.4').visit((session) => session.set('a', 1))
      const stray = at('203.0.113.2')
      stray.cookie = `${ada.cookie}; __Host-id=${forged(token, 4)}`
      await stray.visit((session) => assert.equal(session.userId, 'ada'))
      assert.equal(signals.length, 1)
      mock.timers.tick(399)
      await new Promise(setImmediate)
      assert.equal(isHeld, true)
      mock.timers.tick(1)
      await held
    } finally {
      mock.timers.reset()
    }
  })

  it('never holds back for more than ten seconds, nor more than a thousand requests', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const { at, present } = counting({ threshold: 1, slowDown: () => 3_600_000 })
      const token = await tokenOf(at('198.51.100.1'))
      await present('203.0.113.1', forged(token, 0))
      const pending = Array.from({ length: 1000 }, (_, n) => present('203.0.113.1', forged(token, n + 1)))
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      await present('203.0.113.1', forged(token, 2000))
      mock.timers.tick(10_000)
      await Promise.all(pending)
    } finally {
      mock.timers.reset()
    }
  })

  it('holds nothing back when slowDown fails or returns nonsense, and a warning says so', async () => {
    const warnings: string[] = []
    const listener = ({ message }: Error) => void warnings.push(message)
    process.on('warning', listener)
    try {
      for (const slowDown of [
        () => {
          throw new Error('a secret of the application')
        },
        () => 'soon' as never,
        () => Number.NaN,
        () => -1,
        async () => 1,
        () => null,
      ] as (() => number | null)[]) {
        const { at, present } = counting({ threshold: 1, slowDown })
        const token = await tokenOf(at('198.51.100.1'))
        for (let n = 0; n < 4; n++) await present('203.0.113.1', forged(token, n))
      }
      await new Promise(setImmediate)
      assert.match(warnings.join('\n'), /slowDown threw: Error/)
      assert.match(warnings.join('\n'), /"slowDown" returned neither a number of milliseconds nor null/)
      assert.doesNotMatch(warnings.join('\n'), /a secret of the application/)
    } finally {
      process.off('warning', listener)
    }
  })

  it('works for sessions in cookies, which have no list that could show an address', async () => {
    const signals: GuessingSignal[] = []
    const guessing = { threshold: 1, onGuessing: (signal: GuessingSignal) => signals.push(signal) }
    const sessions = createSessions({ secrets: secret('a'), store: cookie(), address, guessing })
    for (const n of [1, 2]) {
      const request = { ip: '203.0.113.1' }
      const visit = sessions.open({ cookie: `__Host-id=${n}` })
      sessions.attach(request, visit)
      await sessions.get(request)
    }
    assert.equal(signals[0]?.madeUp, 2)
    const options = { secrets: secret('a'), store: cookie(), address }
    assert.throws(() => createSessions(options), /address is for lists of devices/)
    assert.throws(() => createSessions({ ...options, guessing, place: () => null }), /place is for lists of devices/)
  })

  it('is refused when it is wrong', () => {
    const wrong: [object, RegExp][] = [
      [{ threshold: 0 }, /"threshold" of guessing must be a whole number of at least 1/],
      [{ threshold: 1.5 }, /threshold/],
      [{ networks: -1 }, /networks/],
      [{ window: 'soon' }, /guessing: window must be/],
      [{ onGuessing: true }, /guessing: onGuessing must be a function/],
      [{ slowDown: 100 }, /guessing: slowDown must be a function/],
      [{ treshold: 1 }, /Did you mean "threshold"\?/],
    ]
    for (const [guessing, message] of wrong)
      assert.throws(
        () => fixture({ address, guessing }),
        (error) => error instanceof ConfigError && message.test(error.message),
      )
    assert.throws(() => fixture({ guessing: {} }), /guessing needs the option address/)
    assert.throws(() => fixture({ guessing: true as never, address }), ConfigError)
    const options = { secrets: secret('a'), store: cookie({ revocations: memory() }), guessing: {} }
    assert.throws(() => worker.createSessions(options), /'strongroom\/stores'/)
  })
})
