import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { ALL, type Anything, type BackingName, fixture, idsIn, MARK, refusal } from './fixture.ts'

class Basket {
  items = [MARK]
}

function cycle(): Anything {
  const round: Anything = { mark: MARK }
  round.again = { round }
  return round
}

const nested = (depth: number): unknown => (depth === 0 ? MARK : [nested(depth - 1)])

const UNFIT: readonly (readonly [title: string, make: () => unknown, message: RegExp])[] = [
  ['a BigInt', () => 1n, /bigint/],
  ['a function', () => () => MARK, /function/],
  ['a symbol', () => Symbol(MARK), /symbol/],
  ['NaN', () => Number.NaN, /NaN/],
  ['an infinity', () => -1 / 0, /-Infinity/],
  ['a Date', () => new Date(), /contains an instance of Date,/],
  ['a Map', () => new Map([[MARK, MARK]]), /contains an instance of Map,/],
  ['a Set', () => new Set([MARK]), /contains an instance of Set,/],
  ['bytes', () => Buffer.from(MARK), /contains an instance of Buffer,/],
  ['a typed array', () => new Uint8Array(3), /contains an instance of Uint8Array,/],
  ['a regular expression', () => /a/, /contains an instance of RegExp,/],
  ['an error', () => new Error(MARK), /contains an instance of Error,/],
  ['a promise', () => Promise.resolve(MARK), /contains an instance of Promise,/],
  ['a class instance', () => new Basket(), /contains an instance of Basket,/],
  ['an object with toJSON', () => ({ toJSON: () => MARK }), /contains an instance of Object,/],
  ['a cycle', cycle, /a cycle/],
  ['deep nesting', () => nested(300), /nesting deeper/],
]

/** The ways in which a value gets into a session. */
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
  suite(`a value that JSON cannot represent, ${backing}`, () => {
    for (const [title, make, message] of UNFIT)
      test(`${title} is refused with its key, and nothing is half-saved`, async () => {
        const here = fixture(backing)
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
          assert.match(error.message, way.includes('hole') ? /undefined/ : message)
          assert.match(error.message, /'(flash )?odd'/)
          assert.ok(here.watch.calls.every((call) => call === 'read'))
          const { session } = await here.request(cookie)
          assert.deepEqual({ good: session.get('good'), odd: session.get('odd') }, before)
        }
      })

    test('is refused in a first request, which then has no session', async () => {
      const here = fixture(backing)
      for (const [, make] of UNFIT)
        assert.equal(
          (await refusal(() => here.request(undefined, (s) => s.set('odd', make())))).code,
          'STRONGROOM_DATA',
        )
      assert.deepEqual(await idsIn(here.store), [])
    })

    test('undefined is refused, and the error points to delete', async () => {
      const here = fixture(backing)
      const cookie = await here.session({ odd: 1 })
      const error = await refusal(() => here.request(cookie, (session) => session.set('odd', undefined)))
      assert.deepEqual([error.code, error.key], ['STRONGROOM_DATA', 'odd'])
      assert.match(error.message, /delete\('odd'\)/)
      await here.request(cookie, (session) => session.set('odd', { gone: undefined, there: 1 }))
    })
  })

suite('keys', () => {
  for (const key of ['', '~flash.note', '~', 7, null, undefined, Symbol('key'), {}])
    test(`${typeof key === 'string' ? `'${key}'` : String(key)} is refused by every method that changes data`, async () => {
      const here = fixture('two-key')
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
      const here = fixture(backing)
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
