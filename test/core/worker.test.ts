import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { z } from 'zod'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { AdoptionSource, Sessions, SessionsOptions } from '../../packages/strongroom/src/index.ts'
import * as everywhere from '../../packages/strongroom/src/index.ts'
import { dataSchema } from '../../packages/strongroom/src/session/data-schema.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const environment = process.env.NODE_ENV
afterEach(() => {
  if (environment === undefined) delete process.env.NODE_ENV
  else process.env.NODE_ENV = environment
})

const secrets = secret('a')

describe("what 'strongroom' is in a Worker", () => {
  it('exports the names that it exports everywhere, and another createSessions', () => {
    assert.deepEqual(Object.keys(worker).sort(), Object.keys(everywhere).sort())
    const differing = Object.entries(worker).filter(([name, value]) => value !== Reflect.get(everywhere, name))
    assert.deepEqual(
      differing.map(([name]) => name),
      ['createSessions'],
    )
  })

  it('opens the cookies that are made elsewhere under the same secrets, and makes such cookies', async () => {
    for (const protection of ['sealed', 'signed'] as const) {
      const options = { store: cookie({ protection }), secrets }
      const there = visitor(everywhere.createSessions(options))
      await there.visit((session) => session.set('a', 1))
      const here = visitor(worker.createSessions(options), undefined, there.cookie)
      await here.visit((session) => assert.equal(session.update('a', Number), 1))
      await here.visit((session) => session.set('a', 2))
      const back = visitor(everywhere.createSessions(options), undefined, here.cookie)
      await back.visit((session) => assert.equal(session.get('a'), 2))
    }
  })

  it('ends all sessions of a user whose ends are in a store', async () => {
    const sessions = worker.createSessions({ store: cookie({ revocations: memory() }), secrets })
    const [one, other] = [visitor(sessions), visitor(sessions)]
    for (const each of [one, other]) await each.visit((session) => session.login('ada'))
    assert.equal(await sessions.of('ada').revokeAll(), null)
    for (const each of [one, other]) await each.visit((session) => assert.equal(session.userId, null))
    await sessions.close()
  })

  it('says of a store, and of a URL, which createSessions knows them', () => {
    for (const store of [memory(), 'memory:', 'cookie:', 'redis://localhost', {}, 1] as SessionsOptions['store'][])
      assert.throws(
        () => worker.createSessions({ store, secrets } as SessionsOptions),
        (error) =>
          error instanceof ConfigError && /import createSessions from 'strongroom\/stores'/.test(error.message),
      )
  })

  it('asks for a store in development, too, where a Worker has no memory to share', () => {
    for (const options of [{ secrets }, {}, undefined])
      assert.throws(() => worker.createSessions(options), /write createSessions\(\{ .* store: cookie\(\) \}\)/)
  })

  it('says in production what is missing, as everywhere', () => {
    process.env.NODE_ENV = 'production'
    assert.throws(
      () => worker.createSessions({}),
      /^ConfigError: Production needs secrets and store\. Write createSessions\(\{ .* store: cookie\(\) \}\)/,
    )
  })

  it('refuses what needs a store, and what needs native code', async () => {
    const store = cookie()
    const adoptFrom = { name: 'old' } as AdoptionSource
    assert.throws(
      () => worker.createSessions({ store, secrets, adoptFrom }),
      /adoptFrom is understood by createSessions from 'strongroom\/stores'/,
    )
    assert.throws(() => worker.createSessions({ store, secrets, crypto: 'sodium' }), /no native addons/)
    const sessions = worker.createSessions({ store, secrets, crypto: 'node' }) as Sessions
    const user = sessions.of('ada')
    for (const refused of [
      () => user.list(),
      () => user.revoke('handle'),
      () => user.revokeAll(),
      () => sessions.stats(),
      () => sessions.find('handle'),
      () => sessions.revoke('handle'),
      () => sessions.keyUse(),
      () => sessions.adopt({ source: 'old', key: 'k', session: { userId: null, values: {}, expiresAt: 0 } }),
    ])
      await assert.rejects(refused, UnsupportedError)
    const guest = visitor(sessions)
    await assert.rejects(
      guest.visit((session) => session.login('ada', { limit: 1 })),
      UnsupportedError,
    )
  })

  it('asks for the durable store of a cached one, because revocations are never read from a copy', () => {
    const revocations = cached({ durable: memory(), cache: memory({ evicts: true }) })
    assert.throws(() => worker.createSessions({ store: cookie({ revocations }), secrets }), {
      name: 'ConfigError',
      message: /durable store of cached\(\)/,
    })
  })

  it('says of a request that came through no adapter what to do, and of work outside of any', async () => {
    const sessions = worker.createSessions({ store: cookie(), secrets })
    for (const ask of [() => sessions.get(new Request('https://shop.example/')), () => sessions.current()])
      await assert.rejects(ask, { name: 'NotAttachedError', message: /withSessions\(sessions, handler\)/ })
  })

  it('gives up on revocations, and on a credential, that do not answer in time', async () => {
    const never = () => new Promise<never>(() => {})
    const revocations = Object.assign(memory(), { read: never })
    const storeTimeout = 20
    const marked = visitor(worker.createSessions({ store: cookie({ revocations }), secrets, storeTimeout }))
    await assert.rejects(
      marked.visit((session) => session.login('ada')),
      { name: 'StoreError', message: /within 20 ms/ },
    )
    const options = { store: cookie(), secrets, storeTimeout }
    const asking = visitor(worker.createSessions({ ...options, credential: never }))
    await assert.rejects(
      asking.visit((session) => session.login('ada')),
      { name: 'StoreError', message: /"credential" did not return within 20 ms/ },
    )
    const failing = visitor(worker.createSessions({ ...options, credential: () => Promise.reject(new Error('down')) }))
    await assert.rejects(
      failing.visit((session) => session.login('ada')),
      { name: 'StoreError', message: /"credential" failed/ },
    )
  })

  it('refuses the forms of other sites, as csrf() of an adapter does', async () => {
    const sessions = worker.createSessions({ store: cookie(), secrets })
    const handler = withSessions(sessions, async (request) => {
      await csrf(sessions)(request)
      return new Response('done')
    })
    const post = (origin: string) =>
      handler(new Request('https://shop.example/', { method: 'POST', headers: { origin } }))
    assert.equal((await post('https://shop.example')).status, 200)
    assert.equal((await post('https://evil.example')).status, 403)
  })

  it('has a dataSchema only as strongroom/data-schema makes it, which is then what it is everywhere', async () => {
    const options = { store: cookie(), secrets }
    const schema = z.object({ cart: z.array(z.string()) })
    assert.throws(
      () => worker.createSessions({ ...options, dataSchema: schema }),
      (error: unknown) => error instanceof ConfigError && /from 'strongroom\/data-schema'/.test(error.message),
    )
    for (const given of [null, 'x', true, 5, { rules: [] }, { rules: () => ({}) }])
      assert.throws(() => worker.createSessions({ ...options, dataSchema: given as never }), ConfigError)
    const old = visitor<Record<string, unknown>>(everywhere.createSessions(options))
    await old.visit((session) => session.set('cart', 'tea').set('other', 1))
    const guest = visitor(worker.createSessions({ ...options, dataSchema: dataSchema(schema) }), undefined, old.cookie)
    await guest.visit((session) => assert.deepEqual(session.keys(), ['other']))
    await assert.rejects(
      guest.visit((session) => session.set('cart', [1] as never)),
      { name: 'DataError', key: 'cart' },
    )
  })

  it('forgets secrets after a breach, with nothing to remove', async () => {
    const sessions = worker.createSessions({ store: cookie(), secrets })
    const { records, removed } = await sessions.revokeEverybody()
    assert.deepEqual([records, removed], ['in-cookies', 0])
  })
})
