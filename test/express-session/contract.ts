import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import session from 'express-session'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import {
  type ConnectStoreMethods,
  type ConnectStoreOptions,
  connectStore,
} from '../../packages/strongroom/src/express-session/connect-store.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { type ManualClock, manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { secret } from '../core/fixtures/secret.ts'

export interface EngineUnderTest {
  readonly engine: Store
  /** Another handle on the same data, as another process has it. */
  readonly peer: Store
  close(): Promise<void>
}

export type OpenEngine = (clock: ManualClock) => Promise<EngineUnderTest>

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** A session with a cookie as express-session makes it, that lives for so long. */
const sessionOf = (values: object, lifetime: number | null = HOUR) => {
  const cookie = new session.Cookie()
  if (lifetime !== null) cookie.maxAge = lifetime
  return { cookie, ...values }
}

let sids = 0
const newSid = () => `sid-${process.pid}-${++sids}-${'x'.repeat(20)}`

type Method = 'get' | 'set' | 'touch' | 'destroy' | 'length' | 'clear' | 'all' | 'ids'
type Call = (method: Method, ...args: readonly unknown[]) => Promise<unknown>
type Methods = Record<Method, (...args: readonly unknown[]) => unknown>

/** The two ways to call a store, both as promises. */
const STYLES: Readonly<Record<string, (store: ConnectStoreMethods) => Call>> = {
  'with callbacks':
    (store) =>
    (method, ...args) =>
      new Promise((resolve, reject) => {
        const callback = (error: unknown, result: unknown) => (error ? reject(error) : resolve(result))
        assert.equal((store as unknown as Methods)[method](...args, callback), undefined)
      }),
  'with promises':
    (store) =>
    async (method, ...args) => {
      const returned = (store as unknown as Methods)[method](...args)
      assert.ok(returned instanceof Promise)
      return returned
    },
}

interface Given {
  readonly call: Call
  readonly peer: Call
  readonly clock: ManualClock
  readonly events: string[]
  readonly engine: Store
}

/** What holds for every store that `connectStore` makes, called in either style. */
export function connectContract(name: string, open: OpenEngine): void {
  for (const [style, calling] of Object.entries(STYLES))
    describe(`${name} is a connect store, ${style}`, () => {
      const property = (title: string, check: (given: Given) => Promise<void>) =>
        it(title, async () => {
          const clock = manualClock()
          const { engine, peer, close } = await open(clock)
          const events: string[] = []
          const options: ConnectStoreOptions = { secrets: secret('connect'), clock, sweep: false }
          const store = connectStore(session, engine, { ...options, on: ({ type }) => events.push(type) })
          const other = connectStore(session, peer, options)
          try {
            const calls = calling(other)
            // Another process is never in the same turn of the event loop, in which parallel reads of one session are one read.
            const peer: Call = (...args) => nextTurn().then(() => calls(...args))
            await check({ call: calling(store), peer, clock, events, engine })
          } finally {
            await store.close()
            await other.close()
            await close()
          }
        })
      reads(property)
      endings(property)
      lifetimes(property)
      whole(property)
    })
}

type Property = (title: string, check: (given: Given) => Promise<void>) => void

/** What was stored, without its cookie. */
const valuesOf = (found: unknown) => {
  const { cookie: _, ...values } = found as Record<string, unknown>
  return values
}

function reads(property: Property): void {
  property('a sid that was never seen is no session, and no error', async ({ call }) => {
    assert.equal(await call('get', newSid()), null)
  })

  property('what was set comes back, cookie included, through either handle', async ({ call, peer }) => {
    const sid = newSid()
    const stored = sessionOf({ user: 'ada', cart: [{ tea: 2 }], '\\': 1, é: '☃' })
    await call('set', sid, stored)
    for (const one of [call, peer])
      assert.deepEqual(await one('get', sid), JSON.parse(JSON.stringify(stored)), 'as JSON stores it')
    await call('set', sid, sessionOf({ user: 'bob' }))
    assert.deepEqual(valuesOf(await peer('get', sid)), { user: 'bob' })
  })

  property('a stored session changes neither with what was set nor with what was returned', async ({ call }) => {
    const sid = newSid()
    const stored = sessionOf({ cart: ['tea'] }) as { cookie: object; cart: string[] }
    const setting = call('set', sid, stored)
    stored.cart.push('after the call')
    await setting
    for (const _ of [1, 2]) {
      const found = (await call('get', sid)) as typeof stored
      assert.deepEqual(found.cart, ['tea'])
      found.cart.push('by the reader')
    }
  })

  property('of many that write in parallel the last one wins, and all are told that they have', async (given) => {
    const { call, peer } = given
    const sid = newSid()
    const writes = Array.from({ length: 24 }, (_, n) => (n % 2 ? call : peer)('set', sid, sessionOf({ n })))
    assert.deepEqual(
      (await Promise.allSettled(writes)).filter(({ status }) => status === 'rejected'),
      [],
    )
    assert.ok(Number((await call('get', sid)) && (valuesOf(await call('get', sid)) as { n: number }).n) < 24)
    assert.deepEqual(valuesOf(await call('get', sid)), valuesOf(await peer('get', sid)))
  })

  property('what is no session, or no sid, is refused and stores nothing', async ({ call }) => {
    const sid = newSid()
    const circular: Record<string, unknown> = sessionOf({})
    circular.self = circular
    for (const given of [null, undefined, 'text', 7, ['a'], circular, sessionOf({ big: 1n })])
      await assert.rejects(call('set', sid, given), TypeError)
    for (const given of [undefined, null, '', 7]) await assert.rejects(call('get', given), TypeError)
    await assert.rejects(call('set', sid, sessionOf({ text: 'x'.repeat(70_000) })), { code: 'STRONGROOM_TOO_LARGE' })
    assert.equal(await call('get', sid), null)
  })
}

function endings(property: Property): void {
  property('a destroyed session is gone for every handle, and destroying it again does no harm', async (given) => {
    const { call, peer } = given
    const sid = newSid()
    await call('set', sid, sessionOf({ user: 'ada' }))
    for (const one of [call, peer, call]) {
      await one('destroy', sid)
      for (const each of [call, peer]) assert.equal(await each('get', sid), null)
    }
    await call('destroy', newSid())
  })

  property('neither set nor touch brings a destroyed session back within a day, and neither fails', async (given) => {
    const { call, peer, clock, events } = given
    const sid = newSid()
    await peer('set', sid, sessionOf({ user: 'ada' }, 3 * DAY))
    await call('destroy', sid)
    for (const wait of [0, HOUR, 22 * HOUR]) {
      clock.advance(wait)
      for (const one of [call, peer]) {
        events.length = 0
        await one('set', sid, sessionOf({ user: 'ada' }, 3 * DAY))
        await one('touch', sid, sessionOf({ user: 'ada' }, 3 * DAY))
        if (one === call) assert.deepEqual(events, ['gone', 'gone'])
        for (const each of [call, peer]) assert.equal(await each('get', sid), null)
      }
    }
    clock.advance(2 * HOUR)
    await call('touch', sid, sessionOf({}))
    assert.equal(await call('get', sid), null)
  })

  property('a session whose first set is still under way can be destroyed for good', async ({ call, peer }) => {
    const sid = newSid()
    await call('destroy', sid)
    await peer('set', sid, sessionOf({ user: 'ada' }))
    assert.equal(await call('get', sid), null)
  })

  property('whatever is written in parallel with a destroy, the session is gone when all have ended', async (given) => {
    const { call, peer } = given
    for (let round = 0; round < 5; round++) {
      const sid = newSid()
      await call('set', sid, sessionOf({ n: -1 }))
      await Promise.all(
        Array.from({ length: 12 }, (_, n) => {
          const one = (n + round) % 2 ? call : peer
          if (n === 2 * round + 1) return one('destroy', sid)
          return n % 3 ? one('set', sid, sessionOf({ n })) : one('touch', sid, sessionOf({ n }))
        }),
      )
      for (const each of [call, peer]) assert.equal(await each('get', sid), null)
    }
  })
}

function lifetimes(property: Property): void {
  property('a session lives as long as its cookie says, and a day if that says nothing', async ({ call, clock }) => {
    const until = (ms: number) => new Date(Date.now() + ms)
    const cookies: readonly (readonly [object | undefined, number])[] = [
      [sessionOf({}).cookie, HOUR],
      [{ expires: until(2 * HOUR) }, 2 * HOUR],
      [{ expires: until(2 * HOUR).toJSON(), originalMaxAge: 1 }, 2 * HOUR],
      [{ maxAge: 3 * HOUR }, 3 * HOUR],
      [{ expires: null, originalMaxAge: null }, DAY],
      [{ expires: false }, DAY],
      [{ expires: 'never' }, DAY],
      [undefined, DAY],
      [{ maxAge: 5000 * DAY }, 400 * DAY],
    ]
    for (const [cookie, lifetime] of cookies) {
      const sid = newSid()
      await call('set', sid, { cookie, n: 1 })
      // The clock of the machine goes on between the making of a cookie and its storing.
      clock.advance(lifetime - 60_000)
      assert.ok(await call('get', sid), `after ${lifetime} ms but a minute`)
      clock.advance(60_000)
      assert.equal(await call('get', sid), null)
    }
  })

  property('a touch moves the deadline and the cookie, and leaves the values alone', async ({ call, peer, clock }) => {
    const sid = newSid()
    await call('set', sid, sessionOf({ cart: ['tea'] }))
    for (const one of [call, peer, call]) {
      clock.advance(HOUR - 60_000)
      const touched = sessionOf({ cart: ['of an older copy'] })
      await one('touch', sid, touched)
      const found = (await call('get', sid)) as { cookie: object; cart: string[] }
      assert.deepEqual(found, { cookie: JSON.parse(JSON.stringify(touched.cookie)), cart: ['tea'] })
    }
    clock.advance(HOUR)
    assert.equal(await call('get', sid), null)
  })

  property('a touch creates nothing', async ({ call, clock }) => {
    const sid = newSid()
    await call('touch', sid, sessionOf({ n: 1 }))
    assert.equal(await call('get', sid), null)
    await call('set', sid, sessionOf({ n: 1 }))
    clock.advance(HOUR)
    await call('touch', sid, sessionOf({ n: 1 }))
    assert.equal(await call('get', sid), null)
  })

  property('a set or a touch with a cookie that has expired ends the session for good', async ({ call }) => {
    for (const method of ['set', 'touch'] as const) {
      const sid = newSid()
      await call('set', sid, sessionOf({ n: 1 }))
      await call(method, sid, sessionOf({ n: 2 }, -1))
      assert.equal(await call('get', sid), null)
      await call('set', sid, sessionOf({ n: 3 }))
      assert.equal(await call('get', sid), null)
    }
  })
}

function whole(property: Property): void {
  property(
    'length counts sessions, and clear ends all of them for good; or both say why they cannot',
    async (given) => {
      const { call, peer, engine } = given
      const sidsHere = [newSid(), newSid(), newSid(), newSid()]
      for (const sid of sidsHere) await call('set', sid, sessionOf({ sid: sid.length }))
      await call('destroy', sidsHere[0])
      if (!engine.scan) {
        for (const method of ['length', 'clear'] as const)
          await assert.rejects(call(method), { code: 'STRONGROOM_UNSUPPORTED', message: /cannot list what is in it/ })
        return
      }
      assert.equal(await call('length'), 3)
      await call('clear')
      assert.equal(await call('length'), 0)
      for (const sid of sidsHere) {
        await peer('set', sid, sessionOf({ late: true }))
        for (const each of [call, peer]) assert.equal(await each('get', sid), null)
      }
    },
  )

  property('the sessions of another namespace, and of other secrets, are neither counted nor ended', async (given) => {
    const { call, engine, clock } = given
    if (!engine.scan) return
    const sid = newSid()
    await call('set', sid, sessionOf({ mine: true }))
    const strangers = [
      connectStore(session, engine, { secrets: secret('connect'), clock, sweep: false, namespace: 'other' }),
      connectStore(session, engine, { secrets: secret('stranger'), clock, sweep: false, namespace: 'third' }),
    ]
    for (const stranger of strangers) {
      assert.equal(await stranger.get(sid), null)
      await stranger.set(sid, sessionOf({ theirs: true }))
      assert.equal(await stranger.length(), 1)
      await stranger.clear()
      await stranger.destroy(sid)
      await stranger.close()
    }
    assert.deepEqual(valuesOf(await call('get', sid)), { mine: true })
    assert.equal(await call('length'), 1)
  })

  property('all and ids say why they cannot work', async ({ call }) => {
    for (const method of ['all', 'ids'] as const)
      await assert.rejects(call(method), {
        code: 'STRONGROOM_UNSUPPORTED',
        message: /with the sid of its visitor alone/,
      })
  })

  property('a store that cannot be asked is an error of every method, and never an absent session', async (given) => {
    const { call, engine } = given
    const sid = newSid()
    await call('set', sid, sessionOf({ n: 1 }))
    await engine.close()
    for (const [method, ...args] of [
      ['get', sid],
      ['set', sid, sessionOf({ n: 2 })],
      ['touch', sid, sessionOf({ n: 2 })],
      ['destroy', sid],
      ...(engine.scan ? [['length'], ['clear']] : []),
    ] as const)
      await assert.rejects(call(method as Method, ...args), StoreError)
  })
}
