import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { createSessions } from 'strongroom'
import { attackerOf } from '../../packages/cli/src/advise/attackers.ts'
import { COOKIE_ROOM, candidatesFor } from '../../packages/cli/src/advise/candidates.ts'
import { isAsked, rowsOf } from '../../packages/cli/src/advise/evidence.ts'
import {
  type Answers,
  ATTACKERS,
  type AttackerName,
  advise,
  answersFrom,
  BACKENDS,
  NEEDS,
  type Need,
} from '../../packages/cli/src/advise/index.ts'
import { ATTACKS as LAB_ATTACKS } from '../../packages/cli/src/lab/attacks/index.ts'
import { recordedReport } from '../../packages/cli/src/lab/index.ts'
import { PROPERTIES, type Property, type Report, VERDICTS } from '../../packages/cli/src/lab/report.ts'
import { ATTACKS, reportWith } from './report.ts'

const report = reportWith()
const names = (given: Partial<Answers>, by: Report | null = report) =>
  advise(answersFrom(given), { report: by }).recommended.map(({ name }) => name)
const first = (given: Partial<Answers>, by: Report | null = report) => names(given, by)[0]
const ruledOut = (given: Partial<Answers>, name: string) =>
  advise(answersFrom(given), { report }).ruledOut.find((each) => each.name === name)?.reasons ?? []

/** What people ask, one question each. */
const QUESTIONS: readonly (readonly [question: string, property: Property, never: readonly string[]])[] = [
  [
    'which engine loses nothing',
    'durable',
    ['memory, none', 'memory, two-key', 'memcached, two-key', 'cookie, sealed', 'cookie, signed'],
  ],
  ["which hides data from anyone who reads the server's disk", 'private on the server', []],
  ["which hides data from anyone who reads the user's computer", 'private in the browser', ['cookie, signed']],
  ['which cannot be tampered with', 'integrity', []],
]
const DEPLOYMENTS: readonly (readonly [name: string, given: Partial<Answers>, fits: (name: string) => boolean])[] = [
  ['one process', {}, () => true],
  ['four processes of one machine', { processes: 4 }, (name) => !/^memory, /.test(name)],
  [
    'three servers with PostgreSQL',
    { servers: 3, have: ['postgres'] },
    (name) => !/^(?:memory,|file|sqlite)|sqlite/.test(name),
  ],
  [
    'three servers with Redis and MySQL',
    { servers: 3, have: ['redis', 'mysql'] },
    (name) => !/^(?:memory,|file)|sqlite/.test(name),
  ],
]

suite('the four questions that people ask, in all their combinations', () => {
  for (const [deployment, given, fits] of DEPLOYMENTS)
    for (let bits = 0; bits < 16; bits++) {
      const asked = QUESTIONS.filter((_, at) => bits & (1 << at))
      const title = asked.map(([question]) => question).join(', and ') || 'nothing in particular'
      test(`${deployment}: ${title}`, () => {
        const properties = asked.map(([, property]) => property)
        const found = names({ ...given, properties })
        const never = asked.flatMap(([, , list]) => list)
        assert.ok(found.length > 0)
        assert.deepEqual(
          found.filter((name) => never.includes(name) || !fits(name)),
          [],
        )
        // Everything else that fits is there: a question must not hide an engine that answers it.
        const all = candidatesFor({ properties: [], needs: [] }).map(({ name }) => name)
        const left = all.filter((name) => !never.includes(name) && fits(name))
        const cookies = properties.includes('durable') ? left.filter((name) => !name.startsWith('cookie')) : left
        assert.deepEqual(found.toSorted(), cookies.toSorted())
      })
    }

  test('what comes first is what is there and gives up least', () => {
    const all = QUESTIONS.map(([, property]) => property)
    assert.equal(first({ properties: all }), 'sqlite, two-key')
    assert.equal(first({ properties: all, servers: 3, have: ['postgres'] }), 'postgres, two-key')
    assert.equal(first({ properties: all, servers: 3, have: ['mysql'] }), 'mysql, two-key')
    assert.equal(first({ properties: ['private in the browser'], servers: 3 }), 'cookie, sealed')
  })

  test('where only what a restart forgets is left, it is said what would have to be left out for more', () => {
    const recorded = { report: recordedReport() }
    const advice = advise(answersFrom({ properties: ['final'], have: ['postgres'] }), recorded)
    assert.deepEqual([...new Set(advice.recommended.map(({ engine }) => engine))], ['memory'])
    assert.deepEqual(
      advice.ifLeftOut.map(({ what, first }) => `${what}: ${first}`),
      ['someone who writes to the database (writes-database): postgres, two-key', '"final": postgres, two-key'],
    )
    assert.deepEqual(advise(answersFrom({ properties: ['durable'] }), recorded).ifLeftOut, [])
  })

  test('where nothing holds against everybody, it is said what would have to be left out', () => {
    const advice = advise(answersFrom({ properties: ['durable', 'final'] }), { report })
    assert.deepEqual(advice.recommended, [])
    assert.deepEqual(
      advice.ifLeftOut.map(({ what, first }) => `${what}: ${first}`),
      [
        'someone who writes to the database (writes-database): sqlite, two-key',
        '"durable": memory, none',
        '"final": sqlite, two-key',
      ],
    )
    const without = Object.keys(ATTACKERS).filter((name) => name !== 'writes-database') as AttackerName[]
    const { recommended } = advise(answersFrom({ properties: ['durable', 'final'], attackers: without }), { report })
    assert.equal(recommended[0]?.name, 'sqlite, two-key')
    assert.match(
      recommended[0]?.givenUp.join('\n') ?? '',
      /broken: put an old row back .*, by someone who writes to the database, whom you left out/,
    )
  })
})

suite('every engine can be first', () => {
  const cases: readonly (readonly [string, Partial<Answers>])[] = [
    ['sqlite, two-key', { properties: ['durable'] }],
    ['file, two-key', { properties: ['durable'], needs: ['no-database'] }],
    ['memory, none', { needs: ['nothing-on-disk'], properties: ['private in the browser'] }],
    ['postgres, two-key', { properties: ['durable', 'shared'], servers: 2, have: ['postgres'] }],
    ['mysql, two-key', { properties: ['durable', 'shared'], servers: 2, have: ['mysql'] }],
    ['redis, two-key', { properties: ['durable', 'shared'], servers: 2, have: ['redis'] }],
    ['valkey, two-key', { properties: ['durable', 'shared'], servers: 2, have: ['valkey'] }],
    ['memcached, two-key', { needs: ['nothing-on-disk'], servers: 2, have: ['memcached'] }],
    ['cookie, sealed', { needs: ['nothing-stored'] }],
    ['cookie, signed', { needs: ['readable-cookie'] }],
    ['cookie with revocations in sqlite, sealed', { needs: ['no-data-on-server', 'revoke-all'] }],
    [
      'cookie with revocations in postgres, sealed',
      { needs: ['no-data-on-server', 'revoke-all'], servers: 2, have: ['postgres'] },
    ],
    ['sqlite, server-key', { needs: ['operators-read'], properties: ['durable'] }],
    [
      'memory over postgres, two-key',
      { properties: ['durable', 'shared'], servers: 2, have: ['postgres'], sessions: 20_000, requests: 70_000 },
    ],
  ]
  for (const [name, given] of cases) test(name, () => assert.equal(first(given), name))

  test('memory under two keys, where the lab finds data in the memory of a process that has no seal', () => {
    const leaks = reportWith((row, { name }) =>
      row.name === 'memory' && name === 'read-the-files' ? 'broken' : undefined,
    )
    const given = { needs: ['nothing-on-disk', 'revoke-all'], properties: ['private on the server'] } as const
    assert.equal(first(given, leaks), 'memory, two-key')
    assert.equal(first(given), 'memory, none')
  })

  test('a cache in front is first when one database is not enough, and its config listens to changes', () => {
    const given = { properties: ['durable', 'shared'], servers: 2, have: ['postgres'], sessions: 20_000 } as const
    assert.equal(first({ ...given, requests: 1000 }), 'postgres, two-key')
    const { recommended } = advise(answersFrom({ ...given, requests: 70_000 }), { report })
    assert.match(recommended[0]?.config.typescript ?? '', /notify: true/)
    const alone = recommended.find(({ name }) => name === 'postgres, two-key')
    assert.match(alone?.reason ?? '', /too much for one server/)
  })
})

suite('evidence', () => {
  test('what the lab did not run is said, ranks lower, and is not called held', () => {
    const given = { properties: ['durable'], servers: 2, have: ['postgres', 'mysql'] } as const
    assert.equal(first(given), 'postgres, two-key')
    const partly = reportWith((row, { name }) =>
      row.name === 'postgres' && name === 'kill-the-store' ? 'not run' : undefined,
    )
    const { recommended } = advise(answersFrom(given), { report: partly })
    assert.equal(recommended[0]?.name, 'mysql, two-key')
    const postgres = recommended.find(({ name }) => name === 'postgres, two-key')
    assert.match(
      postgres?.reason ?? '',
      /^held: kill the application; NOT RUN: kill the store in the middle of writes;/,
    )
    assert.deepEqual(
      postgres?.unknown.map(({ attack }) => attack),
      ['kill-the-store'],
    )
  })

  test('a cell that is missing counts as not run', () => {
    const missing = reportWith((row) => (row.name === 'sqlite' ? null : undefined))
    const { recommended } = advise(answersFrom({ properties: ['durable'] }), { report: missing })
    const sqlite = recommended.find(({ name }) => name === 'sqlite, two-key')
    assert.equal(sqlite?.unknown.length, 2)
    assert.doesNotMatch(sqlite?.reason ?? '', /held/)
    assert.equal(recommended[0]?.name, 'file, two-key')
  })

  test('an engine over another store than in the lab has what broke there, and nothing of what held there', () => {
    const given = { properties: ['integrity'], servers: 2, have: ['mysql'] } as const
    const { recommended } = advise(answersFrom(given), { report })
    const cached = recommended.find(({ name }) => name === 'memory over mysql, two-key')
    assert.ok(cached?.cells.every(({ verdict }) => verdict === 'not run'))
    assert.match(cached?.unknown[0]?.summary ?? '', /the lab ran memory over postgres instead/)
    const broken = reportWith((row, { name }) =>
      row.engine === 'cached' && name === 'write-to-the-cache' ? 'broken' : undefined,
    )
    const without = advise(answersFrom(given), { report: broken })
    assert.match(
      without.ruledOut.find(({ name }) => name === 'memory over mysql, two-key')?.reasons.join() ?? '',
      /^broken: write to the cache only/,
    )
  })

  test('where the lab has several rows of an engine, the worst counts', () => {
    const { rows, cells, ...rest } = reportWith()
    const row = rows.find(({ name }) => name === 'sqlite') ?? assert.fail()
    const second = cells
      .filter((cell) => cell.row === 'sqlite')
      .map((cell) => ({
        ...cell,
        row: 'sqlite, on tmpfs',
        verdict: cell.attack === 'kill-the-store' ? ('broken' as const) : cell.verdict,
      }))
    const both = { ...rest, rows: [...rows, { ...row, name: 'sqlite, on tmpfs' }], cells: [...cells, ...second] }
    assert.equal(first({ properties: ['durable'] }), 'sqlite, two-key')
    assert.ok(!names({ properties: ['durable'] }, both).includes('sqlite, two-key'))
  })

  test('what breaks an engine under a stronger seal, or every engine under a weaker one, is broken there, too', () => {
    const given = { needs: ['operators-read'], properties: ['final'], have: ['mysql', 'postgres'] } as const
    const advice = advise(answersFrom(given), { report })
    const reasons = (name: string) => advice.ruledOut.find((each) => each.name === name)?.reasons.join()
    assert.match(reasons('mysql, server-key') ?? '', /^broken: put an old row back \(the note was found, in mysql\)/)
    assert.match(reasons('memory over mysql, server-key') ?? '', /^broken: put an old row back/)
    assert.deepEqual(
      advice.recommended.filter(({ name }) => name !== 'memory, none' && name !== 'memory, server-key'),
      [],
    )
    const secrets = reportWith((row, { name }) =>
      row.seal === 'server-key' && name === 'alter-rows' ? 'broken' : undefined,
    )
    const integrity = { needs: ['operators-read'], properties: ['integrity'], have: ['mysql'] } as const
    assert.ok(names(integrity).includes('mysql, server-key'))
    assert.ok(!names(integrity, secrets).includes('mysql, server-key'))
    const one = reportWith((row, { name }) =>
      row.name === 'sqlite, seal server-key' && name === 'alter-rows' ? 'broken' : undefined,
    )
    assert.ok(names(integrity, one).includes('mysql, server-key'))
  })

  test('what breaks the engines that ran under a weaker seal, whatever their seal, is not claimed of another engine', () => {
    const { rows, cells, ...rest } = reportWith()
    const local = rows.filter(({ name }) => name !== 'postgres, seal server-key')
    // SQLite is for one machine, and its row under the key of the server is the only one.
    const shared = names(
      { needs: ['operators-read'], properties: ['shared'], have: ['mysql'] },
      { ...rest, rows: local, cells },
    )
    assert.ok(shared.includes('mysql, server-key'))
  })

  test('an attack whose attacker nobody knows cannot be left out', () => {
    const { attacks, ...rest } = reportWith()
    const strange = {
      ...(ATTACKS[0] as (typeof ATTACKS)[number]),
      name: 'zap',
      title: 'Zap',
      attacker: 'a new kind',
      property: 'integrity' as const,
    }
    const cells = [
      ...rest.cells,
      ...rest.rows.map(({ name }) => ({
        ...(rest.cells[0] as (typeof rest.cells)[number]),
        row: name,
        attack: 'zap',
        verdict: 'broken' as const,
      })),
    ]
    assert.equal(attackerOf(strange), null)
    assert.deepEqual(
      names(
        { properties: ['integrity'], attackers: ['reads-disk'] },
        { ...rest, attacks: [...attacks, strange], cells },
      ),
      [],
    )
  })

  test('the attacks that an attacker can be left out for are attacks of the lab', () => {
    const known: readonly string[] = LAB_ATTACKS.map(({ name }) => name)
    const named = Object.values(ATTACKERS).flatMap(({ attacks }) => attacks)
    assert.deepEqual(
      named.filter((name) => !known.includes(name)),
      [],
    )
    assert.equal(new Set(named).size, named.length, 'each has one attacker')
    for (const each of ['slow-request-and-logout', 'lost-updates', 'two-servers'])
      assert.equal(attackerOf({ name: each }), null, `${each} needs no attacker`)
  })

  test('without a report, only what engines declare counts, and that is said', () => {
    const { recommended, evidence } = advise(answersFrom({ properties: ['durable'] }), { report: null })
    assert.equal(evidence, null)
    assert.equal(recommended[0]?.name, 'sqlite, two-key')
    assert.match(recommended[0]?.reason ?? '', /^no lab run is recorded/)
  })

  test('the recorded run of the lab has every attack that somebody makes, and a row for each store by itself', () => {
    const recorded = recordedReport()
    const ran = new Set(recorded.attacks.map(attackerOf))
    assert.deepEqual(
      Object.keys(ATTACKERS).filter((name) => !ran.has(name as AttackerName)),
      [],
    )
    const alone = candidatesFor({ properties: [], needs: [] }).filter(({ shape }) => shape.kind === 'store')
    for (const candidate of alone)
      assert.ok(
        rowsOf(candidate, recorded).some(({ isExact }) => isExact),
        candidate.name,
      )
  })
})

suite('what engines declare', () => {
  const urls: Record<string, string> = {
    ...{
      memory: 'memory:',
      file: 'file:./never-made',
      sqlite: 'sqlite:./never-made.db',
      postgres: 'postgres://localhost/app',
    },
    ...{ mysql: 'mysql://localhost/app', redis: 'redis://localhost', valkey: 'valkey://localhost' },
    memcached: 'memcached://localhost',
  }
  for (const { name, shape, declared, seal } of candidatesFor({ properties: [], needs: [] })) {
    if (shape.kind !== 'store') continue
    test(`${name}: the traits are those of the engine`, async () => {
      const sessions = createSessions({
        store: urls[shape.store],
        secrets: 'x9Qm2Lr8Vt4Zc6Bn1Wp7Ks3Hd5Fg0JaTy',
        seal: seal as 'two-key',
      })
      const { lists: _lists, endsAll: _ends, merges: _merges, leaves: _leaves, onDisk: _disk, ...traits } = declared
      assert.deepEqual(traits, { ...sessions.policy.traits })
      await sessions.close()
    })
  }

  test('a session of the size that is said to fit into a cookie does fit, and one of twice the size does not', async () => {
    for (const protection of ['sealed', 'signed']) {
      const commit = async (bytes: number) => {
        const sessions = createSessions<{ d: string }>({
          store: `cookie:?protection=${protection}`,
          secrets: 'x9Qm2Lr8Vt4Zc6Bn1Wp7Ks3Hd5Fg0JaTy',
        })
        const visit = sessions.open({})
        const session = await visit.get()
        session.login('user-1234567')
        session.set('d', 'x'.repeat(bytes - 8))
        await visit.commit()
      }
      await commit(COOKIE_ROOM)
      await assert.rejects(commit(COOKIE_ROOM * 2), { code: 'STRONGROOM_TOO_LARGE' })
    }
  })
})

const someReport = fc.array(fc.constantFrom(...VERDICTS, null), { minLength: 400, maxLength: 400 }).map((verdicts) => {
  let at = 0
  return reportWith(() => verdicts[at++] ?? (at % 5 === 0 ? null : 'held'))
})
const someAnswers = fc
  .record({
    properties: fc.subarray([...PROPERTIES]),
    attackers: fc.option(fc.subarray(Object.keys(ATTACKERS) as AttackerName[]), { nil: null }),
    needs: fc.subarray(Object.keys(NEEDS) as Need[], { maxLength: 3 }),
    have: fc.subarray([...BACKENDS]),
    servers: fc.integer({ min: 1, max: 5 }),
    processes: fc.integer({ min: 1, max: 4 }),
    bytes: fc.integer({ min: 0, max: 200_000 }),
    sessions: fc.option(fc.integer({ min: 0, max: 20_000_000 }), { nil: null }),
    requests: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: null }),
  })
  .map(answersFrom)

/** Each run makes a whole report. */
const RUNS = { numRuns: 40 }

suite('for any report and any answers', () => {
  test('nothing is recommended that the report shows as broken for a property that matters', () => {
    fc.assert(
      fc.property(someReport, someAnswers, (by, answers) => {
        const candidates = new Map(candidatesFor(answers).map((each) => [each.name, each]))
        for (const { name } of advise(answers, { report: by }).recommended) {
          const rows = rowsOf(candidates.get(name) ?? assert.fail(name), by).map(({ info }) => info.name)
          const broken = by.cells.filter(({ row, attack, verdict }) => {
            const info = by.attacks.find((each) => each.name === attack)
            return verdict === 'broken' && rows.includes(row) && info && isAsked(info, answers)
          })
          assert.deepEqual(broken, [], name)
        }
      }),
      RUNS,
    )
  })

  test('with nobody left out, no cell of a chosen property is broken, by any attacker', () => {
    fc.assert(
      fc.property(someReport, someAnswers, (by, given) => {
        const answers = { ...given, attackers: null }
        const chosen = by.attacks
          .filter(({ property }) => answers.properties.includes(property))
          .map(({ name }) => name)
        for (const { cells } of advise(answers, { report: by }).recommended) {
          assert.deepEqual(
            cells.map(({ attack }) => attack),
            chosen,
          )
          assert.ok(cells.every(({ verdict }) => verdict !== 'broken'))
        }
      }),
      RUNS,
    )
  })

  test('what is called held is held in the report, on that row', () => {
    fc.assert(
      fc.property(someReport, someAnswers, (by, answers) => {
        for (const { cells } of advise(answers, { report: by }).recommended)
          for (const { row, attack, verdict } of cells)
            if (verdict === 'held')
              assert.ok(by.cells.some((cell) => cell.row === row && cell.attack === attack && cell.verdict === 'held'))
      }),
      RUNS,
    )
  })

  test('every engine is either recommended or ruled out with a reason, and no reason is empty', () => {
    fc.assert(
      fc.property(someReport, someAnswers, (by, answers) => {
        const { recommended, ruledOut: out } = advise(answers, { report: by })
        const all = [...recommended, ...out].map(({ name }) => name)
        assert.deepEqual(
          all.toSorted(),
          candidatesFor(answers)
            .map(({ name }) => name)
            .toSorted(),
        )
        assert.ok(out.every(({ reasons }) => reasons.length > 0 && reasons.every(Boolean)))
        assert.ok(recommended.every(({ reason }) => reason.length > 0))
      }),
      RUNS,
    )
  })

  test('the order does not depend on the order of rows, attacks and answers', () => {
    fc.assert(
      fc.property(someReport, someAnswers, (by, answers) => {
        const turned = {
          ...by,
          rows: by.rows.toReversed(),
          attacks: by.attacks.toReversed(),
          cells: by.cells.toReversed(),
        }
        const back = { ...answers, properties: answers.properties.toReversed(), have: answers.have.toReversed() }
        const list = (report: Report, given: Answers) => advise(given, { report }).recommended.map(({ name }) => name)
        assert.deepEqual(list(turned, back), list(by, answers))
        assert.deepEqual(list(by, answers), list(by, answers))
      }),
      RUNS,
    )
  })

  test('one cell that was not run instead of held never moves an engine up', () => {
    fc.assert(
      fc.property(someReport, someAnswers, fc.nat(), (by, answers, pick) => {
        const held = by.cells.filter(({ verdict }) => verdict === 'held')
        const chosen = held[pick % held.length] ?? assert.fail('nothing is held')
        const cells = by.cells.map((cell) => (cell === chosen ? { ...cell, verdict: 'not run' as const } : cell))
        const place = (report: Report) => {
          const list = advise(answers, { report }).recommended
          return list.flatMap(({ cells: all, name }, at) =>
            all.some(({ row }) => row === chosen.row) ? [[name, at] as const] : [],
          )
        }
        const [before, after] = [new Map(place(by)), new Map(place({ ...by, cells }))]
        const exact = (name: string) =>
          rowsOf(candidatesFor(answers).find((each) => each.name === name) ?? assert.fail(), by).some(
            ({ isExact }) => isExact,
          )
        for (const [name, at] of before) if (exact(name)) assert.ok((after.get(name) ?? 0) >= at, name)
      }),
      RUNS,
    )
  })
})

suite('what rules an engine out', () => {
  test('by what it declares', () => {
    assert.deepEqual(ruledOut({ servers: 3 }, 'sqlite, two-key'), ['3 servers cannot share it'])
    assert.deepEqual(ruledOut({ processes: 2 }, 'memory, none'), ['2 processes cannot share it'])
    assert.deepEqual(ruledOut({ bytes: 64_000 }, 'cookie, sealed'), [
      'a session of 64,000 bytes does not fit (2,800 at most)',
    ])
    assert.deepEqual(ruledOut({ needs: ['devices'] }, 'memcached, two-key'), ['no list of devices'])
    assert.deepEqual(ruledOut({ needs: ['nothing-on-disk'] }, 'sqlite, two-key'), ['it writes to a disk'])
  })

  test('operators who must read sessions get the weaker seal, and only where nobody has the secrets', () => {
    const given = { needs: ['operators-read'], properties: ['private on the server'] } as const
    assert.match(ruledOut(given, 'sqlite, server-key').join(), /open every session/)
    assert.equal(first({ ...given, attackers: ['reads-disk', 'finds-backup'] }), 'sqlite, server-key')
  })
})
