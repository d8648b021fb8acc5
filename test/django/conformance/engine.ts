import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import type { Fixture } from './fixture.ts'
import { property } from './property.ts'

const MINUTE = 60_000

const filesOf = ({ started: { files } }: Fixture) => files ?? assert.fail()

/** Returns the ids of all records. */
async function names(fixture: Fixture): Promise<string[]> {
  const found: string[] = []
  for await (const page of fixture.started.records?.scan?.() ?? []) found.push(...page.map(({ id }) => id))
  return found
}

property(
  'an operator finds a session by its handle, and sees its metadata but not its data',
  { tests: '67', needs: 'scan' },
  async (fixture) => {
    const visitor = await fixture.visitor({ secret: 'a pot of tea' })
    const { result: handle } = await visitor.visit((session) => session.handle)
    const found = await fixture.sessions().find(handle ?? '')
    assert.deepEqual([found?.handle, found?.signedIn], [handle, false])
    assert.ok(!JSON.stringify(found).includes('a pot of tea'))
  },
)

property(
  'a record that was rewritten in the store is read again',
  { tests: '68', needs: 'record' },
  async (fixture) => {
    const visitor = await fixture.visitor({ a: 1 })
    await fixture.rewrite(visitor, { b: 2 })
    assert.deepEqual(await visitor.read(), { b: 2 })
  },
)

property('clearExpired removes expired sessions once, and leaves the others', '69-70 86 115', async (fixture) => {
  const sessions = fixture.sessions()
  // Tombstones of other tests are expired, too.
  await fixture.advance(MINUTE)
  await sessions.clearExpired()
  const [past, present] = [await fixture.visitor(), await fixture.visitor()]
  await past.visit((session) => session.setExpiry('1m'))
  await fixture.advance(MINUTE)
  const removed = await sessions.clearExpired()
  if (fixture.can('record') && !sessions.policy.traits.expiresByItself) assert.equal(removed, 1)
  assert.equal(await sessions.clearExpired(), 0)
  assert.deepEqual([await past.read(), await present.read()], [{}, { a: 1 }])
})

property('the time zone of the process does not matter', 'with_time_zone cached_with_time_zone', async (fixture) => {
  assert.notEqual(new Date(fixture.clock()).getTimezoneOffset(), 0)
  const visitor = await fixture.visitor()
  const at = new Date(fixture.clock() + MINUTE)
  await visitor.visit((session) => session.setExpiry(at))
  await visitor.visit(({ expiresAt, endsAt }) =>
    assert.deepEqual([fixture.from(expiresAt), fixture.from(endsAt)], [MINUTE, MINUTE]),
  )
})

property(
  'a session is listed under its user from the login to the logout',
  { tests: '71', needs: 'index' },
  async (fixture) => {
    const of = fixture.sessions().of('ada of 71')
    const visitor = await fixture.visitor()
    assert.deepEqual(await of.list(), [])
    await visitor.visit((session) => session.login('ada of 71'))
    assert.equal((await of.list()).length, 1)
    await visitor.visit((session) => session.logout())
    assert.deepEqual(await of.list(), [])
  },
)

property('written data is read from the cache', { tests: '76', needs: 'cache' }, async (fixture) => {
  const visitor = await fixture.visitor()
  const { durable } = fixture.started
  if (!durable) assert.fail()
  await visitor.read()
  durable.calls.length = 0
  assert.deepEqual(await visitor.read(), { a: 1 })
  assert.deepEqual(durable.calls, [])
})

property('an invalid cookie of any length counts as none', '77 87', async (fixture) => {
  for (const cookie of ['1'.repeat(1240), `${fixture.unknownCookie()}x`, 'A'.repeat(8000)]) {
    const visitor = fixture.browser()
    visitor.cookie = cookie
    assert.deepEqual(await visitor.read(), {})
  }
})

property(
  'a cache that refuses writes is no error, and saved data can be read back',
  { tests: '79 81', needs: 'cache' },
  async (fixture) => {
    const { cache } = fixture.started
    if (!cache) assert.fail()
    const visitor = await fixture.visitor()
    // The cache has a copy, which the change makes outdated.
    await fixture.readThroughCache(visitor, { a: 1 })
    cache.before = (call) => {
      if (call === 'create' || call === 'update') throw new StoreError('the cache is full')
    }
    try {
      fixture.started.cacheErrors?.splice(0)
      await visitor.visit((session) => session.set('b', 2))
      assert.deepEqual(await visitor.read(), { a: 1, b: 2 })
      // Django asserts that it was logged.
      assert.match(String(fixture.started.cacheErrors?.[0]), /the cache is full/)
      cache.before = null
      await fixture.readThroughCache(visitor, { a: 1, b: 2 })
    } finally {
      cache.before = null
      // The circuit breaker leaves the cache alone for a while, which must not affect the next property.
      await fixture.advance(20_000)
    }
  },
)

property(
  'a read-only cache is no error, and a logout is final',
  { tests: '80 82', needs: 'cache' },
  async (fixture) => {
    const { cache } = fixture.started
    if (!cache) assert.fail()
    const visitor = await fixture.visitor()
    const thief = visitor.copy()
    // The cache has a copy, and is not being left alone after an error of another test.
    await fixture.changeThroughCache(visitor)
    await fixture.readThroughCache(visitor, { a: 1 })
    cache.before = (call) => {
      if (call !== 'read') throw new StoreError('the cache is read-only')
    }
    try {
      fixture.started.cacheErrors?.splice(0)
      await visitor.visit((session) => session.logout())
      assert.deepEqual(await thief.read(), {})
      assert.match(String(fixture.started.cacheErrors?.[0]), /the cache is read-only/)
      // Its copy is still there.
      cache.before = null
      await fixture.readThroughCache(thief, {})
    } finally {
      cache.before = null
      await fixture.advance(20_000)
    }
  },
)

property(
  'an impossible directory is a configuration error or a store error, and never a logout',
  { tests: '83', needs: 'files' },
  async (fixture) => {
    const { dir, open } = filesOf(fixture)
    const taken = join(dir, 'a file')
    writeFileSync(taken, '')
    assert.throws(() => open(''), /dir/)
    const store = open(join(taken, 'sessions'))
    await assert.rejects(
      fixture.sessions({ store }).read({ cookie: `${fixture.cookieName}=${fixture.unknownCookie()}` }),
      StoreError,
    )
  },
)

property('a directory can be given as a URL', { tests: 'path_lib', needs: 'files' }, async (fixture) => {
  const dir = join(filesOf(fixture).dir, 'by url')
  const sessions = fixture.sessions({ store: `file:${pathToFileURL(dir).pathname}` })
  const visit = sessions.open({})
  ;(await visit.get()).set('a', 1)
  await visit.commit()
  assert.ok(readdirSync(dir).length > 0)
  await sessions.close()
})

property('a cookie with slashes or dots leads to no file', '84-85', async (fixture) => {
  for (const cookie of ['a\\b\\c12345', '../../etc/passwd', 'a/b/c/12345', '..%2f..%2f']) {
    const visitor = fixture.browser()
    visitor.cookie = cookie
    assert.deepEqual(await visitor.read(), {})
  }
  assert.equal(fixture.happened('rejected').length, 4)
  assert.deepEqual(fixture.happened('storeError'), [])
})

property(
  'sessions are stored in the given store and in no other',
  { tests: '88-89', needs: 'record' },
  async (fixture) => {
    const other = await fixture.started.another()
    const visitor = await fixture.visitor()
    const before = fixture.can('scan') ? (await names(fixture)).length : 0
    const elsewhere = await fixture.visitor({ b: 2 }, { store: other })
    if (fixture.can('scan')) assert.equal((await names(fixture)).length, before)
    const swapped = fixture.browser({ store: other })
    swapped.cookie = visitor.cookie
    assert.deepEqual(await swapped.read(), {})
    assert.deepEqual([await visitor.read(), await elsewhere.read()], [{ a: 1 }, { b: 2 }])
  },
)
