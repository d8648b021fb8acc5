import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { SessionsOptions } from '../../packages/strongroom/src/create.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, NotAttachedError, TooLargeError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { fixture } from './kit/fixture.ts'
import { settle } from './kit/gates.ts'
import { secret } from './kit/ring.ts'
import { visitor } from './kit/visitor.ts'

const environment = process.env.NODE_ENV
afterEach(() => {
  if (environment === undefined) delete process.env.NODE_ENV
  else process.env.NODE_ENV = environment
})

/** The warnings that `work` gives. */
async function warnings(work: () => unknown): Promise<{ code: string; message: string }[]> {
  const given: { code: string; message: string }[] = []
  const listen = ({ code, message }: Error & { code?: string }) => given.push({ code: code ?? '', message })
  process.on('warning', listen)
  await work()
  await settle()
  process.off('warning', listen)
  return given
}

describe('createSessions() in development', () => {
  it('works without options, and says in one warning what production needs', async () => {
    const given = await warnings(async () => {
      const guest = visitor(createSessions())
      await guest.visit((session) => session.set('a', 1))
      await guest.visit((session) => assert.equal(session.get('a'), 1))
    })
    assert.deepEqual(
      given.map(({ code }) => code),
      ['STRONGROOM_DEVELOPMENT'],
    )
    const message = given[0]?.message ?? ''
    for (const word of ['secrets', 'store', 'STRONGROOM_SECRETS', 'Production', 'memory'])
      assert.ok(message.includes(word), word)
  })

  it('makes another key each time, and says so when only the key is missing', async () => {
    const store = memory({ max: 10 })
    const given = await warnings(async () => {
      const [one, other] = [createSessions({ store }), createSessions({ store })]
      const guest = visitor(one)
      await guest.visit((session) => session.set('a', 1))
      const same = visitor(other, undefined, guest.cookie)
      await same.visit((session) => assert.equal(session.isNew, true))
    })
    assert.deepEqual([given.length, given.every(({ message }) => /without secrets:/.test(message))], [2, true])
  })

  it('gives no warning to who hands in both', async () => {
    assert.deepEqual(await warnings(() => createSessions({ secrets: secret('a'), store: 'memory:' })), [])
  })
})

describe('createSessions() in production', () => {
  const refused = (options: SessionsOptions, ...words: string[]) => {
    process.env.NODE_ENV = 'production'
    assert.throws(
      () => createSessions(options),
      (error: Error) => error instanceof ConfigError && words.every((word) => error.message.includes(word)),
    )
  }

  it('does not start without a key and a store, and says what to write', () => {
    refused({}, 'secrets and store', 'createSessions({ secrets', 'strongroom keys new')
    refused({ store: 'memory:' }, 'Production needs secrets.')
    refused({ secrets: secret('a') }, 'Production needs store.')
    refused({ secrets: '', store: 'memory:' }, 'No secret was given', 'strongroom keys new')
  })

  it('does not start with a cookie that travels in the clear, or that a neighbour could plant', () => {
    const good = { secrets: secret('a'), store: 'memory:' } as const
    refused({ ...good, cookie: { name: 'id', secure: false } }, 'refused in production')
    refused({ ...good, cookie: { name: 'id' } }, '__Host-')
    createSessions(good)
  })
})

describe('an option', () => {
  const good = { secrets: secret('a'), store: 'memory:' } as const
  const refused = (options: object, told: RegExp) =>
    assert.throws(
      () => createSessions({ ...good, ...options } as SessionsOptions),
      (error: Error) => error instanceof ConfigError && told.test(error.message),
    )

  it('that is unknown is refused with those that are known', () => {
    refused({ ttl: 5 }, /"ttl".*Known: store, secrets, cookie, idle, absolute, remember/)
  })

  it('that cannot do anything is refused instead of ignored', () => {
    const engine = cookie()
    refused({ store: engine, seal: 'none' }, /seal is for stores/)
    refused({ store: engine, maxSize: 1024 }, /maxSize is for stores/)
    const backed = { kind: 'backing', traits: engine.traits, swept: null }
    refused({ store: backed, seal: 'none' }, /seal is not for this engine/)
    refused({ store: backed, maxSize: 1024 }, /maxSize is not for this engine/)
    refused({ store: backed, cookie: { name: 'id' } }, /cookie is not for this engine/)
    refused({ idle: '13h' }, /idle is longer than absolute/)
  })

  it('that is a store must be a whole one, and what it lacks is named', () => {
    const { create, read, update, touch, clearExpired, close } = memory({ max: 10 })
    const traits = memory({ max: 10 }).traits
    refused({ store: { traits, create, read, update, touch, clearExpired, close } }, /it lacks delete\(\)/)
    refused({ store: new Map() }, /store is a store such as/)
    refused({ store: { traits } }, /lacks create\(\), read\(\)/)
    refused({ store: 'nosql:' }, /Known: memory:, file:, sqlite:/)
  })

  it('that is a URL of a cookie engine says how it is protected and where its marks lie', async () => {
    const facts = (url: string) => createSessions({ secrets: secret('a'), store: url }).policy
    assert.deepEqual(
      ['cookie:', 'cookie:?protection=signed', 'cookie:?revocations=memory%3A'].map((url) => {
        const { engine, seal, traits } = facts(url)
        return [engine, seal, traits.revocable]
      }),
      [
        ['cookie (sealed)', 'sealed', false],
        ['cookie (signed)', 'signed', false],
        ['cookie (sealed)', 'sealed', true],
      ],
    )
    for (const url of ['cookie:x', 'cookie:?protection=plain', 'cookie:?x=1', 'cookie:?revocations=cookie:'])
      assert.throws(() => facts(url), ConfigError, url)
  })

  it('is read once: what becomes of the object later changes nothing', async () => {
    const options = { ...good, idle: '30m', cookie: { name: '__Host-a' } }
    const sessions = createSessions(options as never)
    options.idle = '1ms'
    options.cookie.name = 'b'
    assert.deepEqual([sessions.policy.idle, sessions.policy.cookieName], [1_800_000, '__Host-a'])
  })
})

describe('sessions', () => {
  it('tell how they are kept', () => {
    const { policy } = createSessions({
      secrets: secret('a'),
      store: 'memory:',
      idle: null,
      absolute: '1h',
      remember: '1d',
    })
    assert.deepEqual(
      [policy.engine, policy.seal, policy.cookieName, policy.idle, policy.absolute, policy.remember],
      ['memory', 'none', '__Host-id', 0, 3_600_000, 86_400_000],
    )
  })

  it('of a request that came past the adapter are an error that says what to do', async () => {
    const { sessions } = fixture()
    await assert.rejects(
      sessions.get({}),
      (error: Error) => error instanceof NotAttachedError && /adapter/.test(error.message),
    )
    await assert.rejects(sessions.save({}), NotAttachedError)
  })

  it('of two makers do not meet in one request', async () => {
    const [one, other] = [fixture(), fixture()]
    const request = {}
    const visits = [one, other].map(({ sessions }) => {
      const visit = sessions.open({})
      sessions.attach(request, () => visit)
      return visit
    })
    ;(await one.sessions.get(request)).set('a', 1)
    assert.equal((await other.sessions.get(request)).get('a'), undefined)
    for (const visit of visits) await visit.commit()
  })

  it('close the store that they made, and not one that was handed in', async () => {
    const store = memory({ max: 10 })
    await createSessions({ secrets: secret('a'), store }).close()
    assert.equal(await store.clearExpired(), 0)
    const own = createSessions({ secrets: secret('a'), store: 'memory:' })
    await own.close()
    await assert.rejects(own.clearExpired(), /closed/)
    const marks = memory({ max: 10 })
    await createSessions({ secrets: secret('a'), store: cookie({ revocations: marks }) }).close()
    assert.equal(await marks.clearExpired(), 0)
    const carried = createSessions({ secrets: secret('a'), store: 'cookie:?revocations=memory:' })
    await carried.close()
    await assert.rejects(carried.clearExpired(), /closed/)
  })

  it('hold no more than they are allowed, and name what is too large', async () => {
    for (const seal of ['none', 'two-key', 'server-key'] as const) {
      const world = fixture({ seal, maxSize: 1000 })
      const guest = world.visitor()
      await guest.visit((session) => session.set('small', 1))
      const before = guest.cookie
      await assert.rejects(
        guest.visit((session) => session.set('large', 'x'.repeat(950)).set('larger', 'x'.repeat(960)).set('tiny', 0)),
        (error: Error) =>
          error instanceof TooLargeError &&
          /holds 1000.*'larger' \(962 bytes\), 'large' \(952 bytes\)/.test(error.message),
      )
      assert.equal(guest.cookie, before)
      await settle()
      await guest.visit((session) => assert.deepEqual(session.keys(), ['small']))
    }
  })

  it('that a store could not hold once they are sealed are too large, and the store is not asked', async () => {
    for (const seal of ['none', 'two-key', 'server-key'] as const) {
      const world = fixture({ seal }, (clock) => memory({ clock, max: 10, maxBytes: 4096 }))
      const limit = world.store.traits.sizeLimit ?? 0
      for (let length = limit - 300; length <= limit; length++) {
        world.calls.length = 0
        const guest = world.visitor()
        const put = guest.visit((session) => session.set('a', 'x'.repeat(length)))
        const [result] = await Promise.allSettled([put])
        if (result?.status === 'fulfilled') continue
        assert.ok(result?.reason instanceof TooLargeError, `${length}: ${result?.reason}`)
        assert.deepEqual(world.calls, [])
      }
    }
  })
})
