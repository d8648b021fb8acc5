import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { ConfigError, DataError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { KeepData } from '../../packages/strongroom/src/index.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { type Anything, fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

type Basket = { [item: string]: number }

/** The basket joins those of the user that the database has; all else of the visitor goes. */
const basketOnly: KeepData = ({ basket }) => ({ basket })

async function dataOf(guest: ReturnType<ReturnType<typeof fixture>['visitor']>) {
  return guest.visit((session) => Object.fromEntries(session.keys().map((key) => [key, session.get(key)])))
}

describe('the option keep', () => {
  const data = { basket: { tea: 1 }, csrf: 'known to somebody else', theme: 'dark' }
  const policies: [name: string, keep: 'all' | 'none' | string[] | KeepData | undefined, kept: object][] = [
    ['by default', undefined, data],
    ['all', 'all', data],
    ['none', 'none', {}],
    ['some keys', ['basket', 'missing'], { basket: { tea: 1 } }],
    ['a function', basketOnly, { basket: { tea: 1 } }],
    [
      'a function that adds',
      (data) => ({ ...data, csrf: undefined, joined: true }),
      { ...data, csrf: undefined, joined: true },
    ],
  ]
  for (const [name, keep, kept] of policies)
    it(`decides what a login takes of the data of an anonymous visitor: ${name}`, async () => {
      const guest = fixture({ keep }).visitor()
      await guest.visit((session) => {
        for (const [key, value] of Object.entries(data)) session.set(key, value)
      })
      await guest.visit((session) => session.login('ada'))
      assert.deepEqual(await dataOf(guest), JSON.parse(JSON.stringify(kept)))
    })

  it('is overruled by a login that says otherwise', async () => {
    const guest = fixture({ keep: 'none' }).visitor()
    await guest.visit((session) => session.set('basket', 1).set('theme', 'dark'))
    await guest.visit((session) => session.login('ada', { keep: ['theme'] }))
    assert.deepEqual(await dataOf(guest), { theme: 'dark' })
  })

  it('says nothing about the data of a user: those of the same one stay, and those of another never do', async () => {
    const { visitor } = fixture({ keep: 'none' })
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    await guest.visit((session) => session.set('basket', 1))
    await guest.visit((session) => session.login('ada'))
    assert.deepEqual(await dataOf(guest), { basket: 1 })
    const keepAll = fixture({ keep: 'all' }).visitor()
    await keepAll.visit((session) => session.login('ada'))
    await keepAll.visit((session) => session.set('basket', 1))
    await keepAll.visit((session) => session.login('bob'))
    assert.deepEqual(await dataOf(keepAll), {})
  })

  it('is refused in a Worker, where a login can still name keys', async () => {
    const options = { secrets: secret('a'), store: cookie() }
    assert.throws(() => worker.createSessions({ ...options, keep: ['basket'] }), /'strongroom\/stores'/)
    const here = visitor<Anything>(worker.createSessions(options))
    await here.visit((session) => session.set('basket', 1).set('csrf', 'x'))
    await here.visit((session) => {
      assert.throws(() => session.login('ada', { keep: basketOnly }), UnsupportedError)
      assert.deepEqual([session.userId, session.keys()], [null, ['basket', 'csrf']])
      session.login('ada', { keep: ['basket'] })
    })
    await here.visit((session) => assert.deepEqual([session.userId, session.keys()], ['ada', ['basket']]))
  })

  it('is refused when it is wrong, by createSessions and by login', async () => {
    for (const wrong of ['some', [1], { basket: true }, 1, null]) {
      assert.throws(() => fixture({ keep: wrong as never }), ConfigError)
      const here = await fixture().visitor().begin().session()
      assert.throws(() => here.login('ada', { keep: wrong as never }), /login: keep must be 'all', 'none', an array/)
    }
  })
})

describe('a function that says what a login keeps', () => {
  it('is told who signs in, and whose session it was', async () => {
    const seen: unknown[] = []
    const keep: KeepData = (data, login) => {
      seen.push(login)
      return data
    }
    const guest = fixture({ keep }).visitor()
    await guest.visit((session) => session.set('a', 1))
    await guest.visit((session) => session.login('ada'))
    await guest.visit((session) => session.login('bob', { keep }))
    await guest.visit((session) => session.login('bob', { keep }))
    assert.deepEqual(seen, [
      { userId: 'ada', previousUserId: null },
      { userId: 'bob', previousUserId: 'ada' },
      { userId: 'bob', previousUserId: 'bob' },
    ])
  })

  it('joins a basket, to which a parallel request adds, without losing what that has added', async () => {
    for (const keep of [['basket'], basketOnly, 'all'] as const) {
      const guest = fixture({ keep }).visitor()
      await guest.visit((session) => session.set('basket', { tea: 1 } satisfies Basket).set('csrf', 'x'))
      const login = guest.copy().begin()
      const here = await login.session()
      here.update('basket', (basket: Basket = {}) => ({ ...basket, coffee: 1 }))
      here.login('ada')
      here.set('welcome', true)
      const parallel = guest.copy()
      await parallel.visit((session) => {
        session.update('basket', (basket: Basket = {}) => ({ ...basket, milk: 2 }))
        session.set('trap', 1)
      })
      const outcome = await login.respond()
      const ada = fixtureCookie(outcome.setCookie)
      guest.cookie = ada
      const after = await dataOf(guest)
      assert.deepEqual(after.basket, { tea: 1, coffee: 1, milk: 2 }, String(keep))
      assert.equal(after.welcome, true)
      if (keep !== 'all') assert.deepEqual(Object.keys(after).sort(), ['basket', 'welcome'])
    }
  })

  it('finds a basket that did not exist when the login began', async () => {
    const guest = fixture({ keep: ['basket'] }).visitor()
    await guest.visit((session) => session.set('seen', 1))
    const login = guest.copy().begin()
    ;(await login.session()).login('ada')
    await guest.copy().visit((session) => session.set('basket', { milk: 2 }))
    guest.cookie = fixtureCookie((await login.respond()).setCookie)
    assert.deepEqual(await dataOf(guest), { basket: { milk: 2 } })
  })

  it('is overruled by what its request sets, changes in place or deletes after the login', async () => {
    const guest = fixture({ keep: ['basket', 'theme', 'size'] }).visitor()
    await guest.visit((session) => session.set('basket', { tea: 1 }).set('theme', 'dark').set('size', 1))
    const login = guest.copy().begin()
    const here = await login.session()
    here.login('ada')
    ;(here.get('basket') as Basket).tea = 7
    here.delete('theme')
    here.set('size', 2)
    await guest.copy().visit((session) => session.set('basket', { tea: 2 }).set('theme', 'light').set('size', 3))
    guest.cookie = fixtureCookie((await login.respond()).setCookie)
    assert.deepEqual(await dataOf(guest), { basket: { tea: 7 }, size: 2 })
  })

  it('gets what a serializer makes of the data, and its result is serialized', async () => {
    const serializer = {
      toJson: (value: unknown) => (value instanceof Date ? { date: value.getTime() } : value),
      fromJson: (json: unknown) => {
        const { date } = (json ?? {}) as { date?: number }
        return date === undefined ? json : new Date(date)
      },
    }
    const keep: KeepData = ({ since }) => ({ since: new Date((since as Date).getTime() + 1) })
    const guest = fixture({ keep, serializer }).visitor()
    await guest.visit((session) => session.set('since', new Date(1)))
    const login = guest.copy().begin()
    const here = await login.session()
    here.login('ada')
    assert.deepEqual(here.get('since'), new Date(2))
    await guest.copy().visit((session) => session.set('since', new Date(10)))
    guest.cookie = fixtureCookie((await login.respond()).setCookie)
    assert.deepEqual(await dataOf(guest), { since: new Date(11) })
  })

  it('that throws, or returns no data, refuses the login and changes nothing', async () => {
    const failing: [KeepData, RegExp][] = [
      [() => null as never, /keep must return the data to keep/],
      [() => [] as never, /keep must return the data to keep/],
      [async () => Promise.reject(new Error('nobody hears this')), /and not a promise/],
      [() => ({ '~v': 3 }), /without '~' at the beginning/],
      [
        () => {
          throw new RangeError('own')
        },
        /^RangeError: own$/,
      ],
    ]
    for (const [keep, error] of failing) {
      const guest = fixture({ keep }).visitor()
      await guest.visit((session) => session.set('a', 1))
      await guest.visit((session) => {
        assert.throws(() => session.login('ada'), error)
        assert.deepEqual([session.userId, session.get('a')], [null, 1])
      })
      assert.deepEqual(await dataOf(guest), { a: 1 })
    }
  })

  it('that returns what JSON cannot hold makes the save fail, as set() does', async () => {
    const guest = fixture({ keep: () => ({ a: () => 1 }) }).visitor()
    await guest.visit((session) => session.set('a', 1))
    const { session, respond } = guest.begin()
    ;(await session()).login('ada')
    await assert.rejects(async () => respond(), DataError)
  })

  it('sees only what the schema of its version knows, and drops nothing of what that hides', async () => {
    const seen: object[] = []
    const keep: KeepData = (data) => {
      seen.push(Object.keys(data))
      return { basket: data.basket }
    }
    const { store, clock } = fixture()
    const secrets = secret('keep')
    const newer = createSessions<Anything>({
      store,
      secrets,
      clock,
      dataSchema: { schema: z.object({ basket: z.number(), theme: z.object({ dark: z.boolean() }) }), version: 2 },
    })
    const older = createSessions<Anything>({
      store,
      secrets,
      clock,
      keep,
      dataSchema: { schema: z.object({ basket: z.number(), theme: z.string() }), version: 1 },
    })
    const guest = visitor(newer)
    await guest.visit((session) => session.set('basket', 1).set('theme', { dark: true }))
    const there = visitor(older, undefined, guest.cookie)
    await there.visit((session) => session.login('ada'))
    assert.deepEqual(seen, [['basket']])
    const back = visitor(newer, undefined, there.cookie)
    await back.visit((session) => {
      assert.deepEqual([session.userId, session.get('basket'), session.get('theme')], ['ada', 1, { dark: true }])
    })
    // What nobody sees must not go on to another user.
    const other = visitor(older, undefined, there.cookie)
    await other.visit((session) => session.login('bob', { keep }))
    const bob = visitor(newer, undefined, other.cookie)
    await bob.visit((session) => assert.deepEqual([session.userId, session.get('theme')], ['bob', undefined]))
  })
})

/** The value of the cookie that a response has set. */
function fixtureCookie(line: string | null): string {
  return line?.split(';')[0]?.split('=')[1] ?? assert.fail('no cookie was set')
}
