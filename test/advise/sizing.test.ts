import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { fromJsonLines } from '../../bench/report/record.ts'
import { type Answers, advise, answersFrom, type Sizing } from '../../packages/cli/src/advise/index.ts'
import { allFigures, COSTS, type MeasuredServer, OPERATIONS } from '../../packages/cli/src/advise/measured.ts'
import { bytesStored, logBytes, serverCost } from '../../packages/cli/src/advise/model.ts'
import { root } from '../../scripts/packages.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const { figures } = fromJsonLines(read('docs/benchmarks.jsonl'))
const recorded = (bench: string, contender: string, route: string, unit: string) =>
  figures.find(
    (each) => each.bench === bench && each.contender === contender && each.route === route && each.unit === unit,
  ) ?? assert.fail(`${bench}: ${contender}, ${route}, ${unit} is not recorded`)

const near = (actual: number, expected: number, tolerance: number, what: string) =>
  assert.ok(
    Math.abs(actual / expected - 1) <= tolerance,
    `${what}: ${actual} is not within ${tolerance * 100} % of ${expected}`,
  )

function sizingOf(name: string, given: Partial<Answers>): Sizing {
  const have = ['postgres', 'mysql', 'redis', 'valkey', 'memcached'] as const
  const { recommended } = advise(answersFrom({ have, ...given }), { report: null })
  return recommended.find((each) => each.name === name)?.sizing ?? assert.fail(name)
}
const lineOf = ({ lines }: Sizing, what: string) => lines.find((each) => each.what === what) ?? assert.fail(what)

suite('the model, against what was measured', () => {
  test('every figure that sizing uses is the recorded one, at its place', () => {
    for (const { bench, contender, route, unit, value, kind } of allFigures()) {
      const { value: there, ratioToLimit } = recorded(bench, contender, route, unit)
      if (kind === 'value') assert.equal(value, there, `${contender}, ${route}`)
      else assert.equal(value, 1 / (ratioToLimit ?? Number.NaN), `${contender}, ${route}, growth`)
    }
  })

  // By other measurements than those that the model was made from.
  const SIZES = [
    ['postgres', 'strongroom postgres two-key', 0.15],
    ['redis', 'strongroom redis two-key', 0.15],
    ['memcached', 'strongroom memcached two-key', 0.15],
    ['sqlite', 'strongroom sqlite two-key', 0.15],
    ['file', 'strongroom file two-key', 0.01],
    // InnoDB takes room in steps of megabytes, of which ten thousand sessions leave some unused.
    ['mysql', 'strongroom mysql two-key', 0.25],
  ] as const
  for (const [engine, contender, tolerance] of SIZES)
    test(`${engine}: bytes of ten thousand sessions, within ${tolerance * 100} %`, () => {
      const { value } = recorded('size', contender, '10000 sessions', 'bytes per session')
      near(bytesStored(engine, 1024).value, value, tolerance, engine)
    })

  test('redis: bytes of a million sessions within 15 %, and of ten million small ones within 25 %', () => {
    const at = (route: string) =>
      recorded('size', 'strongroom redis two-key, 2 sessions a user', route, 'bytes per session').value
    near(bytesStored('redis', 1024).value, at('1 million sessions'), 0.15, 'a million')
    // Those records were cut to 200 bytes. The record of a session of 1024 bytes has 1173.
    near(bytesStored('redis', 1024 - (1173 - 200)).value, at('10 million sessions of 200 bytes'), 0.25, 'ten million')
  })

  test('postgres: the table of ten million sessions has the size that docs/benchmarks.md says, within 10 %', () => {
    const [, gigabytes = ''] = /With ten million, in (\d+) GB against/.exec(read('docs/benchmarks.md')) ?? []
    near((bytesStored('postgres', 1024).value * 1e7) / 1e9, Number(gigabytes), 0.1, 'the table')
  })

  test('memory: bytes of ten thousand and of a hundred thousand sessions, within 5 %', () => {
    for (const route of ['10000 sessions', '100000 sessions'])
      near(
        bytesStored('memory', 1024).value,
        recorded('memory', 'strongroom memory two-key', route, 'bytes per session').value,
        0.05,
        route,
      )
  })

  const POINTS = [
    ['postgres', 10_000, '10 thousand sessions', '10 million sessions'],
    ['redis', 10_000, '10 thousand sessions', '10 million sessions of 200 bytes'],
  ] as const
  for (const [server, few, small, large] of POINTS)
    for (const operation of ['read', 'write', 'login'] as const)
      test(`${server}: what a ${operation} costs its server among ten thousand, a million and ten million sessions, within 15 %`, () => {
        const unit = "µs of the server's processor time"
        const point = (among: string) =>
          recorded('scale', `strongroom ${server} two-key, no memo`, `${operation} among ${among}`, unit)
        const cost = (sessions: number) => serverCost(server, operation, sessions).value
        near(cost(few), point(small).value, 0.15, small)
        near(cost(1_000_000), point('1 million sessions').value, 0.15, 'a million')
        // Ten million were measured on a busier machine, beside ten thousand: the growth can be compared, and not the time.
        near(cost(10_000_000) / cost(few), 1 / (point(large).ratioToLimit ?? Number.NaN), 0.15, large)
      })

  test('postgres: a read among a hundred thousand sessions, measured by itself, within 15 %', () => {
    const { value } = recorded('storage', 'strongroom postgres two-key', 'read', "µs of the server's processor time")
    near(serverCost('postgres', 'read', 100_000).value, value, 0.15, 'read')
  })

  test('more sessions, larger sessions and more requests never need less', () => {
    const servers = Object.keys(COSTS) as MeasuredServer[]
    const count = fc.integer({ min: 0, max: 100_000_000 })
    fc.assert(
      fc.property(
        fc.constantFrom(...servers),
        fc.constantFrom(...OPERATIONS),
        count,
        count,
        (server, operation, a, b) => {
          const [few, many] = [Math.min(a, b), Math.max(a, b)]
          // A login in Redis was 7 % cheaper among ten million: noise, and no promise.
          assert.ok(serverCost(server, operation, many).value >= serverCost(server, operation, few).value * 0.9)
        },
      ),
    )
    const bytes = fc.integer({ min: 0, max: 200_000 })
    fc.assert(
      fc.property(fc.constantFrom('postgres', 'mysql', 'redis'), bytes, bytes, (server, a, b) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)]
        assert.ok(bytesStored(server, large).value >= bytesStored(server, small).value)
        assert.ok(bytesStored(server, small).value > small * 0.5)
        assert.ok(logBytes(server, 'write', large).value >= logBytes(server, 'write', small).value)
      }),
    )
  })
})

const LOAD = { servers: 3, processes: 4, sessions: 1_000_000, requests: 5000, logins: 20 } as const

suite('the arithmetic', () => {
  test('is shown: of a product, the value is what its formula says, within the digits that are printed', () => {
    const names = ['postgres', 'mysql', 'redis', 'memcached', 'sqlite', 'memory over postgres']
    let checked = 0
    for (const name of names)
      for (const { what, formula, value } of sizingOf(
        name === 'sqlite' ? 'postgres, two-key' : `${name}, two-key`,
        LOAD,
      ).lines) {
        const terms = formula
          .replaceAll(',', '')
          .replace(/ \(\w+\)/g, '')
          .split(' + ')
        const factors = terms.map((term) => /^([\d.]+)(?: [a-z]+)? × ([\d.]+)( µs| bytes)?$/.exec(term))
        if (!factors.every((each) => each !== null)) continue
        const unit = factors[0]?.[3] === ' µs' ? 1e-6 : 1
        const sum = factors.reduce((total, match) => total + Number(match?.[1]) * Number(match?.[2]) * unit, 0)
        near(value, sum, 0.02, what)
        checked++
      }
    assert.ok(checked > 30, `${checked} lines`)
  })

  test('a million sessions of 1 KB in PostgreSQL', () => {
    const sizing = sizingOf('postgres, two-key', LOAD)
    assert.equal(lineOf(sizing, 'disk').value, 2_247_000_000)
    assert.equal(lineOf(sizing, 'disk').shown, '2.09 GB')
    assert.equal(lineOf(sizing, 'connections, at most').value, 120)
    // 10 touches in an idle limit of 30 minutes would be 5,556 a second; no more than there are requests that only read.
    assert.equal(lineOf(sizing, 'touches, at most').value, 4500)
    assert.equal(lineOf(sizing, 'a sweep must remove').value, 20)
    near(lineOf(sizing, 'an hourly sweep takes').value, (20 * 3600) / 20_730, 0.01, 'the sweep')
    near(lineOf(sizing, 'write-ahead log').value, 4500 * 477.8 + 500 * 1548 + 20 * (1921 + 1580), 0.01, 'WAL')
    assert.equal(sizing.enough, true)
    assert.match(sizing.next[0] ?? '', /is enough, up to about [\d,]+ requests a second/)
  })

  test('touches are limited by the sessions, where these are few', () => {
    const sizing = sizingOf('postgres, two-key', { ...LOAD, sessions: 18_000, logins: 1 })
    assert.equal(lineOf(sizing, 'touches, at most').value, 100)
  })

  test('sessions at a time follow from logins and lifetime, where only these are known', () => {
    const sizing = sizingOf('postgres, two-key', { logins: 10, lifetime: 3_600_000, idle: 600_000 })
    assert.equal(lineOf(sizing, 'sessions at a time').value, 36_000)
  })

  test('every figure names its place in the documentation, and that exists', () => {
    const page = read('docs/benchmarks.md')
    for (const { source } of sizingOf('memory over postgres, two-key', LOAD).lines) {
      if (source === null) continue
      const [file = '', rest = ''] = source.split(': ')
      assert.ok(read(file).length > 0)
      const contender = rest.split(/[,;]/)[0] ?? ''
      if (file === 'docs/benchmarks.md') assert.ok(page.includes(contender), source)
    }
  })

  test('without a load there are no sizes, and nothing is made up', () => {
    const [first] = advise(answersFrom({}), { report: null }).recommended
    assert.equal(first?.sizing, null)
  })
})

suite('when one server is not enough', () => {
  const much = { ...LOAD, sessions: 10_000_000, requests: 60_000, logins: 250 }

  test('PostgreSQL: it is said, with a cache in front where reads are the most, and no replicas', () => {
    const sizing = sizingOf('postgres, two-key', { ...much, sessions: 200_000 })
    assert.equal(sizing.enough, false)
    assert.match(sizing.next[0] ?? '', /^One server with 8 processors and 32 GB is not enough/)
    assert.match(sizing.next.join('\n'), /Put a cache in front/)
    assert.match(sizing.next.join('\n'), /Redis Cluster.*replicas do not help/)
  })

  test('the limit that is named is where it stops being enough', () => {
    const exact = sizingOf('redis, two-key', { ...LOAD, sessions: 100_000 })
    const around = (share: number) =>
      sizingOf('redis, two-key', { ...LOAD, sessions: 100_000, requests: (exact.upTo ?? 0) * share, logins: 20 }).enough
    assert.deepEqual([around(0.9), around(1.2)], [true, false])
  })

  test('Redis: as many masters as the memory and the one processor need, each at most 60 % full', () => {
    const sizing = sizingOf('redis, two-key', { ...much, memory: 8 })
    assert.equal(sizing.enough, false)
    assert.equal(sizing.spreads, true)
    const memory = sizing.limits.find(({ what }) => what === 'memory')
    const masters = Math.ceil((memory?.share ?? 0) / 0.6)
    assert.ok(masters > 3)
    assert.match(sizing.next.join('\n'), new RegExp(`Redis Cluster .* with ${masters} masters of 8 GB`))
  })

  test('a sweep that is always busy: more runners, and no partitions by deadline', () => {
    const sizing = sizingOf('postgres, two-key', { ...LOAD, logins: 15_000 })
    assert.match(sizing.next.join('\n'), /A sweep is busy 72\.4 % of the time/)
    assert.match(sizing.next.join('\n'), /Partitions by deadline are no way out/)
    const calm = sizingOf('postgres, two-key', LOAD)
    assert.doesNotMatch(calm.next.join('\n'), /artitions/)
  })

  test('too many connections are a setting, and no reason for another engine', () => {
    const sizing = sizingOf('postgres, two-key', { ...LOAD, servers: 10, processes: 9 })
    assert.equal(sizing.enough, true)
    assert.match(sizing.next.join('\n'), /Set max=1 in the URL, or put pgbouncer/)
    const many = sizingOf('postgres, two-key', { ...LOAD, servers: 50, processes: 8 })
    assert.match(
      many.next.join('\n'),
      /Set max=1 in the URL, and put pgbouncer .*: even so, 400 processes are too many/,
    )
  })

  test('a cache that listens to changes takes more reads away than one that forgets after ten seconds', () => {
    const misses = (name: string) => lineOf(sizingOf(name, LOAD), 'reads that miss the cache').value
    assert.ok(misses('memory over postgres, two-key') < misses('memory over mysql, two-key'))
    assert.ok(misses('redis over mysql, two-key') <= 5000)
  })
})
