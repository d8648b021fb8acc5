import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { suite, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { CHANNEL, emitter } from '../../packages/strongroom/src/events.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { newEntry, newId } from '../../packages/strongroom/src/testing/store/entries.ts'
import { secret } from './fixtures/secret.ts'

/** The warnings that are emitted from now on, as "CODE message". */
function warnings(t: TestContext): string[] {
  const seen: string[] = []
  t.mock.method(process, 'emitWarning', (message: string, { code }: { code: string }) =>
    seen.push(`${code} ${message}`),
  )
  return seen
}

const failed = (message: string) => ({ type: 'storeError', error: new StoreError(message) }) as const

suite('a store that fails where nobody listens to events', () => {
  test('is warned of once for each reason, and not once for each request', (t) => {
    const seen = warnings(t)
    const emit = emitter(undefined)
    for (const message of ['No password.', 'No table.', 'No password.', 'No table.']) emit(failed(message))
    assert.deepEqual(seen, ['STRONGROOM_STORE No password.', 'STRONGROOM_STORE No table.'])
    assert.equal(emit.wanted(), false)
  })

  test('is warned of without the message of a driver', (t) => {
    const seen = warnings(t)
    emitter(undefined)({ type: 'storeError', error: new RangeError('hunter2') })
    assert.deepEqual(seen, ['STRONGROOM_STORE The session store failed (RangeError).'])
  })

  test('is warned of without a password, an id or a token, which a store of one’s own may put into our errors', (t) => {
    const seen = warnings(t)
    const emit = emitter(undefined)
    for (let id = 0; id < 200; id++) emit(failed(`own failed for id ${id} at redis://:hunter2@h.`))
    emit(failed('No redis://u:hun/ter2@@h/0, session 6f1ed002ab5595859014ebf0951522d9, Zk3vQ9pL_r7TtB2wYh5-NcXe8.'))
    emit(failed('The table my_application_sessions is missing.'))
    assert.deepEqual(seen, [
      'STRONGROOM_STORE own failed for id 0 at redis://…@h.',
      'STRONGROOM_STORE No redis://…@h/0, session …, ….',
      'STRONGROOM_STORE The table my_application_sessions is missing.',
    ])
  })

  test('causes a bounded number of warnings, whatever its messages contain', (t) => {
    const seen = warnings(t)
    const emit = emitter(undefined)
    for (let i = 0; i < 500; i++) emit(failed(`Refused by host ${i}.`))
    assert.deepEqual(seen, ['STRONGROOM_STORE Refused by host 0.'])
    for (const letter of 'abcdefghijklmnopqrstuvwxyz') emit(failed(`Refused by host ${letter}.`))
    assert.equal(seen.length, 10)
  })

  test('causes no warning for other events', (t) => {
    const seen = warnings(t)
    emitter(undefined)({ type: 'cleared', count: 1 })
    assert.deepEqual(seen, [])
  })
})

test('where somebody listens, a store that fails is theirs to report', (t) => {
  const seen = warnings(t)
  emitter(() => {})(failed('No table.'))
  const listener = () => {}
  diagnostics.subscribe(CHANNEL, listener)
  emitter(undefined)(failed('No table.'))
  diagnostics.unsubscribe(CHANNEL, listener)
  assert.deepEqual(seen, [])
})

for (const listens of [false, true])
  test(`a cache that fails is ${listens ? 'reported to onCacheError alone' : 'warned of once, where nobody listens'}`, async (t) => {
    const seen = warnings(t)
    const errors: Error[] = []
    const cache: Store = Object.assign(memory({ evicts: true }), {
      read: () => Promise.reject(new StoreError('redis() needs the package ioredis.')),
    })
    const store = cached({ durable: memory(), cache, ...(listens && { onCacheError: (error) => errors.push(error) }) })
    for (let times = 0; times < 3; times++) {
      const id = newId()
      await store.create(id, newEntry(Date.now()))
      await store.read(id)
      await turn()
    }
    assert.deepEqual(seen, listens ? [] : ['STRONGROOM_CACHE redis() needs the package ioredis.'])
    assert.equal(errors.length > 0, listens)
    await store.close()
  })

suite('a cookie of another application on the same host', () => {
  const cookie = { name: 'id', secure: false } as const
  const both = async () => {
    const [mine, other] = ['1', '2'].map((name) => createSessions({ store: memory(), secrets: secret(name), cookie }))
    const visit = (other as typeof mine & object).open({})
    ;(await visit.get()).set('note', 'hello')
    const { setCookie } = await visit.commit()
    const header = setCookie?.split(';')[0] ?? ''
    for (let i = 0; i < 3; i++)
      assert.equal((await (mine as typeof other & object).read({ cookie: header })).isNew, true)
  }

  const titled = {
    development: 'is told of once where NODE_ENV is development',
    test: 'is told of nowhere else',
  }
  for (const [environment, title] of Object.entries(titled))
    test(title, async (t) => {
      const before = process.env.NODE_ENV
      t.after(() => {
        if (before === undefined) delete process.env.NODE_ENV
        else process.env.NODE_ENV = before
      })
      process.env.NODE_ENV = environment
      const seen = warnings(t)
      await both()
      assert.equal(seen.length, environment === 'development' ? 1 : 0)
      if (environment === 'development')
        assert.match(seen[0] ?? '', /^STRONGROOM_COOKIE_NAME .*cookie id .*Cookies ignore ports/)
    })
})
