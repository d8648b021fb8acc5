import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, DataError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { type DataSchemaOption, dataSchema } from '../../packages/strongroom/src/session/data-schema.ts'
import type { StandardSchemaV1 } from '../../packages/strongroom/src/session/standard-schema.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { deployments, ENGINES } from './fixtures/deployments.ts'
import { type Anything, fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

/** The same schema in three libraries: two required keys, and an optional one. */
const LIBRARIES: Record<string, { loose: StandardSchemaV1<Anything>; strict: StandardSchemaV1<Anything> }> = {
  zod: {
    loose: z.object({ cart: z.array(z.string()), theme: z.enum(['dark', 'light']), visits: z.number().optional() }),
    strict: z.strictObject({ cart: z.array(z.string()).optional(), visits: z.number().optional() }),
  },
  valibot: {
    loose: v.object({
      cart: v.array(v.string()),
      theme: v.picklist(['dark', 'light']),
      visits: v.optional(v.number()),
    }),
    strict: v.strictObject({ cart: v.optional(v.array(v.string())), visits: v.optional(v.number()) }),
  },
  arktype: {
    loose: type({ cart: 'string[]', theme: "'dark' | 'light'", 'visits?': 'number' }),
    strict: type({ '+': 'reject', 'cart?': 'string[]', 'visits?': 'number' }),
  },
}

const CART = z.object({ cart: z.array(z.string()), visits: z.number().optional() })

const mismatches = (events: readonly SessionEvent[]) =>
  events.flatMap((event) => (event.type === 'mismatch' ? [[event.outcome, ...event.keys]] : []))

for (const [library, { loose, strict }] of Object.entries(LIBRARIES))
  suite(`a schema of ${library}`, () => {
    test('accepts a session in which only some of the required keys are set, and a new one', async () => {
      const { visitor, events } = fixture({ dataSchema: loose })
      const guest = visitor()
      await guest.visit((session) => assert.deepEqual(session.keys(), []))
      await guest.visit((session) => void session.set('cart', ['tea']))
      await guest.visit((session) => void session.set('theme', 'dark'))
      await guest.visit((session) => assert.deepEqual([session.get('cart'), session.get('theme')], [['tea'], 'dark']))
      assert.deepEqual(mismatches(events), [])
    })

    test('drops exactly the keys that do not fit, and the login and all else stays', async () => {
      const { visitor, deploy, events } = deployments()
      const guest = visitor(deploy())
      await guest.visit((session) => {
        session.set('cart', ['tea', 7]).set('visits', 'many').set('theme', 'dark').set('other', { deep: 1 })
        session.login('ada')
        session.flash('notice', 'hello')
      })
      await guest.on(deploy({ dataSchema: loose })).visit((session) => {
        assert.deepEqual([session.userId, session.keys()], ['ada', ['theme', 'other']])
        assert.equal(session.get('cart'), undefined)
        assert.deepEqual(session.flash('notice'), ['hello'])
      })
      assert.deepEqual(mismatches(events), [['dropped', 'cart', 'visits']])
    })

    test('that allows no other keys drops those', async () => {
      const { visitor, deploy, events } = deployments()
      const guest = visitor(deploy())
      await guest.visit((session) => void session.set('visits', 1).set('old', 'x'))
      await guest
        .on(deploy({ dataSchema: strict }))
        .visit((session) => assert.deepEqual([session.keys(), session.get('visits')], [['visits'], 1]))
      assert.deepEqual(mismatches(events), [['dropped', 'old']])
    })

    test('refuses to save a value that does not fit, and names its key', async () => {
      const guest = fixture({ dataSchema: loose }).visitor()
      await guest.visit((session) => void session.set('visits', 1))
      const changes: ((session: Anything) => void)[] = [
        (session) => session.set('visits', 'secret words'),
        (session) => session.update('visits', () => 'secret words'),
        (session) => session.set('cart', ['tea']).get('cart').push({ secret: 'secret words' }),
      ]
      for (const [i, change] of changes.entries()) {
        const refused = guest.visit(change)
        await assert.rejects(refused, (error: unknown) => {
          assert.ok(error instanceof DataError)
          assert.equal(error.key, i === 2 ? 'cart' : 'visits')
          assert.ok((error.cause as { issues: unknown[] }).issues.length > 0)
          // Neither what an application sends, nor what its log shows.
          assert.doesNotMatch(`${error.message} ${inspect(error)} ${JSON.stringify(error)}`, /secret words/)
          return true
        })
      }
      await guest.visit((session) => assert.deepEqual([session.get('visits'), session.keys()], [1, ['visits']]))
    })
  })

for (const engine of ENGINES)
  suite(`data that do not fit: ${engine}`, () => {
    test('are not written by a request that only reads, and gone with the next write', async () => {
      const { visitor, deploy } = deployments(engine)
      const [old, now] = [deploy(), deploy({ dataSchema: CART })]
      const guest = visitor(old)
      await guest.visit((session) => session.set('cart', { tea: 1 }).set('note', { text: 'x' }).login('ada'))
      const { cookie } = guest
      await guest.on(now).visit((session) => {
        assert.equal(session.get('cart'), undefined)
        // An object that the application may change, and does not.
        assert.deepEqual(session.get('note'), { text: 'x' })
      })
      assert.equal(guest.cookie, cookie)
      await guest.on(old).visit((session) => assert.deepEqual(session.get('cart'), { tea: 1 }))
      await guest.on(now).visit((session) => void session.set('visits', 1))
      await guest
        .on(old)
        .visit((session) => assert.deepEqual([session.userId, [...session.keys()].sort()], ['ada', ['note', 'visits']]))
    })

    test('stay stored when a request that only reads extends the session', async () => {
      for (const saveEveryRequest of [false, true]) {
        const { visitor, deploy, clock } = deployments(engine)
        const [old, now] = [deploy(), deploy({ dataSchema: CART, saveEveryRequest })]
        // A session that nothing is left of, too: without a user, it would be ended.
        for (const user of ['ada', null]) {
          const guest = visitor(old)
          await guest.visit((session) => {
            session.set('cart', { tea: 1 })
            if (user) session.set('note', { text: 'x' }).login(user)
          })
          for (let i = 0; i < 3; i++) {
            clock.advance(10 * 60_000)
            await guest.on(now).visit(async (session, request) => {
              const seen = () =>
                assert.deepEqual([session.get('cart'), session.keys()], [undefined, user ? ['note'] : []])
              seen()
              assert.deepEqual(session.get('note'), user ? { text: 'x' } : undefined)
              await request.save()
              seen()
            })
          }
          // Only so did it live on.
          clock.advance(15 * 60_000)
          await guest
            .on(old)
            .visit((session) => assert.deepEqual([session.get('cart'), session.userId], [{ tea: 1 }, user]))
        }
      }
    })

    test('do not keep a request that has extended the session from changing it afterwards', async () => {
      for (const saveEveryRequest of [false, true]) {
        const { visitor, deploy, clock } = deployments(engine)
        const [old, now] = [deploy(), deploy({ dataSchema: CART, saveEveryRequest })]
        const guest = visitor(old)
        await guest.visit((session) => session.set('cart', 'tea').set('note', { text: 'x' }).login('ada'))
        clock.advance(10 * 60_000)
        await guest.on(now).visit(async (session, request) => {
          for (let i = 1; i <= 2; i++) {
            await request.save()
            session.get('note').text += i
            session.update('visits', (visits = 0) => visits + i)
            await request.save()
          }
        })
        await guest.on(old).visit((session) => {
          assert.deepEqual([session.get('note'), session.get('visits')], [{ text: 'x12' }, 3])
          assert.deepEqual([...session.keys()].sort(), ['note', 'visits'])
        })
      }
    })
  })

suite('data that do not fit', () => {
  test('may be set again in the request that finds them', async () => {
    const { visitor, deploy } = deployments()
    const guest = visitor(deploy())
    await guest.visit((session) => void session.set('cart', 'tea'))
    guest.on(deploy({ dataSchema: CART }))
    await guest.visit((session) => void session.update('cart', (cart = []) => [...cart, 'milk']))
    await guest.visit((session) => assert.deepEqual(session.get('cart'), ['milk']))
  })

  test('are all dropped with clear, and the login, its times and messages stay', async () => {
    const { visitor, deploy, events } = deployments()
    const guest = visitor(deploy())
    await guest.visit((session) => {
      session.set('cart', 'tea').set('visits', 2).login('ada')
      session.flash('notice', 'hello')
    })
    const handle = await guest.visit((session) => session.handle)
    await guest.on(deploy({ dataSchema: { schema: CART, onMismatch: 'clear' } })).visit((session) => {
      assert.deepEqual([session.keys(), session.userId, session.handle], [[], 'ada', handle])
      assert.deepEqual(session.flash('notice'), ['hello'])
    })
    assert.deepEqual(mismatches(events), [['cleared', 'cart']])
  })

  test('reject the load with throw, and stay stored', async () => {
    const { visitor, deploy, events } = deployments()
    const old = deploy()
    const guest = visitor(old)
    await guest.visit((session) => void session.set('cart', 'secret words'))
    const refused = guest.on(deploy({ dataSchema: { schema: CART, onMismatch: 'throw' } })).visit(() => undefined)
    await assert.rejects(refused, (error: unknown) => {
      assert.ok(error instanceof DataError && error.key === 'cart')
      assert.doesNotMatch(inspect(error), /secret words/)
      return true
    })
    assert.deepEqual(mismatches(events), [['refused', 'cart']])
    await guest.on(old).visit((session) => assert.equal(session.get('cart'), 'secret words'))
  })

  test('are repaired by a function, which gets the keys, and what still does not fit is dropped', async () => {
    const { visitor, deploy, events } = deployments()
    const guest = visitor(deploy())
    await guest.visit((session) => void session.set('cart', 'tea').set('visits', '3'))
    const onMismatch = (data: Anything, keys: readonly string[]) => {
      assert.deepEqual(keys, ['cart', 'visits'])
      return { ...data, cart: [data.cart] }
    }
    guest.on(deploy({ dataSchema: { schema: CART, onMismatch } }))
    await guest.visit((session) => assert.deepEqual([session.keys(), session.get('cart')], [['cart'], ['tea']]))
    assert.deepEqual(mismatches(events), [
      ['repaired', 'cart', 'visits'],
      ['dropped', 'visits'],
    ])
  })

  test('are told of once for each copy that is remembered, and checked once', async () => {
    let checks = 0
    const counted = z.custom<Anything>(() => {
      checks += 1
      return true
    })
    const { visitor, deploy, events } = deployments()
    const guest = visitor(deploy())
    await guest.visit((session) => void session.set('cart', ['tea']).set('visits', 'x'))
    const schema = z.object({ cart: counted, visits: z.number() })
    guest.on(deploy({ dataSchema: schema }))
    await guest.visit(() => undefined)
    const before = checks
    assert.ok(before > 0)
    for (let i = 0; i < 3; i++) await guest.visit((session) => assert.deepEqual(session.keys(), ['cart']))
    assert.equal(checks, before)
    assert.deepEqual(mismatches(events), [['dropped', 'visits']])
  })

  test('cause one warning without their values where nobody listens', async (t) => {
    const warnings: string[] = []
    t.mock.method(process, 'emitWarning', (message: string, { code }: { code: string }) =>
      warnings.push(`${code} ${message}`),
    )
    const store = memory()
    const options = { secrets: secret('a'), store }
    const old = createSessions<Anything>(options)
    const now = createSessions<Anything>({ ...options, memo: false, dataSchema: CART })
    const guest = visitor<Anything>(old)
    await guest.visit((session) => void session.set('cart', 'secret words'))
    const later = visitor<Anything>(now, undefined, guest.cookie)
    for (let i = 0; i < 2; i++) await later.visit((session) => assert.equal(session.has('cart'), false))
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /^STRONGROOM_DATA_SCHEMA .*'cart'/)
    assert.doesNotMatch(warnings[0] ?? '', /secret words/)
  })
})

suite('a schema that finds one mistake at a time', () => {
  const FOUND: StandardSchemaV1<Anything> = z.looseObject({}).superRefine((data, context) => {
    const key = Object.keys(data).find((name) => name.startsWith('bad'))
    if (key) context.addIssue({ code: 'custom', path: [key], message: 'bad' })
  })
  const bad = (count: number) => Array.from({ length: count }, (_, i) => `bad${i}`)

  test('is asked ten times at most, and then no key that is left counts as one that fits', async () => {
    for (const [count, outcome] of [
      [9, ['good']],
      [10, []],
      [500, []],
    ] as const) {
      let asked = 0
      const validate: (typeof FOUND)['~standard']['validate'] = (data) => {
        asked += 1
        return FOUND['~standard'].validate(data)
      }
      const schema = { '~standard': { ...FOUND['~standard'], validate } }
      const { visitor, deploy, events } = deployments()
      const guest = visitor(deploy())
      await guest.visit((session) => {
        for (const key of ['good', ...bad(count)]) session.set(key, 1)
        session.login('ada')
      })
      const now = deploy({ dataSchema: schema })
      asked = 0
      await guest
        .on(now)
        .visit((session) => assert.deepEqual([session.keys(), session.userId], [outcome, 'ada'], `${count}`))
      assert.equal(asked, 10)
      assert.equal(mismatches(events)[0]?.length, 1 + count + (outcome.length === 0 ? 1 : 0))
    }
  })

  test('causes a warning with ten names at most, and the number of the others', async (t) => {
    const warnings: string[] = []
    t.mock.method(process, 'emitWarning', (message: string) => warnings.push(message))
    const options = { secrets: secret('a'), store: memory() }
    const guest = visitor<Anything>(createSessions<Anything>(options))
    await guest.visit((session) => {
      for (const key of bad(500)) session.set(key, 1)
    })
    const now = createSessions<Anything>({ ...options, dataSchema: FOUND })
    await visitor<Anything>(now, undefined, guest.cookie).visit((session) => assert.deepEqual(session.keys(), []))
    assert.match(warnings[0] ?? '', /: 'bad0', .*'bad9', and 490 more\./)
    assert.doesNotMatch(warnings[0] ?? '', /bad10/)
  })
})

suite('a rule about several keys', () => {
  const RANGE = z
    .object({ from: z.number().optional(), to: z.number().optional() })
    .refine(({ from = 0, to = from }) => from <= to)
  const option: DataSchemaOption<Anything> = RANGE

  test('is asked when all of them were set, and not in between', async () => {
    const guest = fixture({ dataSchema: option }).visitor()
    await guest.visit((session) => void session.set('from', 1).set('to', 3))
    await guest.visit((session) => void session.set('from', 5).set('to', 7))
    await assert.rejects(
      guest.visit((session) => void session.set('from', 9)),
      DataError,
    )
    await guest.visit((session) => assert.deepEqual([session.get('from'), session.get('to')], [5, 7]))
  })

  test('drops all keys of stored data that break it, as the schema names none', async () => {
    const { visitor, deploy } = deployments()
    const guest = visitor(deploy())
    await guest.visit((session) => session.set('from', 9).set('to', 1).login('ada'))
    await guest
      .on(deploy({ dataSchema: option }))
      .visit((session) => assert.deepEqual([session.keys(), session.userId], [[], 'ada']))
  })
})

suite('what the schema makes of values', () => {
  test('is not applied: the value stays as it was set, however often it is loaded', async () => {
    const trimmed = z.object({ name: z.string().trim().default('nobody'), since: z.string().transform((s) => `${s}!`) })
    const guest = fixture({ dataSchema: trimmed }).visitor()
    await guest.visit((session) => void session.set('name', ' Ada ').set('since', '1843'))
    for (let i = 0; i < 3; i++)
      await guest.visit((session) => {
        assert.deepEqual([session.get('name'), session.get('since')], [' Ada ', '1843'])
        session.set('count', i)
      })
  })

  test('is asked about the values of the application where there is a serializer', async () => {
    const serializer = {
      toJson: (value: unknown) => (value instanceof Date ? { date: value.toISOString() } : { json: value }),
      fromJson: (given: unknown) => {
        const { date, json } = given as { date?: string; json?: unknown }
        if (date === undefined && json === undefined) throw new TypeError('neither')
        return date === undefined ? json : new Date(date)
      },
    }
    const { visitor, deploy, events } = deployments()
    const [plain, old] = [deploy(), deploy({ serializer })]
    const now = deploy({ serializer, dataSchema: z.object({ since: z.date(), visits: z.number(), odd: z.string() }) })
    const guest = visitor(old)
    await guest.visit((session) => void session.set('since', new Date(0)).set('visits', new Date(1)))
    await guest.on(plain).visit((session) => void session.set('odd', { neither: 1 }))
    await guest
      .on(now)
      .visit((session) => assert.deepEqual([session.keys(), session.get('since')], [['since'], new Date(0)]))
    assert.deepEqual(mismatches(events), [['dropped', 'odd', 'visits']])
    await guest.visit((session) => void session.get('since')?.setUTCFullYear(2000))
    await guest.visit((session) => assert.equal(session.get('since')?.getUTCFullYear(), 2000))
    await assert.rejects(
      guest.visit((session) => void session.set('since', 'yesterday')),
      { key: 'since' },
    )
  })
})

suite('a dataSchema that cannot work', () => {
  const refused = (option: unknown, message: RegExp) =>
    assert.throws(
      () =>
        createSessions({ secrets: secret('a'), store: 'memory:', dataSchema: option as DataSchemaOption<Anything> }),
      (error: unknown) => error instanceof ConfigError && message.test(error.message),
    )

  test('is refused when sessions are created', () => {
    refused({ cart: [] }, /Unknown option "cart" for dataSchema/)
    refused({ schema: {} }, /Standard Schema/)
    refused(null, /dataSchema takes its options as an object/)
    refused(z.string(), /every session begins like that/)
    refused(z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]), /every session begins like that/)
    refused(v.objectAsync({ a: v.string() }), /must not be asynchronous/)
    refused({ schema: CART, onMismatch: 'ignore' }, /onMismatch/)
    refused({ schema: CART, version: 0 }, /version/)
    refused({ schema: CART, version: 3, upgrades: { 1: () => ({}) } }, /step by step/)
    refused({ schema: CART, version: 3, upgrades: { 1: () => ({}), 3: () => ({}) } }, /step by step/)
    refused({ schema: CART, version: 2, upgrades: { 1: 'x' } }, /a function under each version/)
    refused({ schema: CART, version: 2, upgrades: [() => ({})] }, /upgrades must be an object/)
    refused({ schema: CART, upgrade: () => ({}) }, /Did you mean "upgrades"/)
    for (const option of ['x', true, 5, false, '']) refused(option, /dataSchema takes its options as an object/)
    refused({ rules: () => ({}) }, /Unknown option "rules" for dataSchema/)
  })

  test('because a part of it is asynchronous throws at the first value that this part is asked about', async () => {
    const schema = z.object({ name: z.string().refine(async () => true) })
    const guest = fixture({ dataSchema: schema }).visitor()
    await assert.rejects(
      guest.visit((session) => void session.set('name', 'Ada')),
      (error: unknown) => error instanceof ConfigError && /must not be asynchronous/.test(error.message),
    )
  })

  test('because what it returns is no result of Standard Schema throws, and nothing is saved unchecked', async () => {
    const own = (make: () => unknown) => {
      const validate = (data: unknown) => (Object.keys(data as object).length > 0 ? make() : { value: {} }) as never
      return { '~standard': { version: 1, vendor: 'own', validate } } as StandardSchemaV1<Anything>
    }
    const thenable = { [`${'then'}`]: (resolve: (result: unknown) => void) => resolve({ issues: [{ message: 'no' }] }) }
    const wrong: [make: () => unknown, message: RegExp][] = [
      [() => thenable, /must not be asynchronous/],
      [() => undefined, /no result of Standard Schema/],
      [() => null, /no result of Standard Schema/],
      [() => true, /no result of Standard Schema/],
      [() => ({ issues: 'secret words' }), /no result of Standard Schema/],
      [() => ({ issues: [null] }), /no result of Standard Schema/],
    ]
    for (const [make, message] of wrong) {
      const guest = fixture({ dataSchema: own(make) }).visitor()
      await assert.rejects(
        guest.visit((session) => void session.set('name', 'Ada')),
        (error: unknown) => error instanceof ConfigError && message.test(error.message),
      )
      await guest.visit((session) => assert.equal(session.isNew, true))
    }
  })

  test('because an issue of it names a symbol refuses all of the data', async () => {
    for (const path of [[Symbol('name')], [{ key: Symbol('name') }]]) {
      const validate = (data: unknown) =>
        Object.keys(data as object).length > 0 ? { issues: [{ message: 'no', path }] } : { value: {} }
      const dataSchema: StandardSchemaV1<Anything> = { '~standard': { version: 1, vendor: 'own', validate } }
      const guest = fixture({ dataSchema }).visitor()
      await assert.rejects(
        guest.visit((session) => void session.set('name', 'Ada')),
        { name: 'DataError', key: 'name' },
      )
    }
  })

  test('because it throws says so, with its error as the cause', async () => {
    const cause = new Error('own')
    const validate = (data: unknown) => {
      if (Object.keys(data as object).length > 0) throw cause
      return { value: {} }
    }
    const dataSchema: StandardSchemaV1<Anything> = { '~standard': { version: 1, vendor: 'own', validate } }
    const guest = fixture({ dataSchema }).visitor()
    await assert.rejects(
      guest.visit((session) => void session.set('name', 'Ada')),
      { name: 'DataError', cause },
    )
  })
})

test('a schema of a library may have a key "rules" of its own', async () => {
  for (const rules of [[], () => ({})]) {
    const { visitor, deploy } = deployments()
    const guest = visitor(deploy())
    await guest.visit((session) => void session.set('cart', 'tea'))
    const schema: StandardSchemaV1<Anything> = { '~standard': CART['~standard'], ...{ rules } }
    await guest.on(deploy({ dataSchema: schema })).visit((session) => assert.deepEqual(session.keys(), []))
  }
})

test('what dataSchema() makes is the same option', async () => {
  const { visitor, deploy, events } = deployments()
  const guest = visitor(deploy())
  await guest.visit((session) => void session.set('cart', 'tea'))
  const schema: StandardSchemaV1<Anything> = CART
  for (const option of [dataSchema(schema), dataSchema({ schema, onMismatch: 'clear' })])
    await guest
      .on(deploy({ dataSchema: option as DataSchemaOption<Anything> }))
      .visit((session) => assert.deepEqual(session.keys(), []))
  assert.deepEqual(mismatches(events), [
    ['dropped', 'cart'],
    ['cleared', 'cart'],
  ])
})
