import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { type Report, scanFile } from '../../packages/cli/src/scan/scan.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import { count } from '../support/counts.ts'
import { DAMAGE, type Range } from './fuzz/damage.ts'
import { type Dump, mariadbDumps, postgresDumps, redisDumps, sqliteDumps } from './fuzz/dumps.ts'
import { placesOf } from './fuzz/forms.ts'
import { logDumps, WITH_LOG } from './fuzz/logs.ts'
import { PACKINGS } from './fuzz/packing.ts'
import { Random } from './fuzz/random.ts'
import { Project } from './project.ts'
import { rowsOf } from './scanned.ts'

/** For each kind of database. */
const SECONDS = Number(process.env.STRONGROOM_SCAN_FUZZ ?? 3)
if (!(SECONDS > 0)) throw new Error('STRONGROOM_SCAN_FUZZ is a number of seconds.')
const SEED = Number(process.env.STRONGROOM_SEED ?? Date.now() % 1_000_000)

/** Where a file is kept that was misread. */
const MISSED = join(tmpdir(), 'strongroom-scan-missed')

const project = new Project()
after(() => project.remove())

/** A row goes on to the next key, or for as long as the longest row. */
const LONGEST_ROW = 20_000

/** For each key, where its rows are in a file that is not compressed: a key may be in an index too, or in another row's text. */
function rowsIn(bytes: Buffer, keys: readonly string[]): Range[][] {
  const starts = keys.map((key) => placesOf(bytes, key))
  const sorted = starts.flat().sort((a, b) => a - b)
  return starts.map((all) =>
    all.map((start): Range => {
      const next = sorted.find((at) => at > start) ?? bytes.length
      return [start, Math.min(next, start + LONGEST_ROW)]
    }),
  )
}

interface Made {
  readonly files: ReadonlyMap<string, Buffer>
  /** How many of the planted rows are in it as they were. */
  readonly intact: number
  readonly how: string
}

/** Damages one of the files, or none; then compresses a file, or writes it in UTF-16. */
function make(dump: Dump, random: Random): Made {
  const files = new Map(dump.files)
  const name = random.of([...files.keys()])
  const bytes = files.get(name) as Buffer
  const isDamaged = random.below(4) > 0 && bytes.length > 0
  const { bytes: changed, ranges } = isDamaged ? random.of(DAMAGE)(bytes, random) : { bytes, ranges: [] }
  const isHit = ([start, end]: Range) => ranges.some(([from, to]) => from <= end && to >= start)
  const rows = dump.isChecked ? [] : (dump.rowsIn?.(bytes) ?? rowsIn(bytes, dump.keys))
  const hit = rows.filter((rows) => rows.some(isHit)).length
  files.set(name, changed)
  const intact = dump.keys.length - hit
  const how = `${dump.name}${isDamaged ? `, ${name} damaged at ${ranges.map(([from, to]) => `${from}-${to}`)} of ${bytes.length}` : ''}`
  if (files.size > 1 || random.below(3) > 0) return { files, intact, how }
  return { ...packed(changed, random), intact, how: `${how}, then packed` }
}

function packed(bytes: Buffer, random: Random): { files: ReadonlyMap<string, Buffer> } {
  const isText = !bytes.includes(0) && bytes.every((byte) => byte < 128)
  if (isText && bytes.length > 0 && random.below(4) === 0)
    return { files: new Map([['', Buffer.from(`\ufeff${bytes.toString('latin1')}`, 'utf16le')]]) }
  const pack = random.of(Object.values(PACKINGS))
  const whole = bytes.length === 0 ? bytes : pack(bytes, random)
  // Damage to what is compressed is noticed: its checksum is wrong.
  const damage = random.below(3) === 0 && whole.length > 0 ? random.of(DAMAGE)(whole, random).bytes : whole
  return { files: new Map([['', damage]]) }
}

function write(made: Made): string {
  const path = project.path('fuzzed')
  rmSync(path, { recursive: true, force: true })
  const [only] = made.files.values()
  if (made.files.size === 1) writeFileSync(path, only as Buffer)
  else {
    mkdirSync(path)
    for (const [name, bytes] of made.files) writeFileSync(join(path, name), bytes)
  }
  return path
}
const tracesOf = ({ traces }: Report) => (traces ? traces.strongroom + traces.django + traces.cookies : 0)

async function fuzz(dumps: readonly Dump[]): Promise<void> {
  const sums = { files: 0, planted: 0, found: 0, 'not understood': 0, missed: 0 }
  const check = async (made: Made, message: string) => {
    const report = await scanFile(write(made), { pgRestore: null })
    const found = Math.min(rowsOf(report), made.intact)
    sums.files += 1
    sums.planted += made.intact
    sums.found += found
    if (report.problem !== null) sums['not understood'] += 1
    else if (found < made.intact) {
      sums.missed += made.intact - found
      // The ids in it are random: the seed alone does not make it again.
      cpSync(project.path('fuzzed'), MISSED, { recursive: true })
      assert.fail(`${made.intact - found} of ${made.intact} rows are missed, in ${MISSED}: ${message}`)
    }
    return report
  }
  for (const dump of dumps) await whole(dump, check)
  const end = performance.now() + SECONDS * 1000
  for (let seed = SEED; performance.now() < end; seed++) {
    const random = new Random(seed)
    const made = make(random.of(dumps), random)
    await check(made, `${made.how} (STRONGROOM_SEED=${seed})`)
  }
  count('scan of damaged dumps', sums)
}

/** As its program wrote it: every row is found, and nothing is said about it that is not so. */
async function whole(dump: Dump, check: (made: Made, message: string) => Promise<Report>): Promise<void> {
  const report = await check({ files: dump.files, intact: dump.keys.length, how: dump.name }, dump.name)
  if (dump.isRead) assert.equal(report.problem, null, dump.name)
  else {
    assert.notEqual(report.problem, null, dump.name)
    assert.ok(tracesOf(report) > 0, `nothing is found in the raw bytes of ${dump.name}`)
  }
}

suite('every planted row of a damaged dump is found, or the scan says that it was not read whole', () => {
  test('PostgreSQL', { skip: postgresNeed.skip }, async () => {
    const server = await startPostgres()
    try {
      await fuzz(await postgresDumps(server, project.dir))
    } finally {
      await server.stop()
    }
  })

  test('MariaDB', { skip: mariadbNeed.skip }, async () => {
    const server = await startMariadb()
    try {
      await fuzz(await mariadbDumps(server))
    } finally {
      await server.stop()
    }
  })

  test('binary logs of MariaDB', { skip: mariadbNeed.skip }, async () => {
    const server = await startMariadb(WITH_LOG)
    try {
      await fuzz(await logDumps(server))
    } finally {
      await server.stop()
    }
  })

  test('SQLite', async () => fuzz(await sqliteDumps(project.dir)))

  test('Redis', { skip: redisNeed.skip }, async () => {
    const server = await startRedis()
    try {
      await fuzz(await redisDumps(server))
    } finally {
      await server.stop()
    }
  })
})
