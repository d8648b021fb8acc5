import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { file } from '../../../packages/strongroom/src/engines/file/file.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import { property } from './property.ts'
import type { World } from './world.ts'

const MINUTE = 60_000

/** Names of the records that are there. */
async function names(world: World): Promise<string[]> {
  const found: string[] = []
  for await (const page of world.resting.records?.scan?.() ?? []) found.push(...page.map(({ id }) => id))
  return found
}

property(
  'an operator finds a session by its name, and sees facts and no data',
  { rows: '67', needs: 'scan' },
  async (world) => {
    const visitor = await world.visitor({ secret: 'tea' })
    const { result: handle } = await visitor.visit((session) => session.handle)
    const found = await world.sessions().find(handle ?? '')
    assert.deepEqual([found?.handle, found?.signedIn], [handle, false])
    assert.ok(!JSON.stringify(found).includes('tea'))
  },
)

property('a record that was rewritten where it rests is read anew', { rows: '68', needs: 'record' }, async (world) => {
  const visitor = await world.visitor({ a: 1 })
  await world.rewrite(visitor.cookie ?? '', { b: 2 }, world.sessions().policy.seal as 'two-key')
  assert.deepEqual(await visitor.read(), { b: 2 })
})

property(
  'clearExpired removes what is past and leaves what is not, and does so once',
  '69-70 86 115',
  async (world) => {
    const sessions = world.sessions()
    await sessions.clearExpired()
    const [past, present] = [await world.visitor(), await world.visitor()]
    await past.visit((session) => session.setExpiry('1m'))
    world.clock.advance(MINUTE)
    const removed = await sessions.clearExpired()
    if (world.can('record') && !sessions.policy.traits.expiresByItself) assert.equal(removed, 1)
    assert.equal(await sessions.clearExpired(), 0)
    assert.deepEqual([await past.read(), await present.read()], [{}, { a: 1 }])
  },
)

property('in whatever time zone the process is', 'with_time_zone cached_with_time_zone', async (world) => {
  assert.notEqual(new Date(world.clock()).getTimezoneOffset(), 0)
  const visitor = await world.visitor()
  const at = new Date(world.clock() + MINUTE)
  await visitor.visit((session) => session.setExpiry(at))
  await visitor.visit((session) => assert.deepEqual([session.expiresAt, session.endsAt], [at, at]))
})

property(
  'a session is found under its user from the login on, and no more after the logout',
  { rows: '71', needs: 'index' },
  async (world) => {
    const of = world.sessions().of('ada of 71')
    const visitor = await world.visitor()
    assert.deepEqual(await of.list(), [])
    await visitor.visit((session) => session.login('ada of 71'))
    assert.equal((await of.list()).length, 1)
    await visitor.visit((session) => session.logout())
    assert.deepEqual(await of.list(), [])
  },
)

property('what was written is read from the cache', { rows: '76', needs: 'cache' }, async (world) => {
  const visitor = await world.visitor()
  const { durable } = world.resting
  if (!durable) assert.fail()
  await visitor.read()
  durable.calls.length = 0
  assert.deepEqual(await visitor.read(), { a: 1 })
  assert.deepEqual(durable.calls, [])
})

property('a cookie of any length is a stranger’s', '77 87', async (world) => {
  for (const cookie of ['1'.repeat(1240), `${world.unknownCookie()}x`, 'A'.repeat(8000)]) {
    const visitor = world.browser()
    visitor.cookie = cookie
    assert.deepEqual(await visitor.read(), {})
  }
})

property(
  'a cache that takes nothing is no error: what was saved is there',
  { rows: '79 81', needs: 'cache' },
  async (world) => {
    const { cache } = world.resting
    if (!cache) assert.fail()
    cache.before = (call) => {
      if (call === 'create' || call === 'update') throw new StoreError('the cache is full')
    }
    try {
      const visitor = await world.visitor()
      await visitor.visit((session) => session.set('b', 2))
      assert.deepEqual(await visitor.read(), { a: 1, b: 2 })
    } finally {
      cache.before = null
      // It is left alone for a while, which the next property must not meet.
      world.clock.advance(20_000)
    }
  },
)

property(
  'a cache that forgets nothing is no error: a logout is final',
  { rows: '80 82', needs: 'cache' },
  async (world) => {
    const { cache } = world.resting
    if (!cache) assert.fail()
    const visitor = await world.visitor()
    const thief = visitor.copy()
    cache.before = (call) => {
      if (call !== 'read') throw new StoreError('the cache is read-only')
    }
    try {
      await visitor.visit((session) => session.logout())
      assert.deepEqual(await thief.read(), {})
    } finally {
      cache.before = null
      world.clock.advance(20_000)
    }
  },
)

property(
  'a directory that cannot be is a configuration error, or an error of the store, and no logout',
  { rows: '83', needs: 'files' },
  async (world) => {
    const taken = join(world.resting.dir ?? '', 'a file')
    writeFileSync(taken, '')
    assert.throws(() => file({ dir: '' }), /dir/)
    const store = file({ dir: join(taken, 'sessions'), clock: world.clock })
    await assert.rejects(world.sessions({ store }).read({ cookie: `__Host-id=${world.unknownCookie()}` }), StoreError)
  },
)

property('a directory may be given by its URL', { rows: 'path_lib', needs: 'files' }, async (world) => {
  const dir = join(world.resting.dir ?? '', 'by url')
  const sessions = world.sessions({ store: `file:${pathToFileURL(dir).pathname}` })
  const visit = sessions.open({})
  ;(await visit.get()).set('a', 1)
  await visit.commit()
  assert.ok(readdirSync(dir).length > 0)
  await sessions.close()
})

property('a cookie with slashes or dots in it leads to no file', '84-85', async (world) => {
  for (const cookie of ['a\\b\\c12345', '../../etc/passwd', 'a/b/c/12345', '..%2f..%2f']) {
    const visitor = world.browser()
    visitor.cookie = cookie
    assert.deepEqual(await visitor.read(), {})
  }
  assert.equal(world.happened('notOurs').length, 4)
  assert.deepEqual(world.happened('storeError'), [])
})

property(
  'sessions rest in the store that was given, and in no other',
  { rows: '88-89', needs: 'record' },
  async (world) => {
    const other = await world.resting.another()
    const visitor = await world.visitor()
    const before = world.can('scan') ? (await names(world)).length : 0
    const elsewhere = await world.visitor({ b: 2 }, { store: other })
    if (world.can('scan')) assert.equal((await names(world)).length, before)
    const swapped = world.browser({ store: other })
    swapped.cookie = visitor.cookie
    assert.deepEqual(await swapped.read(), {})
    assert.deepEqual([await visitor.read(), await elsewhere.read()], [{ a: 1 }, { b: 2 }])
  },
)
