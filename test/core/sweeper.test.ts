import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, afterEach, beforeEach, describe, it, mock } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { ClearOptions, IndexedStore, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { root } from '../../scripts/packages.ts'
import { untimed } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { secret } from './fixtures/secret.ts'

const HOUR = 3_600_000

/** A store whose sweeps are counted, and resolved or rejected by the test. */
function watched(changes: Partial<Store> = {}) {
  const inner = memory({ max: 10 })
  const sweeps: ClearOptions[] = []
  const store = Object.assign(Object.create(inner) as IndexedStore, {
    traits: inner.traits,
    async clearExpired(options: ClearOptions = {}) {
      sweeps.push(options)
      return sweeps.length
    },
    ...changes,
  })
  return { store, sweeps }
}

function sessionsOn(store: SessionsOptions['store'], sweep?: SessionsOptions['sweep']) {
  const events: SessionEvent[] = []
  const sessions = createSessions({
    store: store as IndexedStore,
    secrets: secret('sweeper'),
    sweep,
    on: (event) => events.push(untimed(event)),
  })
  return { sessions, events }
}

/** Lets time pass, and then runs everything that is due. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms)
  await settle()
}

describe('the scheduled sweep', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
  afterEach(() => mock.timers.reset())

  it('begins within an hour, runs every hour, and emits an event for each run', async () => {
    const { store, sweeps } = watched()
    const { sessions, events } = sessionsOn(store)
    await pass(HOUR)
    assert.deepEqual(events, [{ type: 'cleared', count: 1 }])
    for (let run = 2; run <= 5; run += 1) {
      await pass(HOUR * 1.1)
      assert.ok(sweeps.length >= run)
    }
    assert.equal(events.length, sweeps.length)
    await sessions.close()
  })

  for (const expiresByItself of [false, true])
    it(`removes expired copies from the memory of every process, whichever sweeps the store${expiresByItself ? ', and where that expires by itself' : ''}`, async () => {
      const clock = manualClock()
      const inner = memory({ clock })
      const durable: Store = {
        traits: { ...inner.traits, expiresByItself },
        create: (...args) => inner.create(...args),
        read: (...args) => inner.read(...args),
        update: (...args) => inner.update(...args),
        touch: (...args) => inner.touch(...args),
        delete: (...args) => inner.delete(...args),
        clearExpired: (...args) => inner.clearExpired(...args),
        close: () => inner.close(),
        // Another process sweeps.
        tryWithLock: async () => null,
      }
      const cache = memory({ clock, evicts: true })
      // As behind a store that is made of others.
      const between = cached({ durable, cache, clock })
      const store = cached({ durable: between, cache: memory({ clock, evicts: true }), clock })
      const { sessions, events } = sessionsOn(store)
      const id = newId()
      const createdAt = clock()
      await store.create(id, {
        bytes: Buffer.of(1, 2),
        expiresAt: createdAt + HOUR,
        owner: null,
        label: null,
        createdAt,
      })
      await store.read(id)
      clock.advance(2 * HOUR)
      assert.equal(await cache.clearExpired({ dryRun: true }), 1)
      await pass(HOUR)
      assert.equal(await cache.clearExpired({ dryRun: true }), 0)
      assert.deepEqual(events, [])
      await sessions.close()
    })

  it('sweeps the store although the copies of this process could not be removed, and reports that', async () => {
    const error = new StoreError('The copies are damaged.')
    const { store, sweeps } = watched({ clearCopies: async () => Promise.reject(error) })
    const { sessions, events } = sessionsOn(store)
    await pass(HOUR)
    assert.equal(sweeps.length, 1)
    assert.deepEqual(events, [
      { type: 'storeError', error },
      { type: 'cleared', count: 1 },
    ])
    await sessions.close()
  })

  it('does not run in a process that has just started', async () => {
    const { store, sweeps } = watched()
    const { sessions } = sessionsOn(store)
    await pass(HOUR / 10 - 1)
    assert.equal(sweeps.length, 0)
    await sessions.close()
  })

  it('does not run at the same moment on nodes that started together', async () => {
    const nodes = Array.from({ length: 40 }, () => watched())
    const all = nodes.map(({ store }) => sessionsOn(store, '100s').sessions)
    const counts: number[] = []
    for (let step = 0; step < 10; step += 1) {
      await pass(10_000)
      counts.push(nodes.filter(({ sweeps }) => sweeps.length > 0).length)
    }
    assert.equal(counts.at(-1), 40)
    // 40 random delays that all fall into one or two of nine tenths do not happen by chance.
    assert.ok(new Set(counts).size > 3, counts.join())
    for (const sessions of all) await sessions.close()
  })

  it('runs as often as the option says, or never', async () => {
    const [often, never] = [watched(), watched()]
    const all = [sessionsOn(often.store, '1m').sessions, sessionsOn(never.store, false).sessions]
    await pass(60_000)
    await pass(66_000)
    assert.ok(often.sweeps.length >= 2)
    await pass(24 * HOUR)
    assert.equal(never.sweeps.length, 0)
    for (const sessions of all) await sessions.close()
  })

  it('is off where the store removes expired entries by itself, unless it is turned on', async () => {
    const traits = { ...memory({ max: 10 }).traits, expiresByItself: true }
    const [silent, asked] = [watched({ traits }), watched({ traits })]
    const all = [sessionsOn(silent.store).sessions, sessionsOn(asked.store, '1h').sessions]
    await pass(HOUR)
    assert.deepEqual([silent.sweeps.length, asked.sweeps.length], [0, 1])
    for (const sessions of all) await sessions.close()
  })

  it('clears revocations of cookies, and has nothing to do for cookies alone', async () => {
    const { store, sweeps } = watched()
    const { sessions } = sessionsOn(cookie({ revocations: store }))
    const bare = sessionsOn(cookie())
    await pass(HOUR)
    assert.equal(sweeps.length, 1)
    assert.deepEqual(bare.events, [])
    assert.throws(() => sessionsOn(cookie(), '1h'), /sweep has nothing to clear: these sessions are in their cookies/)
    await sessions.close()
  })

  it('continues after a run that failed, which emits an event', async () => {
    let fails = true
    const { store } = watched({
      clearExpired: async () => {
        if (fails) throw new StoreError('The store is down.')
        return 7
      },
    })
    const { sessions, events } = sessionsOn(store)
    await pass(HOUR)
    fails = false
    await pass(HOUR * 1.1)
    assert.deepEqual(events[0], { type: 'storeError', error: new StoreError('The store is down.') })
    assert.deepEqual(events[1], { type: 'cleared', count: 7 })
    await sessions.close()
  })

  it('continues after a store threw something that is not an Error', async () => {
    const thrown: unknown = 'down'
    const { store } = watched({
      clearExpired: () => {
        throw thrown
      },
    })
    const { sessions, events } = sessionsOn(store)
    await pass(HOUR)
    assert.equal(events[0]?.type, 'storeError')
    await sessions.close()
  })

  it('runs once at a time, even for two applications on one store in a process', async () => {
    const waiting: ((count: number) => void)[] = []
    const { store } = watched({ clearExpired: () => new Promise((resolve) => waiting.push(resolve)) })
    const [one, other] = [sessionsOn(store), sessionsOn(store)]
    for (let hours = 0; hours < 5; hours += 1) await pass(HOUR)
    assert.equal(waiting.length, 1)
    waiting[0]?.(3)
    await settle()
    assert.deepEqual([...one.events, ...other.events], [{ type: 'cleared', count: 3 }])
    await pass(HOUR * 1.1)
    assert.equal(waiting.length, 2)
    waiting[1]?.(0)
    await one.sessions.close()
    await other.sessions.close()
  })

  it('runs once at a time across nodes, where the store has a lock for it', async () => {
    const names: string[] = []
    let atWork = false
    const alone = async <T>(name: string, work: () => Promise<T>) => {
      names.push(name)
      return atWork ? null : work()
    }
    const { store, sweeps } = watched({ tryWithLock: alone })
    const { sessions, events } = sessionsOn(store)
    await pass(HOUR)
    atWork = true
    await pass(HOUR * 1.1)
    assert.equal(sweeps.length, 1)
    assert.equal(events.length, 1)
    assert.ok(names.length >= 2 && names.every((name) => name === 'sweep'))
    await sessions.close()
  })

  it('is stopped by close, which waits for the current batch', async () => {
    let finish = () => {}
    let signal: AbortSignal | undefined
    const { store } = watched({
      clearExpired: (options) => {
        signal = options?.signal
        return new Promise((resolve) => {
          finish = () => resolve(1)
        })
      },
    })
    const { sessions } = sessionsOn(store)
    await pass(HOUR)
    assert.equal(signal?.aborted, false)
    let closed = false
    const closing = sessions.close().then(() => {
      closed = true
    })
    await settle()
    assert.deepEqual([signal?.aborted, closed], [true, false])
    finish()
    await closing
    signal = undefined
    await pass(24 * HOUR)
    assert.equal(signal, undefined)
  })

  it('refuses an interval that is invalid, too short for a sweep, or longer than the maximum of a timer', () => {
    for (const sweep of [0, -1, 999, '500ms', '21d', '400d', 'often', Number.NaN, true, null])
      assert.throws(() => sessionsOn(memory({ max: 10 }), sweep as never), ConfigError, String(sweep))
  })
})

describe('a process with a scheduled sweep', () => {
  it('exits when it has nothing else to do, although nothing was closed', async () => {
    const script = `
      import { createSessions } from './packages/strongroom/src/sessions.ts'
      const sessions = createSessions({ store: 'memory:', secrets: '${secret('sweeper')}', sweep: '1h' })
      const visit = sessions.open({})
      ;(await visit.get()).set('a', 1)
      await visit.commit()`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: root, stdio: 'inherit' })
    const watchdog = setTimeout(() => child.kill(), 20_000)
    assert.deepEqual(await once(child, 'exit'), [0, null])
    clearTimeout(watchdog)
  })

  it('does not keep sessions in memory that nothing else refers to', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    after(() => setFlagsFromString('--no-expose-gc'))
    const weak = (() => new WeakRef(sessionsOn(memory({ max: 10 })).sessions))()
    for (let round = 0; round < 20 && weak.deref(); round += 1) {
      await settle()
      collect()
    }
    assert.equal(weak.deref(), undefined)
  })
})
