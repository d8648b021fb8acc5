import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deviceBound } from '../../packages/strongroom/src/device-bound/device-bound.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { bearer } from '../../packages/strongroom/src/http/bearer.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { lengthOf, markdownTable } from '../../packages/strongroom/src/policy/format.ts'
import { ASKED, PRESETS, presetOf, ROWS } from '../../packages/strongroom/src/policy/presets.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]

const sessionsWith = (options: SessionsOptions) =>
  createSessions({ store: memory(), secrets: secret('preset'), sweep: false, ...options }) as Sessions

const UNBOUND = { option: 'deviceBound', preset: true, actual: null, weaker: true }

/** The cells of a row of the table whose second cell is `what`. */
function rowOf(table: string, what: string): readonly string[] {
  const rows = table
    .split('\n')
    .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '').trim()))
  return rows.find((cells) => cells[1] === what) ?? assert.fail(`There is no row "${what}".`)
}

describe('a preset', () => {
  it('sets the lifetimes that its standard asks for, together', () => {
    const facts = PRESETS.map((preset) => {
      const { idle, absolute, remember, rememberIdle, persistent } = sessionsWith({ preset }).policy
      return [preset, idle, absolute, remember, rememberIdle, persistent]
    })
    assert.deepEqual(facts, [
      ['aal1', 0, 30 * DAY, 30 * DAY, 0, false],
      ['aal2', HOUR, 24 * HOUR, 24 * HOUR, HOUR, false],
      ['aal3', 15 * MINUTE, 12 * HOUR, 12 * HOUR, 15 * MINUTE, false],
      ['owasp', 15 * MINUTE, 8 * HOUR, 8 * HOUR, 15 * MINUTE, false],
    ])
  })

  it('is none by default, and then nothing deviates and a remembered session has no idle limit', () => {
    const { policy } = sessionsWith({})
    assert.deepEqual([policy.preset, policy.deviations, policy.rememberIdle], [null, [], 0])
  })

  it('that is unknown is refused, with the known ones', () => {
    for (const preset of ['aal4', '', null, 2] as unknown as 'aal1'[])
      assert.throws(() => sessionsWith({ preset }), {
        name: 'ConfigError',
        message: 'preset must be one of: aal1, aal2, aal3, owasp.',
      })
  })

  it('ends a remembered session that nobody uses, as it ends every other', async () => {
    for (const [preset, isOver] of [
      ['aal3', true],
      [undefined, false],
    ] as const) {
      const { clock, visitor } = fixture({ preset })
      const guest = visitor()
      await guest.visit((session) => session.login('ada', { remember: true }))
      clock.advance(14 * MINUTE)
      await guest.visit((session) => assert.equal(session.userId, 'ada'))
      clock.advance(16 * MINUTE)
      await guest.visit((session) => assert.equal(session.userId === null, isOver))
    }
  })

  it('loses against every option that is passed, and says so: which is weaker, and which is stricter', () => {
    const { policy } = sessionsWith({
      preset: 'aal2',
      idle: '2h',
      absolute: 8 * HOUR,
      remember: '1440m',
      expireAtBrowserClose: false,
    })
    assert.deepEqual([policy.idle, policy.absolute, policy.persistent], [2 * HOUR, 8 * HOUR, true])
    assert.deepEqual(policy.deviations, [
      { option: 'idle', preset: '1h', actual: '2h', weaker: true },
      { option: 'absolute', preset: '24h', actual: 8 * HOUR, weaker: false },
      // 1440 minutes are 24 hours.
      { option: 'expireAtBrowserClose', preset: true, actual: false, weaker: true },
    ])
    assert.deepEqual(sessionsWith({ preset: 'aal3', idle: null }).policy.deviations, [
      { option: 'idle', preset: '15m', actual: null, weaker: true },
      UNBOUND,
    ])
    assert.deepEqual(sessionsWith({ preset: 'aal1', idle: '1h' }).policy.deviations, [
      { option: 'idle', preset: null, actual: '1h', weaker: false },
    ])
  })

  it('and an option that is left out as undefined is that of the preset', () => {
    const { policy } = sessionsWith({ preset: 'owasp', idle: undefined })
    assert.deepEqual([policy.idle, policy.deviations], [15 * MINUTE, []])
  })

  it('renews tokens as its standard asks, and asks for a binding to the device, which nobody else can import', () => {
    const every = PRESETS.map((preset) => sessionsWith({ preset }).policy.renewal?.every ?? null)
    assert.deepEqual(every, [null, HOUR, 15 * MINUTE, 15 * MINUTE])
    const none = sessionsWith({ preset: 'aal2', renewEvery: null }).policy
    assert.deepEqual(
      [none.renewal, none.deviations],
      [null, [{ option: 'renewEvery', preset: '1h', actual: null, weaker: true }]],
    )
    assert.deepEqual(sessionsWith({ preset: 'aal3' }).policy.deviations, [UNBOUND])
    assert.deepEqual(sessionsWith({ preset: 'aal3', deviceBound: deviceBound() }).policy.deviations, [])
  })

  it('renews no token of sessions that live shorter than it would renew them', () => {
    const { policy } = sessionsWith({ preset: 'aal2', idle: '15m', absolute: '1h', remember: '1h' })
    assert.equal(policy.renewal, null)
    assert.ok(policy.deviations.every(({ weaker }) => !weaker))
    assert.throws(() => sessionsWith({ renewEvery: '1h', absolute: '1h', remember: '1h' }), /not shorter than absolute/)
  })

  it('says of sessions in cookies that their tokens are not renewed, instead of refusing to start', () => {
    const { policy } = sessionsWith({ preset: 'owasp', store: cookie() })
    assert.deepEqual(policy.deviations, [{ option: 'renewEvery', preset: '15m', actual: null, weaker: true }])
    assert.deepEqual(rowOf(policy.table(), 'a token in use is renewed after').slice(2), [
      'no time: by logins and session.renew() alone',
      '15m: WEAKER here',
    ])
  })

  it('with an idle limit that is longer than its absolute one is refused', () => {
    assert.throws(() => sessionsWith({ preset: 'owasp', idle: '9h' }), /idle is longer than absolute \("8h"\)/)
  })

  it('works with bearer tokens, whose clients decide how long they keep them', () => {
    const { policy } = sessionsWith({ preset: 'aal2', transport: bearer(), namespace: 'app' })
    assert.deepEqual([policy.preset, policy.idle, policy.deviations], ['aal2', HOUR, []])
  })

  it('can ask for an option that it cannot set, whose absence is a deviation', () => {
    const rows = { ring: { aal1: undefined, aal2: undefined, aal3: ASKED, owasp: '1h' } } as const
    const deviations = (given: object) => presetOf(given, true, rows).deviations
    assert.deepEqual(deviations({ preset: 'aal2' }), [])
    assert.deepEqual(deviations({ preset: 'aal3' }), [{ option: 'ring', preset: true, actual: null, weaker: true }])
    assert.deepEqual(deviations({ preset: 'aal3', ring: { any: 'object' } }), [])
    assert.deepEqual(presetOf({ preset: 'owasp' }, true, rows).options, { preset: 'owasp', ring: '1h' })
    assert.deepEqual(deviations({ preset: 'owasp', ring: '30m' }), [
      { option: 'ring', preset: '1h', actual: '30m', weaker: false },
    ])
  })

  it('is refused in a Worker, with what knows it', () => {
    const options = { store: cookie(), secrets: secret('preset') }
    assert.throws(() => worker.createSessions({ ...options, preset: 'aal2' }), /preset .*'strongroom\/stores'/)
    const { policy } = worker.createSessions(options)
    assert.deepEqual([policy.preset, policy.deviations], [null, []])
    assert.throws(() => policy.table(), { name: 'UnsupportedError', message: /'strongroom\/stores'/ })
  })
})

describe('the table of a policy', () => {
  it('says each limit, what the preset has, and where the application is weaker or stricter', () => {
    const table = sessionsWith({ preset: 'aal2', idle: '2h', absolute: '10h' }).policy.table()
    assert.deepEqual(rowOf(table, 'without use, a session ends after').slice(2), ['2 hours', '1h: WEAKER here'])
    assert.deepEqual(rowOf(table, 'in all, a session ends after').slice(2), ['10 hours', '24h: stricter here'])
    assert.deepEqual(rowOf(table, 'a session whose login said remember: true ends after').slice(2), [
      '1 day, or 2 hours without use',
      'the same',
    ])
    assert.match(String(rowOf(table, 'when the browser closes')[2]), /the cookie ends/)
    assert.match(String(rowOf(table, 'parallel sessions of a user')[2]), /limit/)
  })

  it('has words of its own for every option of a preset, and lengths that people read', () => {
    for (const preset of PRESETS) {
      const table = sessionsWith({ preset, renewEvery: 600_000, deviceBound: deviceBound() }).policy.table()
      for (const option of Object.keys(ROWS)) assert.doesNotMatch(table, new RegExp(`\\| ${option} +\\|`))
      assert.doesNotMatch(table, /\d{4}/)
      assert.equal(rowOf(table, 'a token in use is renewed after')[2], '10 minutes')
    }
  })

  it('says what a preset does not, and what it only asks for', () => {
    const cells = (preset: 'aal1' | 'aal3') => {
      const table = sessionsWith({ preset, renewEvery: '15m', deviceBound: deviceBound() }).policy.table()
      return ['a token in use is renewed after', 'a session is bound to a device'].map((row) => rowOf(table, row)[3])
    }
    assert.deepEqual(cells('aal1'), ['not said', 'not said'])
    assert.deepEqual(cells('aal3'), ['the same', 'asked for'])
    const none = sessionsWith({ preset: 'aal3' }).policy.table()
    assert.deepEqual(rowOf(none, 'a session is bound to a device').slice(2), ['no', 'yes: WEAKER here'])
  })

  it('says how long sessions live that do not live as long as others: those of nobody, and those of no device', () => {
    const anonymous = 'a session that nobody has signed in to ends after'
    const unbound = 'a session of a user that is not bound to a device ends after'
    const cell = (options: SessionsOptions, row: string) => rowOf(sessionsWith(options).policy.table(), row)[2]
    assert.equal(cell({ anonymous: { idle: '5m' } }, anonymous), '12 hours, or 5 minutes without use')
    assert.equal(cell({ anonymous: { absolute: '1h' }, idle: null }, anonymous), '1 hour, however little it is used')
    const limits = { idle: '5m', absolute: '1h' }
    assert.equal(
      cell({ deviceBound: deviceBound({ unbound: limits }) }, unbound),
      'at most 1 hour, or 5 minutes without use',
    )
    assert.match(String(cell({ deviceBound: deviceBound({ unbound: 'refuse' }) }, unbound)), /^at most 5 minutes, how/)
    assert.equal(cell({ deviceBound: deviceBound() }, unbound), 'the same time as others')
    const table = sessionsWith({}).policy.table()
    for (const row of [anonymous, unbound]) assert.ok(!table.includes(row), row)
  })

  it('says of each switch against stolen tokens whether it is on, and what it does', () => {
    const questions = [
      'tokens in use are renewed by time',
      'a copy of a cookie, on another device',
      'a session that is used from elsewhere',
      'a network that tries many tokens',
      'new sessions that nobody has signed in to',
      'what browsers clear at a logout',
    ]
    const answers = (options: SessionsOptions) => {
      const table = sessionsWith(options).policy.table()
      return questions.map((question) => rowOf(table, question)[2])
    }
    assert.deepEqual(answers({}), [
      'no',
      'works until the session ends',
      'is not noticed',
      'is not noticed',
      'no limit',
      'the cookie, and nothing else unless the logout says so',
    ])
    const all: SessionsOptions = {
      renewEvery: '15m',
      renewGrace: '1m',
      onReuse: 'end',
      deviceBound: deviceBound({ refreshEvery: '20m' }),
      address: () => '192.0.2.7',
      signals: { onSignal: () => 'stepUp' },
      guessing: { slowDown: () => 100 },
      anonymous: { perMinute: 20 },
      clearSiteData: ['storage', 'cache'],
    }
    assert.deepEqual(answers(all), [
      'after 15 minutes; then the old one works for 1 minute after the new one was used',
      'works for 20 minutes at most, where the browser binds the session to its device',
      'is reported (another browser, or another network); onSignal of the application decides what follows',
      'is reported, and slowed down',
      '20 a minute at most, by each process',
      '"storage", "cache"',
    ])
    const late = (options: SessionsOptions) =>
      rowOf(sessionsWith(options).policy.table(), 'an old token that comes back later')[2]
    assert.deepEqual([late(all), late({ renewEvery: '15m' })], ['is reported, and ends the session', 'is reported'])
    assert.match(String(answers({ signals: {} })[2]), /^is reported \(another browser\)$/)
  })

  it('has facts of the same, for machines', () => {
    const facts = (options: SessionsOptions) => {
      const { deviceBound, signals, guessing, clearSiteData } = structuredClone({
        ...sessionsWith(options).policy,
        table: null,
      })
      return { deviceBound, signals, guessing, clearSiteData }
    }
    const none = { deviceBound: undefined, signals: undefined, guessing: undefined, clearSiteData: undefined }
    assert.deepEqual(facts({}), none)
    assert.ok(!('signals' in sessionsWith({}).policy))
    assert.deepEqual(
      facts({
        deviceBound: deviceBound({ unbound: { idle: '5m', absolute: '1h' } }),
        address: () => '192.0.2.7',
        signals: {},
        guessing: {},
        clearSiteData: ['storage'],
      }),
      {
        deviceBound: { refreshEvery: 10 * MINUTE, unbound: { idle: 5 * MINUTE, absolute: HOUR } },
        signals: { network: true, decides: false },
        guessing: { slowsDown: false },
        clearSiteData: '"storage"',
      },
    )
    assert.deepEqual(facts({ deviceBound: deviceBound(), signals: { onSignal: () => 'end' } }), {
      ...none,
      deviceBound: { refreshEvery: 10 * MINUTE, unbound: null },
      signals: { network: false, decides: true },
    })
  })

  it('has no column of a preset without one', () => {
    const row = rowOf(sessionsWith({}).policy.table(), 'without use, a session ends after')
    assert.deepEqual(row, ['7.1.1', 'without use, a session ends after', '30 minutes'])
    const endless = rowOf(sessionsWith({ idle: null }).policy.table(), 'without use, a session ends after')
    assert.equal(endless[2], 'no limit')
  })

  it('has the cookie as browsers get it', () => {
    const table = sessionsWith({
      cookie: { name: '__Secure-shop', domain: 'shop.example', sameSite: 'strict' },
    }).policy.table()
    assert.equal(rowOf(table, 'name of the cookie')[2], '__Secure-shop')
    const attributes = String(rowOf(table, 'its attributes')[2]).split('; ').sort()
    assert.deepEqual(attributes, ['Domain=shop.example', 'HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure'])
    const app = sessionsWith({ transport: bearer(), namespace: 'app' }).policy.table()
    assert.match(String(rowOf(app, 'how the token comes')[2]), /Authorization; its namespace is app/)
  })

  it('says for each engine whether a logout is final, what ends sessions, and what is stored in the clear', () => {
    const answers = (options: SessionsOptions) => {
      const table = sessionsWith(options).policy.table()
      return [
        'is a logout final?',
        'what ends all sessions of a user',
        'the data of a session',
        'beside it, not sealed',
      ].map((question) => rowOf(table, question)[2]?.split(/[:;,]/)[0])
    }
    assert.deepEqual(answers({ seal: 'two-key', credential: () => 'x' }), [
      'yes',
      'revokeAll()',
      'sealed (two-key) with chacha20-poly1305',
      'a hash as its id',
    ])
    assert.deepEqual(answers({ store: cookie({ protection: 'signed' }) }), [
      'NO',
      'nothing but new secrets',
      'NOT sealed',
      'nothing is on the server',
    ])
    assert.deepEqual(answers({ store: cookie({ revocations: memory() }) }), [
      'yes',
      'revokeAll()',
      'sealed (sealed) with chacha20-poly1305',
      'which sessions have ended',
    ])
    const withCredential = sessionsWith({ credential: () => 'x' }).policy.table()
    assert.match(String(rowOf(withCredential, 'what ends all sessions of a user')[2]), /a change of the credential/)
  })

  it('contains no secret, and is no fact: a copy of the policy has the rest', () => {
    const { policy } = sessionsWith({ preset: 'owasp' })
    assert.ok(!policy.table().includes(secret('preset')))
    const copy = structuredClone({ ...policy })
    assert.deepEqual([copy.preset, copy.idle, 'table' in copy], ['owasp', 15 * MINUTE, false])
    assert.ok(!JSON.stringify(policy).includes('table'))
  })

  it('has columns of one width, and lengths in words', () => {
    assert.equal(
      markdownTable(['a', 'long head'], [['b|c', 'd']]),
      '| a    | long head |\n| ---- | --------- |\n| b\\|c | d         |\n',
    )
    assert.deepEqual(
      [lengthOf(90 * MINUTE), lengthOf(DAY), lengthOf(1), lengthOf(61_001)],
      ['1 hour 30 minutes', '1 day', '1 millisecond', '1 minute 1 second 1 millisecond'],
    )
  })
})
