import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { DataError, ReadOnlyError } from '../../packages/strongroom/src/errors.ts'
import { stateOf } from '../../packages/strongroom/src/session/session.ts'
import { deployments, ENGINES, type Guest } from './fixtures/deployments.ts'
import type { Anything } from './fixtures/fixture.ts'
import { interrupt, race } from './fixtures/gates.ts'
import { OLD, setUp, visit } from './fixtures/other-framework.ts'

/** Version 1 has a list of names, version 2 counts them, and version 3 has a list of lines. */
const ONE = z.object({ cart: z.array(z.string()), note: z.string(), visits: z.number() })
const TWO = z.object({ cart: z.record(z.string(), z.number()), note: z.string(), visits: z.number() })
const LINE = z.object({ name: z.string(), count: z.number() })
const THREE = z.object({ cart: z.array(LINE), note: z.string(), visits: z.number() })

const upgrades = {
  1: ({ cart, ...data }: Anything) => (cart ? { ...data, cart: counted(cart) } : data),
  2: ({ cart, ...data }: Anything) => (cart ? { ...data, cart: lines(cart) } : data),
}

function counted(cart: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of cart) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const lines = (counts: Record<string, number>) => Object.entries(counts).map(([name, count]) => ({ name, count }))

const [first, second, third] = [
  { dataSchema: ONE },
  { dataSchema: { schema: TWO, version: 2, upgrades: { 1: upgrades[1] } } },
  { dataSchema: { schema: THREE, version: 3, upgrades } },
]

const versionsOf = (made: ReturnType<typeof deployments>) =>
  made.events.flatMap((event) => (event.type === 'upgraded' ? [[event.from, event.to]] : []))

const cartOf = (guest: Guest) => guest.visit((session) => session.get('cart'))

for (const engine of ENGINES)
  suite(`data of an older version: ${engine}`, () => {
    test('are upgraded step by step when they are loaded, and saved with the next write', async () => {
      const made = deployments(engine)
      const [v1, v3] = [made.deploy(first), made.deploy(third)]
      const guest = made.visitor(v1)
      await guest.visit((session) => session.set('cart', ['tea', 'milk', 'tea']).login('ada'))
      const { cookie } = guest
      guest.on(v3)
      const expected = [
        { name: 'tea', count: 2 },
        { name: 'milk', count: 1 },
      ]
      // Reads, even of an object that could be changed in place, write nothing.
      for (let i = 0; i < 2; i++) assert.deepEqual(await cartOf(guest), expected)
      assert.equal(guest.cookie, cookie)
      assert.deepEqual(await cartOf(guest.on(v1)), ['tea', 'milk', 'tea'])
      await guest.on(v3).visit((session) => void session.get('cart')?.push({ name: 'jam', count: 1 }))
      made.events.length = 0
      assert.deepEqual(await cartOf(guest), [...expected, { name: 'jam', count: 1 }])
      assert.equal(await guest.visit((session) => session.userId), 'ada')
      assert.deepEqual(versionsOf(made), [])
    })

    test('are upgraded from the version that they have, and messages stay', async () => {
      const made = deployments(engine)
      const guest = made.visitor(made.deploy(second))
      await guest.visit((session) => {
        session.set('cart', { tea: 2 })
        session.flash('notice', 'hello')
      })
      guest.on(made.deploy(third))
      await guest.visit((session) => {
        assert.deepEqual([session.keys(), session.get('cart')], [['cart'], [{ name: 'tea', count: 2 }]])
        assert.deepEqual(session.flash('notice'), ['hello'])
      })
      assert.deepEqual(versionsOf(made), [[2, 3]])
      assert.deepEqual(await cartOf(guest), [{ name: 'tea', count: 2 }])
    })

    test('can be changed by the older version after the newer one has only read them', async () => {
      for (const saveEveryRequest of [false, true]) {
        const made = deployments(engine)
        const [v1, v2] = [made.deploy(first), made.deploy({ ...second, saveEveryRequest })]
        const guest = made.visitor(v1)
        await guest.visit((session) => session.set('cart', ['tea']).login('ada'))
        for (let i = 0; i < 2; i++) {
          made.clock.advance(10 * 60_000)
          assert.deepEqual(await cartOf(guest.on(v2)), { tea: 1 })
        }
        await guest.on(v1).visit((session) => void session.update('cart', (cart = []) => [...cart, 'milk']))
        assert.deepEqual(await cartOf(guest), ['tea', 'milk'])
        assert.deepEqual(await cartOf(guest.on(v2)), { tea: 1, milk: 1 })
      }
    })

    test('are upgraded for good at a login and a renewal', async () => {
      const made = deployments(engine)
      const [v1, v2] = [made.deploy(first), made.deploy(second)]
      for (const write of ['login', 'renew'] as const) {
        const guest = made.visitor(v1)
        await guest.visit((session) => session.set('cart', ['tea']).login('ada'))
        await guest.on(v2).visit((session) => {
          if (write === 'login') session.login('ada')
          if (write === 'renew') session.renew()
        })
        made.events.length = 0
        assert.deepEqual(await cartOf(guest), { tea: 1 }, write)
        assert.deepEqual(versionsOf(made), [], write)
      }
    })
  })

suite('data of a newer version, during a rolling deploy', () => {
  for (const engine of ENGINES) {
    test(`can be read as far as they fit, and not be changed: ${engine}`, async () => {
      const made = deployments(engine)
      const [v1, v2] = [made.deploy(first), made.deploy(second)]
      const guest = made.visitor(v2)
      await guest.visit((session) => session.set('cart', { tea: 1 }).set('note', 'x').login('ada'))
      guest.on(v1)
      await guest.visit((session) =>
        assert.deepEqual([session.keys(), session.get('cart'), session.userId], [['note'], undefined, 'ada']),
      )
      const changes: ((session: Anything) => void)[] = [
        (session) => session.set('cart', ['milk']),
        (session) => session.set('note', 'y'),
        (session) => session.delete('note'),
        (session) => session.update('visits', () => 1),
        // Hidden here, and there all the same.
        (session) => session.delete('cart'),
        (session) => session.pull('cart'),
        (session) => session.login('eve', { keep: ['note'] }) ?? session.set('note', 'y'),
        (session) => session.login('eve', { keep: ['note', 'cart'] }) ?? session.delete('cart'),
        (session) => session.login('eve', { keep: ['cart'] }) ?? session.set('visits', 1),
      ]
      for (const change of changes)
        await assert.rejects(guest.visit(change), (error: unknown) => {
          assert.ok(error instanceof ReadOnlyError)
          assert.equal(error.status, 503)
          return true
        })
      await guest.on(v2).visit((session) => {
        assert.deepEqual([session.get('cart'), session.get('note'), session.keys().length], [{ tea: 1 }, 'x', 2])
      })
    })

    test(`stay as they are when the older version saves messages, logins and renewals: ${engine}`, async () => {
      const made = deployments(engine)
      const [v1, v2] = [made.deploy(first), made.deploy(second)]
      const guest = made.visitor(v2)
      await guest.visit((session) => void session.set('cart', { tea: 1 }).set('note', 'x'))
      guest.on(v1)
      await guest.visit((session) => void session.flash('notice', 'hello'))
      await guest.visit((session) => session.login('ada'))
      await guest.visit((session) => session.renew())
      await guest.visit((session) => session.setExpiry('1h'))
      await guest.visit((session) => assert.deepEqual(session.keys(), ['note']))
      made.events.length = 0
      await guest.on(v2).visit((session) => {
        assert.deepEqual([session.get('cart'), session.get('note'), session.userId], [{ tea: 1 }, 'x', 'ada'])
        assert.deepEqual([session.keys().sort(), session.flash('notice')], [['cart', 'note'], ['hello']])
      })
      assert.deepEqual(versionsOf(made), [])
      assert.deepEqual(await cartOf(guest), { tea: 1 })
    })

    test(`are kept by a login of the older version that names them, hidden or not, and no others: ${engine}`, async () => {
      for (const keep of [['cart'], ['note'], ['note', 'cart', 'missing'], ['missing'], []]) {
        for (const again of [false, true]) {
          const made = deployments(engine)
          const [v1, v2] = [made.deploy(first), made.deploy(second)]
          const guest = made.visitor(v2)
          await guest.visit((session) => {
            session.set('cart', { tea: 1 }).set('note', 'x').set('visits', 1)
            session.flash('notice', 'hello')
          })
          await guest.on(v1).visit((session) => {
            session.login('eve', { keep })
            if (again) session.login('ada', { keep })
            assert.deepEqual(session.keys(), keep.includes('note') ? ['note'] : [])
          })
          made.events.length = 0
          await guest.on(v2).visit((session) => {
            const seen = [session.userId, session.get('cart'), session.get('note'), session.get('visits')]
            const cart = keep.includes('cart') ? { tea: 1 } : undefined
            assert.deepEqual(seen, [again ? 'ada' : 'eve', cart, keep.includes('note') ? 'x' : undefined, undefined])
          })
          assert.deepEqual(versionsOf(made), [])
        }
      }
    })

    test(`are gone after a login of the older version that keeps none of them, which may then set its own: ${engine}`, async () => {
      for (const keep of ['none', ['missing']] as const) {
        const made = deployments(engine)
        const [v1, v2] = [made.deploy(first), made.deploy(second)]
        const guest = made.visitor(v2)
        await guest.visit((session) => void session.set('cart', { tea: 1 }).set('note', 'x'))
        await guest.on(v1).visit((session) => {
          session.login('eve', { keep })
          session.set('cart', ['milk'])
        })
        await guest
          .on(v2)
          .visit((session) => assert.deepEqual([session.keys(), session.get('cart')], [['cart'], { milk: 1 }]))
      }
    })

    test(`give way to those of the older version after clear, a logout, or a login of another user: ${engine}`, async () => {
      const made = deployments(engine)
      const [v1, v2] = [made.deploy(first), made.deploy(second)]
      const starts: ((session: Anything) => void)[] = [
        (session) => session.clear(),
        (session) => session.logout(),
        (session) => session.login('eve'),
      ]
      for (const start of starts) {
        const guest = made.visitor(v2)
        await guest.visit((session) => session.set('cart', { tea: 1 }).login('ada'))
        await guest.on(v1).visit((session) => {
          start(session)
          session.set('cart', ['milk'])
        })
        assert.deepEqual(await cartOf(guest), ['milk'])
        assert.deepEqual(await cartOf(guest.on(v2)), { milk: 1 })
      }
    })
  }

  test('are not changed by a request of the older version that had loaded the older data', async () => {
    const made = deployments()
    const [v1, v2] = [made.deploy(first), made.deploy(second)]
    const slow = made.visitor(v1)
    await slow.visit((session) => void session.set('cart', ['tea']))
    const begun = slow.begin()
    const session = await begun.session()
    session.set('cart', ['milk'])
    const quick = made.visitor(v2)
    quick.cookie = slow.cookie
    await quick.visit((other) => void other.set('note', 'x'))
    await assert.rejects(begun.respond(), ReadOnlyError)
    await quick.visit((other) => assert.deepEqual([other.get('cart'), other.get('note')], [{ tea: 1 }, 'x']))
  })

  test('do not make a login of the older version fail at whatever point they are saved', async () => {
    const logins: ((session: Anything) => void)[] = [
      (session) => session.login('eve', { keep: ['cart', 'note'] }),
      (session) => session.login('eve', { keep: 'none' }),
      (session) => session.login('eve'),
    ]
    for (const login of logins)
      for (const before of [first, second])
        for (let at = 0, reached = true; reached; at++) {
          const made = deployments()
          const [v1, v2] = [made.deploy(first), made.deploy(second)]
          const [slow, quick] = [made.visitor(made.deploy(before)), made.visitor(v2)]
          await slow.visit(
            (session) => void session.set('cart', before === first ? ['tea'] : { tea: 1 }).set('note', 'x'),
          )
          quick.cookie = slow.cookie
          const run = await interrupt(
            made.gates,
            () => slow.on(v1).visit(login),
            () => quick.visit((session) => void session.set('note', 'y')).catch(() => undefined),
            at,
          )
          reached = run.reached
          assert.equal(run.result.status, 'fulfilled', `${at}`)
          await slow.on(v2).visit((session) => {
            assert.equal(session.userId, 'eve')
            assert.deepEqual(session.get('cart'), login === logins[1] ? undefined : { tea: 1 }, `${at}`)
          })
        }
  })

  test('are not changed by the older version at any point of a save that it interrupts', async () => {
    for (let at = 0, reached = true; reached; at++) {
      const made = deployments()
      const [v1, v2] = [made.deploy(first), made.deploy(second)]
      const [slow, quick] = [made.visitor(v1), made.visitor(v2)]
      await slow.visit((session) => void session.set('cart', ['tea']))
      quick.cookie = slow.cookie
      const run = await interrupt(
        made.gates,
        () => slow.visit((session) => void session.update('visits', (n = 0) => n + 1)),
        () => quick.visit((session) => void session.update('cart', (cart: Anything) => ({ ...cart, jam: 1 }))),
        at,
      )
      reached = run.reached
      const saved = run.result.status === 'fulfilled'
      if (!saved) assert.ok((run.result as PromiseRejectedResult).reason instanceof ReadOnlyError, `${at}`)
      await quick.visit((session) => {
        assert.deepEqual(session.get('cart'), reached ? { tea: 1, jam: 1 } : { tea: 1 }, `${at}`)
        assert.equal(session.get('visits'), saved ? 1 : undefined, `${at}`)
      })
    }
  })
})

suite('upgrades', () => {
  test('are not saved by a request that only reads, and that another one of the older version overtakes', async () => {
    const made = deployments()
    const [v1, v2] = [made.deploy(first), made.deploy({ ...second, saveEveryRequest: true })]
    const slow = made.visitor(v1)
    await slow.visit((session) => void session.set('cart', ['tea']))
    const begun = slow.on(v2).begin()
    const session = await begun.session()
    const quick = made.visitor(v1)
    quick.cookie = slow.cookie
    await quick.visit((other) => void other.set('cart', ['tea', 'milk']))
    await begun.save()
    assert.deepEqual(session.get('cart'), { tea: 1, milk: 1 })
    await begun.respond()
    assert.deepEqual(await cartOf(quick), ['tea', 'milk'])
  })

  test('are run on what an older server has saved while a request of the newer version was under way', async () => {
    const made = deployments()
    const [v1, v2] = [made.deploy(first), made.deploy(second)]
    const slow = made.visitor(v1)
    await slow.visit((session) => void session.set('cart', ['tea']))
    const begun = slow.on(v2).begin()
    const session = await begun.session()
    session.update('cart', (cart: Anything) => ({ ...cart, jam: 1 }))
    const quick = made.visitor(v1)
    quick.cookie = slow.cookie
    await quick.visit((other) => void other.set('cart', ['tea', 'tea']))
    await begun.respond()
    assert.deepEqual(await cartOf(slow), { tea: 2, jam: 1 })
  })

  test('of two processes at the same time lose no change of either', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(1000)), fc.constantFrom(second, third), async (choices, settings) => {
        const made = deployments()
        const guest = made.visitor(made.deploy(first))
        await guest.visit((session) => void session.set('cart', ['tea']).set('visits', 0))
        const tasks = [0, 1, 2].map((i) => async () => {
          const own = made.visitor(made.deploy(settings))
          own.cookie = guest.cookie
          await own.visit((session) => {
            session.update('visits', (n) => n + 1)
            session.set(`k${i}`, i)
          })
        })
        const results = await race(made.gates, tasks, (count) => choices.next().value % count)
        assert.deepEqual(
          results.map(({ status }) => status),
          ['fulfilled', 'fulfilled', 'fulfilled'],
        )
        await guest.on(made.deploy(settings)).visit((session) => {
          assert.deepEqual([session.get('visits'), session.keys().length], [3, 5])
          assert.deepEqual(session.get('cart'), settings === second ? { tea: 1 } : [{ name: 'tea', count: 1 }])
        })
      }),
      { numRuns: 40 },
    )
  })

  test('of whatever steps and versions give what the functions give one after another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), async (from, to) => {
        fc.pre(from <= to)
        const schema = z.object({ path: z.string() })
        const at = (version: number) => ({
          dataSchema: {
            schema,
            version,
            upgrades: Object.fromEntries(
              Array.from({ length: version - 1 }, (_, i) => [
                i + 1,
                ({ path }: Anything) => ({ path: `${path}${i + 1}` }),
              ]),
            ),
          },
        })
        const made = deployments()
        const guest = made.visitor(made.deploy(at(from)))
        await guest.visit((session) => void session.set('path', ''))
        guest.on(made.deploy(at(to)))
        const steps = Array.from({ length: to - from }, (_, i) => from + i).join('')
        await guest.visit((session) => {
          assert.equal(session.get('path'), steps)
          session.set('other', 1)
        })
        await guest.visit((session) => assert.equal(session.get('path'), steps))
      }),
    )
  })

  test('may change what they are given in place, and run once for each copy that is remembered', async () => {
    let runs = 0
    const change = (data: Anything) => {
      runs += 1
      data.cart.push('jam')
      if (runs === 1) throw new RangeError('after the change')
      return data
    }
    const made = deployments()
    const guest = made.visitor(made.deploy(first))
    await guest.visit((session) => void session.set('cart', ['tea']))
    guest.on(made.deploy({ dataSchema: { schema: ONE, version: 2, upgrades: { 1: change } } }))
    await assert.rejects(cartOf(guest), DataError)
    for (let i = 0; i < 3; i++) assert.deepEqual(await cartOf(guest), ['tea', 'jam'])
    assert.equal(runs, 2)
  })

  test('that fail, or return what cannot be stored, fail the load, and the session stays as it was', async () => {
    const broken: Record<string, (data: Anything) => unknown> = {
      throws: () => {
        throw new RangeError('own')
      },
      promise: async (data) => data,
      nothing: () => undefined,
      list: () => [],
      date: () => ({ at: new Date() }),
      reserved: (data) => ({ ...data, '~v': 7 }),
    }
    for (const [name, upgrade] of Object.entries(broken)) {
      const made = deployments()
      const old = made.deploy(first)
      const guest = made.visitor(old)
      await guest.visit((session) => void session.set('cart', ['tea']))
      const now = made.deploy({ dataSchema: { schema: ONE, version: 2, upgrades: { 1: upgrade as never } } })
      await assert.rejects(cartOf(guest.on(now)), (error: unknown) => error instanceof DataError && !!error.cause, name)
      assert.deepEqual(await cartOf(guest.on(old)), ['tea'], name)
    }
  })

  test('are not needed for versions that nobody has any more, whose data are checked as they are', async () => {
    const made = deployments()
    const guest = made.visitor(made.deploy(first))
    await guest.visit((session) => void session.set('cart', ['tea']).set('note', 'x'))
    guest.on(made.deploy({ dataSchema: { schema: THREE, version: 3, upgrades: { 2: upgrades[2] } } }))
    await guest.visit((session) => assert.deepEqual(session.keys(), ['note']))
    assert.deepEqual(versionsOf(made), [])
  })

  test('are not run for sessions that have no data yet', async () => {
    const made = deployments()
    const guest = made.visitor(made.deploy(first))
    await guest.visit((session) => session.login('ada'))
    guest.on(made.deploy({ dataSchema: { schema: TWO, version: 2, upgrades: { 1: () => assert.fail('was run') } } }))
    await guest.visit((session) => void session.set('cart', { tea: 1 }))
    assert.deepEqual(await cartOf(guest), { tea: 1 })
  })
})

suite('a version', () => {
  test('of 1 is not stored, so that nothing changes for sessions without versions', async () => {
    const made = deployments()
    const texts: string[] = []
    for (const settings of [{}, first]) {
      const sessions = made.deploy(settings)
      const guest = made.visitor(sessions)
      await guest.visit((session) => void session.set('note', 'x'))
      texts.push(await guest.visit((session) => stateOf(session).base))
    }
    assert.deepEqual(texts, ['{"note":"x"}', '{"note":"x"}'])
  })

  test('alone is no data: an anonymous session whose last key is deleted is not kept', async () => {
    const made = deployments()
    const guest = made.visitor(made.deploy(second))
    await guest.visit((session) => void session.set('note', 'x'))
    await guest.visit((session) => {
      session.delete('note')
      assert.deepEqual([session.isEmpty(), session.keys()], [true, []])
    })
    await guest.visit((session) => assert.equal(session.isNew, true))
    const other = made.visitor(made.deploy(second))
    await other.visit((session) => void session.set('note', 'x').delete('note'))
    assert.equal(other.cookie, null)
  })

  test('stays with the data that a login keeps in a deployment that does not have the option', async () => {
    const made = deployments()
    const [v1, v2, none] = [made.deploy(first), made.deploy(second), made.deploy()]
    const guest = made.visitor(v2)
    await guest.visit((session) => void session.set('cart', { tea: 1 }).set('note', 'x'))
    // It hides the cart.
    await guest.on(v1).visit((session) => void session.flash('notice', 'hello'))
    await guest.on(none).visit((session) => session.login('ada', { keep: ['cart'] }))
    made.events.length = 0
    await guest
      .on(v2)
      .visit((session) => assert.deepEqual([session.keys(), session.get('cart')], [['cart'], { tea: 1 }]))
    assert.deepEqual(versionsOf(made), [])
    await guest.on(v1).visit((session) => void session.flash('notice', 'hello'))
    await guest.on(none).visit((session) => session.delete('cart'))
    await guest.on(v2).visit((session) => assert.deepEqual(session.keys(), []))
  })

  test('is that of the newer data, too, for what a deployment without the option writes over them', async () => {
    const made = deployments()
    const [v2, none] = [made.deploy(second), made.deploy()]
    const guest = made.visitor(v2)
    await guest.visit((session) => void session.set('cart', { tea: 1 }).set('note', 'x'))
    await guest.on(none).visit((session) => void session.set('cart', ['milk']))
    made.events.length = 0
    await guest.on(v2).visit((session) => assert.deepEqual(session.keys(), ['note']))
    assert.deepEqual(versionsOf(made), [])
  })

  test('stays with the data in a deployment that does not have the option', async () => {
    const made = deployments()
    const [v2, none] = [made.deploy(second), made.deploy()]
    const guest = made.visitor(v2)
    await guest.visit((session) => void session.set('cart', { tea: 1 }))
    await guest.on(none).visit((session) => {
      session.set('note', 'x')
      session.login('ada')
      assert.deepEqual(session.keys(), ['cart', 'note'])
    })
    made.events.length = 0
    assert.deepEqual(await cartOf(guest.on(v2)), { tea: 1 })
    assert.deepEqual(versionsOf(made), [])
  })
})

suite('a session of another framework', () => {
  test('is upgraded from version 1 and checked when it is adopted, and its login stays', async () => {
    const schema = z.object({ cart: z.record(z.string(), z.number()), basket: z.never().optional() })
    const upgrade = ({ basket, ...data }: Anything) => ({ ...data, cart: counted(basket) })
    const dataSchema = { schema, version: 2, upgrades: { 1: upgrade } }
    const { make, events } = setUp({ options: { dataSchema } as object })
    const first = await visit(make(), OLD, (session) => [session.userId, session.keys(), session.get('cart')])
    assert.deepEqual(first.result, ['ada', ['cart'], { tea: 1 }])
    const next = await visit(make(), String(first.cookie), (session) => {
      session.set('cart', { ...(session.get('cart') as object), milk: 1 })
    })
    events.length = 0
    const cart = await visit(make(), next.cookie ?? String(first.cookie), (session) => session.get('cart'))
    assert.deepEqual(cart.result, { tea: 1, milk: 1 })
    assert.deepEqual(
      events.filter(({ type }) => type === 'upgraded' || type === 'mismatch'),
      [],
    )
  })
})

suite('a session that is loaded again', () => {
  test('with fresh is checked and upgraded as at first', async () => {
    const made = deployments()
    const [v1, v2] = [made.deploy(first), made.deploy(second)]
    const guest = made.visitor(v1)
    await guest.visit((session) => void session.set('cart', ['tea']))
    const cookie = guest.cookie ?? ''
    await guest.on(v2).visit(async (session, { request }) => {
      const before = made.visitor(v1)
      before.cookie = cookie
      await before.visit((other) => void other.set('cart', ['tea', 'tea']))
      assert.equal(await v2.get(request, { fresh: true }), session)
      assert.deepEqual(session.get('cart'), { tea: 2 })
    })
  })

  test('by a second save in one request has the version still', async () => {
    const made = deployments()
    const guest = made.visitor(made.deploy(first))
    await guest.visit((session) => void session.set('cart', ['tea']))
    await guest.on(made.deploy(second)).visit(async (session, { save }) => {
      session.set('note', 'x')
      await save()
      session.update('cart', (cart: Anything) => ({ ...cart, milk: 1 }))
      await save()
      session.clear()
      session.set('cart', { jam: 1 })
    })
    made.events.length = 0
    assert.deepEqual(await cartOf(guest), { jam: 1 })
    assert.deepEqual(versionsOf(made), [])
  })
})
