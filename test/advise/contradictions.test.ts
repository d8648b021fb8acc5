import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  type Answers,
  AnswersError,
  advise,
  answersFrom,
  commandFor,
  NEEDS,
  type Need,
  QUESTIONS,
} from '../../packages/cli/src/advise/index.ts'
import { recordedReport } from '../../packages/cli/src/lab/index.ts'
import { PROPERTIES } from '../../packages/cli/src/lab/report.ts'
import { reportWith } from './report.ts'

const between = (given: Partial<Answers>) =>
  advise(answersFrom(given), { report: reportWith() }).contradictions.map((each) => each.between.join(' + '))

suite('contradictory answers are pointed out', () => {
  const cases: readonly (readonly [string, Partial<Answers>])[] = [
    [
      'private in the browser + readable-cookie',
      { properties: ['private in the browser'], needs: ['readable-cookie'] },
    ],
    ['final + nothing-stored', { properties: ['final'], needs: ['nothing-stored'] }],
    ['devices + nothing-stored', { needs: ['devices', 'nothing-stored'] }],
    ['revoke-all + nothing-stored', { needs: ['revoke-all', 'nothing-stored'] }],
    ['devices + no-data-on-server', { needs: ['devices', 'no-data-on-server'] }],
    ['durable + nothing-on-disk', { properties: ['durable'], needs: ['nothing-on-disk'] }],
    ['durable + nothing-stored', { properties: ['durable'], needs: ['nothing-stored'] }],
    ['durable + readable-cookie', { properties: ['durable'], needs: ['readable-cookie'] }],
    ['merge + nothing-stored', { needs: ['merge', 'nothing-stored'] }],
    ['merge + readable-cookie', { needs: ['merge', 'readable-cookie'] }],
    ['devices + readable-cookie', { needs: ['devices', 'readable-cookie'] }],
    ['revoke-all + readable-cookie', { needs: ['revoke-all', 'readable-cookie'] }],
    ['operators-read + nothing-stored', { needs: ['operators-read', 'nothing-stored'] }],
    ['operators-read + no-data-on-server', { needs: ['operators-read', 'no-data-on-server'] }],
    ['durable + have', { properties: ['durable'], servers: 2, have: ['memcached'] }],
    ['servers + have', { servers: 2 }],
    ['servers + no-database', { servers: 2, needs: ['no-database'], have: ['redis'] }],
    ['shared + no-database', { properties: ['shared'], needs: ['no-database'] }],
    ['bytes + nothing-stored', { bytes: 64_000, needs: ['nothing-stored'] }],
    ['private on the server + operators-read', { properties: ['private on the server'], needs: ['operators-read'] }],
    ['final + writes-database', { properties: ['final'], attackers: ['writes-database'] }],
    ['reads-browser', { properties: ['durable'], attackers: ['reads-browser'] }],
    ['sessions + logins + lifetime', { sessions: 1_000_000, logins: 1 }],
  ]
  for (const [expected, given] of cases) test(expected, () => assert.deepEqual(between(given), [expected]))

  test('where they leave nothing, every engine has a reason that says which answer it fails', () => {
    const stuck = cases.map(([, given]) => advise(answersFrom(given), { report: reportWith() }))
    const empty = stuck.filter(({ recommended }) => recommended.length === 0)
    assert.ok(empty.length >= 8, `${empty.length}`)
    for (const { ruledOut } of empty) assert.ok(ruledOut.every(({ reasons }) => reasons.length > 0))
  })

  test('where nothing is recommended, a smallest set of answers that rules out everything is named, for any answers', () => {
    const everything = fc.record({
      properties: fc.subarray([...PROPERTIES]),
      needs: fc.subarray(Object.keys(NEEDS) as Need[], { maxLength: 4 }),
      servers: fc.integer({ min: 1, max: 2 }),
      processes: fc.integer({ min: 1, max: 2 }),
      bytes: fc.constantFrom(0, 64_000),
    })
    const reports = [reportWith(), recordedReport()]
    fc.assert(
      fc.property(everything, fc.constantFrom(...reports), (given, report) => {
        const { recommended, impossible } = advise(answersFrom(given), { report })
        assert.equal(impossible === null, recommended.length > 0)
        if (impossible === null) return
        const { between: set, text } = impossible
        const left = (names: readonly string[]) => {
          const only = <T extends string>(list: readonly T[]) => list.filter((each) => names.includes(each))
          const number = (name: 'servers' | 'processes' | 'bytes') =>
            names.includes(name) ? { [name]: given[name] } : name === 'bytes' ? { bytes: 0 } : {}
          return advise(
            answersFrom({
              ...{ properties: only(given.properties), needs: only(given.needs) },
              ...{ ...number('servers'), ...number('processes'), ...number('bytes') },
            }),
            { report },
          ).recommended.length
        }
        assert.equal(left(set), 0, 'no engine is left')
        for (const name of set) assert.ok(left(set.filter((each) => each !== name)) > 0, `${set} without ${name}`)
        assert.match(text, /^(?:No engine gives this|Together they rule out every engine): .* rules out .*\.$/)
      }),
      { numRuns: 60 },
    )
    const { impossible } = advise(answersFrom({ needs: ['devices', 'nothing-stored', 'merge'], servers: 2 }), {
      report: reportWith(),
    })
    assert.deepEqual(impossible?.between, ['devices', 'nothing-stored'])
  })

  test('answers that fit together are not complained about', () => {
    assert.deepEqual(
      between({ properties: ['durable', 'final', 'private on the server'], servers: 3, have: ['postgres'] }),
      [],
    )
    assert.deepEqual(between({ needs: ['nothing-stored'], servers: 3 }), [])
    assert.deepEqual(between({ sessions: 40_000, logins: 1 }), [])
  })
})

suite('answers that cannot be used', () => {
  const refused = (given: object, message: RegExp) =>
    assert.throws(
      () => answersFrom(given),
      (error: Error) => error instanceof AnswersError && message.test(error.message) && !/hunter2/.test(error.message),
    )
  test('are refused with what is known, and without what was given', () => {
    refused({ colour: 1 }, /no answer called "colour"\. Known: properties, /)
    refused({ properties: ['hunter2'] }, /"properties" has an entry that is not known\. Known: durable, /)
    refused({ have: 'postgres' }, /"have" must be a list/)
    refused({ servers: 1.5 }, /"servers" must be a whole number from 1/)
    refused({ writes: 101 }, /"writes" must be a number from 0 to 100/)
    refused({ requests: Number.NaN }, /"requests"/)
    refused({ urls: { postgres: 'postgres://app:hunter2@db/app' } }, /has a password.*postgres=env:NAME/)
    refused({ urls: { redis: 'redis://db?password=hunter2' } }, /has a password/)
    for (const [name, url] of [
      ['redis', 'redis://hunter2@db/0'],
      ['valkey', 'valkey://:hunter2@db'],
      ['mysql', 'mysql://db/app?pwd=hunter2'],
      ['mysql', 'mysql://db/app?passwordSha1=hunter2'],
      ['postgres', 'postgres://app:hunt/er2@db/app'],
      ['postgres', 'postgres://app:hunter2?x@db/app'],
      ['postgres', 'postgres://app:hunter2#@db/app'],
      ['memcached', 'memcached://db?token=hunter2'],
    ] as const)
      refused({ urls: { [name]: url } }, /has a password.*=env:NAME/)
    for (const [name, url] of [
      ['redis', 'redis://db/0#hunter2'],
      ['mysql', 'mysql://db/app?hunter2=1'],
      ['postgres', 'postgres://db/a\nhunter2'],
    ] as const)
      refused({ urls: { [name]: url } }, /cannot be used/)
    refused({ bytes: 70_000.5 }, /"bytes" must be a whole number from 0/)
    refused({ urls: { postgres: 'env:A;hunter2' } }, /must begin with its scheme/)
    refused({ urls: { oracle: 'x' } }, /Known: postgres/)
  })

  test('addresses without a password are taken, also with a user and a file of passwords', () => {
    for (const [name, url] of [
      ['postgres', 'postgres://app@db:5432/app?sslmode=verify-full&passfile=/etc/pgpass&require_auth=scram-sha-256'],
      ['mysql', 'mysql://app@db/app'],
      ['redis', 'rediss://db:6380/1'],
      ['valkey', 'valkey://db'],
      ['memcached', 'memcached://a:11211,b:11211'],
    ] as const)
      assert.equal(answersFrom({ urls: { [name]: url } }).urls[name], url)
  })

  test('the command that a config repeats asks the same question', () => {
    const command = commandFor(
      answersFrom({
        properties: ['private on the server'],
        attackers: ['reads-disk'],
        have: ['redis'],
        urls: { redis: 'env:R' },
        servers: 2,
        idle: 600_000,
      }),
    )
    assert.equal(
      command,
      'npx @strongroom/cli advise --property private-on-server --against reads-disk --have redis=env:R --servers 2 --idle 10m',
    )
  })

  test('there is a question for every answer, apart from addresses', () => {
    const asked = QUESTIONS.map(({ name }) => name)
    assert.deepEqual(
      asked.toSorted(),
      Object.keys(answersFrom({}))
        .filter((name) => name !== 'urls')
        .toSorted(),
    )
  })
})
