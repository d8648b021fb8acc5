import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, NotAttachedError, TooLargeError } from '../../packages/strongroom/src/errors.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const environment = process.env.NODE_ENV
afterEach(() => {
  if (environment === undefined) delete process.env.NODE_ENV
  else process.env.NODE_ENV = environment
})

/** The warnings that `work` causes. */
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
  it('works without options, and gives one warning about what production needs', async () => {
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

  it('creates a new key each time, and warns when only the key is missing', async () => {
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

  it('gives no warning when both are passed', async () => {
    assert.deepEqual(await warnings(() => createSessions({ secrets: secret('a'), store: 'memory:' })), [])
  })
})

describe('a lifetime of less than a second', () => {
  const lifetimes = async (options: SessionsOptions) =>
    warnings(() => createSessions({ secrets: secret('a'), store: 'memory:', ...options }))

  it('gives a warning that says which option, and what a number means', async () => {
    for (const name of ['idle', 'absolute', 'remember'] as const)
      for (const value of [999, '30ms']) {
        // No idle limit, because it must not be longer than the absolute one.
        const [warning, ...others] = await lifetimes({ idle: null, [name]: value })
        assert.deepEqual([warning?.code, others], ['STRONGROOM_LIFETIME', []])
        for (const words of [`${name}: ${JSON.stringify(value)}`, 'milliseconds', "'30m'"])
          assert.ok(warning?.message.includes(words), words)
      }
  })

  it('is the only one that gives it', async () => {
    assert.deepEqual(await lifetimes({ idle: 1000, absolute: '1s', remember: '1s' }), [])
    assert.deepEqual(await lifetimes({ idle: null }), [])
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

  it('does not start without a key and a store, and the error says what to write', () => {
    refused({}, 'secrets and store', 'createSessions({ secrets', '@strongroom/cli keys new')
    refused({ store: 'memory:' }, 'Production needs secrets.')
    refused({ secrets: secret('a') }, 'Production needs store.')
    refused({ secrets: '', store: 'memory:' }, 'secrets is empty', '@strongroom/cli keys new')
  })

  it('does not start with a cookie that is sent in the clear, or that a neighbouring host could set', () => {
    const good = { secrets: secret('a'), store: 'memory:' } as const
    refused({ ...good, cookie: { name: 'id', secure: false } }, 'refused in production')
    refused({ ...good, cookie: { name: 'id' } }, '__Host-')
    createSessions(good)
  })

  it('does not send a signed cookie in the clear either, and lets it have any name', () => {
    process.env.NODE_ENV = 'production'
    const sessions = createSessions({ secrets: secret('a'), store: 'memory:' })
    const headers = new Headers()
    for (const value of ['dark', null])
      assert.throws(
        () => sessions.setSignedCookie(headers, 'theme', value, { secure: false }),
        (error: Error) => error instanceof ConfigError && /refused in production/.test(error.message),
      )
    assert.deepEqual(headers.getSetCookie(), [])
    sessions.setSignedCookie(headers, 'theme', 'dark')
    assert.match(headers.getSetCookie()[0] ?? '', /^theme=.*; Secure/)
  })
})

describe('an option', () => {
  const good = { secrets: secret('a'), store: 'memory:' } as const
  const refused = (options: object, message: RegExp) =>
    assert.throws(
      () => createSessions({ ...good, ...options } as SessionsOptions),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    )

  it('that is unknown is refused, and the error lists the known ones', () => {
    refused({ secret: 'x' }, /"secret".*Did you mean "secrets"\?/)
    refused({ StoreTimeOut: 5 }, /Did you mean "storeTimeout"\?/)
    refused(
      { colour: 5 },
      /"colour" for createSessions\(\)\. Known: store, secrets, cookie, transport, namespace, idle, absolute, remember/,
    )
  })

  it('of login() is refused, and the error says where it belongs', () => {
    for (const name of ['limit', 'atLimit', 'label', 'asOf'])
      refused(
        { [name]: 5 },
        new RegExp(`"${name}" for createSessions\\(\\)\\. It is an option of login\\(\\)\\. Known: `),
      )
  })

  it('that would have no effect is refused instead of ignored', () => {
    const engine = cookie()
    refused({ store: engine, seal: 'none' }, /seal is for stores/)
    refused({ store: engine, maxSize: 1024 }, /maxSize is for stores/)
    const backed = { kind: 'backing', traits: engine.traits, swept: null }
    refused({ store: backed, seal: 'none' }, /seal is not an option with cookie \(sealed\)/)
    refused({ store: backed, cipher: 'aes-256-gcm' }, /cipher is not an option with/)
    refused({ store: backed, maxSize: 1024 }, /maxSize is not an option with/)
    refused({ store: backed, cookie: { name: 'id' } }, /cookie is not an option with/)
    refused({ store: backed, namespace: 'shop' }, /namespace is not an option with/)
    refused({ idle: '7d' }, /idle is longer than absolute \(by default '12h'\).* Raise absolute, or lower idle/)
    refused({ absolute: null }, /absolute must be above 0 and at most 400 days/)
    refused({ remember: null }, /remember must be above 0 and at most 400 days/)
    refused({ sweep: true }, /sweep must be at least '1s' and at most '20d', or false/)
    refused({ idle: '7d', absolute: '1d' }, /idle is longer than absolute \("1d"\)/)
  })

  it('that is a namespace is a short string of printable characters', () => {
    for (const namespace of ['', 'a b', 'é', 'x'.repeat(257), 5, null])
      for (const store of ['memory:', 'cookie:'])
        refused({ store, namespace }, /namespace must be a string of 1 to 256/)
    createSessions({ ...good, namespace: 'x'.repeat(256) })
  })

  it('that is a store must be complete, and the error names what is missing', () => {
    const { create, read, update, touch, clearExpired, close } = memory({ max: 10 })
    const traits = memory({ max: 10 }).traits
    refused({ store: { traits, create, read, update, touch, clearExpired, close } }, /it has no delete\(\)/)
    refused({ store: new Map() }, /store must be a store such as/)
    refused({ store: { traits } }, /has no create\(\), read\(\)/)
    refused({ store: 'nosql:' }, /Known: memory:, file:, sqlite:/)
  })

  it('that is the URL of a cookie engine states its protection and the store of its revocations', async () => {
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

  it('is read once: later changes to the object have no effect', async () => {
    const options = { ...good, idle: '30m', cookie: { name: '__Host-a' } }
    const sessions = createSessions(options as never)
    options.idle = '1ms'
    options.cookie.name = 'b'
    assert.deepEqual([sessions.policy.idle, sessions.policy.cookieName], [1_800_000, '__Host-a'])
  })
})

describe('sessions', () => {
  it('describe their policy', () => {
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

  it('of a request that bypassed the adapter cause an error that says what to do', async () => {
    const { sessions } = fixture()
    await assert.rejects(
      sessions.get({}),
      (error: Error) => error instanceof NotAttachedError && /adapter/.test(error.message),
    )
    await assert.rejects(sessions.save({}), NotAttachedError)
  })

  it('of two createSessions() calls are separate in one request', async () => {
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

  it('close the store that they opened, and not one that was passed in', async () => {
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

  it('refuse more data than allowed, and name the largest keys', async () => {
    for (const seal of ['none', 'two-key', 'server-key'] as const) {
      const app = fixture({ seal, maxSize: 1000 })
      const guest = app.visitor()
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

  it('that are too large for the store once sealed are refused without a store call', async () => {
    for (const seal of ['none', 'two-key', 'server-key'] as const) {
      const app = fixture({ seal }, (clock) => memory({ clock, max: 10, maxBytes: 4096 }))
      const limit = app.store.traits.sizeLimit ?? 0
      for (let length = limit - 300; length <= limit; length++) {
        app.calls.length = 0
        const guest = app.visitor()
        const put = guest.visit((session) => session.set('a', 'x'.repeat(length)))
        const [result] = await Promise.allSettled([put])
        if (result?.status === 'fulfilled') {
          await guest.visit((session) => session.logout())
          continue
        }
        assert.ok(result?.reason instanceof TooLargeError, `${length}: ${result?.reason}`)
        assert.deepEqual(app.calls, [])
      }
    }
  })
})
