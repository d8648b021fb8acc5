import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { ALL, type Anything, type BackingName, idsIn, MARK, refusal, world } from './world.ts'

class Basket {
  items = [MARK]
}

function cycle(): Anything {
  const round: Anything = { mark: MARK }
  round.again = { round }
  return round
}

const nested = (depth: number): unknown => (depth === 0 ? MARK : [nested(depth - 1)])

const UNFIT: readonly (readonly [title: string, make: () => unknown, said: RegExp])[] = [
  ['a BigInt', () => 1n, /bigint/],
  ['a function', () => () => MARK, /function/],
  ['a symbol', () => Symbol(MARK), /symbol/],
  ['NaN', () => Number.NaN, /NaN/],
  ['an infinity', () => -1 / 0, /-Infinity/],
  ['a Date', () => new Date(), /a Date/],
  ['a Map', () => new Map([[MARK, MARK]]), /a Map/],
  ['a Set', () => new Set([MARK]), /a Set/],
  ['bytes', () => Buffer.from(MARK), /a Buffer/],
  ['a typed array', () => new Uint8Array(3), /a Uint8Array/],
  ['a regular expression', () => /a/, /a RegExp/],
  ['an error', () => new Error(MARK), /a Error/],
  ['a promise', () => Promise.resolve(MARK), /a Promise/],
  ['a class instance', () => new Basket(), /a Basket/],
  ['an object that writes itself', () => ({ toJSON: () => MARK }), /an? Object/],
  ['a cycle', cycle, /a cycle/],
  ['nesting without end', () => nested(300), /nesting deeper/],
]

/** The ways on which a value comes into a session. */
const WAYS: readonly (readonly [title: string, put: (session: Session<Anything>, value: unknown) => unknown])[] = [
  ['set', (session, value) => session.set('odd', value)],
  ['set within an object', (session, value) => session.set('odd', { of: { the: [value] } })],
  ['set as a list with a hole', (session, value) => session.set('odd', [undefined, value])],
  ['update', (session, value) => session.update('odd', () => value)],
  [
    'update and then in place',
    (session, value) =>
      Object.assign(
        session.update('odd', () => ({})),
        { value },
      ),
  ],
  ['in place', (session, value) => Object.assign(session.get('odd'), { value })],
  [
    'in place, before an update',
    (session, value) => {
      session.get('odd').value = value
      session.update('odd', (odd) => odd)
    },
  ],
  ['flash', (session, value) => session.flash('odd', value)],
]

for (const backing of ALL)
  suite(`a value that JSON cannot carry, ${backing}`, () => {
    for (const [title, make, said] of UNFIT)
      test(`${title} is refused by its key, and nothing is half-saved`, async () => {
        const here = world(backing)
        const before = { good: 1, odd: { was: 'fine' } }
        const cookie = await here.session(before)
        for (const [way, put] of WAYS) {
          here.watch.calls.length = 0
          const error = await refusal(() =>
            here.request(cookie, (session) => {
              session.set('good', 2)
              put(session, make())
            }),
          )
          assert.equal(error.code, 'STRONGROOM_DATA', `${way}: ${error}`)
          assert.match(error.key ?? '', /odd/)
          assert.match(error.message, way.includes('hole') ? /undefined/ : said)
          assert.match(error.message, /'(flash )?odd'/)
          assert.ok(here.watch.calls.every((call) => call === 'read'))
          const { session } = await here.request(cookie)
          assert.deepEqual({ good: session.get('good'), odd: session.get('odd') }, before)
        }
      })

    test('is refused in a first request, which then has no session', async () => {
      const here = world(backing)
      for (const [, make] of UNFIT)
        assert.equal(
          (await refusal(() => here.request(undefined, (s) => s.set('odd', make())))).code,
          'STRONGROOM_DATA',
        )
      assert.deepEqual(await idsIn(here.store), [])
    })

    test('undefined is no value: delete says so', async () => {
      const here = world(backing)
      const cookie = await here.session({ odd: 1 })
      const error = await refusal(() => here.request(cookie, (session) => session.set('odd', undefined)))
      assert.deepEqual([error.code, error.key], ['STRONGROOM_DATA', 'odd'])
      assert.match(error.message, /delete\('odd'\)/)
      await here.request(cookie, (session) => session.set('odd', { gone: undefined, there: 1 }))
    })
  })

suite('keys', () => {
  for (const key of ['', '~flash.note', '~', 7, null, undefined, Symbol('key'), {}])
    test(`${typeof key === 'string' ? `'${key}'` : String(key)} is refused by every verb that changes`, async () => {
      const here = world('two-key')
      for (const change of [
        (session: Session<Anything>) => session.set(key as string, 1),
        (session: Session<Anything>) => session.delete(key as string),
        (session: Session<Anything>) => session.pull(key as string),
        (session: Session<Anything>) => session.update(key as string, () => 1),
      ])
        assert.equal((await refusal(() => here.request(undefined, change))).code, 'STRONGROOM_DATA')
      assert.deepEqual(here.watch.calls, [])
    })
})

suite('too much data', () => {
  const limits: Partial<Record<BackingName, number>> = {
    'sealed cookie': 4096,
    'signed cookie': 4096,
    'revocable cookie': 4096,
  }
  for (const backing of ALL)
    test(`1 MB is refused with the names of the largest keys, ${backing}`, async () => {
      const here = world(backing)
      const cookie = await here.session({ small: 1 })
      const grow = (session: Session<Anything>) => {
        session
          .set('small', 2)
          .set('medium', MARK.repeat(10))
          .set('huge', MARK.repeat(40_000))
          .set('large', MARK.repeat(2000))
      }
      for (const from of [cookie, undefined]) {
        here.watch.calls.length = 0
        const error = await refusal(() => here.request(from, grow))
        assert.equal(error.code, 'STRONGROOM_TOO_LARGE')
        assert.match(error.message, new RegExp(`holds ${limits[backing] ?? 65_536}\\.`))
        assert.match(error.message, /Largest keys: 'huge' \(\d+ bytes\), 'large' \(\d+ bytes\), 'medium' \(\d+ bytes\)/)
        assert.ok(here.watch.calls.every((call) => call === 'read'))
      }
      assert.equal((await here.request(cookie)).session.get('small'), 1)
    })
})
