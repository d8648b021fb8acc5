import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { packTar } from 'modern-tar'
import { scanFile } from '../../packages/cli/src/scan/scan.ts'
import { DJANGO } from './planted.ts'
import { Project } from './project.ts'
import { rowsOf, scannerIn } from './scanned.ts'

const project = new Project()
after(() => project.remove())

const scanned = scannerIn(project)

const [KEY, DATA] = DJANGO[0] as readonly [string, string]
const ROW = `INSERT INTO django_session VALUES ('${KEY}','${DATA}','x');\n`
const SQL = `-- SQL\n${ROW}`

suite('an archive that only pg_restore can read', () => {
  /** Of a version that no release has. */
  const ARCHIVE = Buffer.from('PGDMP\x01\x63\x00\x04\x08\x01', 'latin1')
  const restore = (end: string) => {
    const path = project.path('pg_restore')
    writeFileSync(path, `#!/bin/sh\ncat <<'END'\n${ROW}END\n${end}\n`)
    chmodSync(path, 0o755)
    return path
  }

  test('is read by it', async () => {
    const report = await scanned(ARCHIVE, 'x', restore('exit 0'))
    assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
    assert.equal(report.format, 'PostgreSQL custom archive, read by pg_restore')
    mkdirSync(project.path('directory'))
    writeFileSync(project.path('directory', 'toc.dat'), ARCHIVE)
    const directory = await scanFile(project.path('directory'), { pgRestore: restore('exit 0') })
    assert.deepEqual([directory.problem, rowsOf(directory)], [null, 1])
  })

  for (const end of ['exit 1', 'kill -9 $$'])
    test(`was not read whole when pg_restore ends with ${end}`, async () => {
      const report = await scanned(ARCHIVE, 'x', restore(end))
      assert.match(report.problem ?? '', /unknown version 1\.99, and pg_restore could not read it either/)
      assert.equal(rowsOf(report), 1)
    })

  test('was not read whole when it is in another file, or when there is no pg_restore', async () => {
    const tar = Buffer.from(
      await packTar([{ header: { name: 'a', size: ARCHIVE.length, type: 'file' }, body: ARCHIVE }]),
    )
    for (const bytes of [gzipSync(ARCHIVE), tar, gzipSync(tar)]) {
      const report = await scanned(bytes, 'x', restore('exit 0'))
      assert.match(report.problem ?? '', /pg_restore can read it only as a file of its own/)
      assert.equal(rowsOf(report), 0)
    }
    assert.match((await scanned(ARCHIVE)).problem ?? '', /with pg_restore installed/)
  })
})

suite('rare forms of known formats', () => {
  test('every kind of frame that a zstd reader has to skip is skipped', async () => {
    for (let kind = 0; kind < 16; kind++) {
      const frame = Buffer.from([0x50 + kind, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
      const report = await scanned(Buffer.concat([frame, zstdCompressSync(Buffer.from(SQL)), frame]))
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1], `${kind}`)
    }
  })

  test('SQL in UTF-16 of either byte order is read, with a mark and without one', async () => {
    for (const mark of ['\ufeff', ''])
      for (const isBig of [false, true]) {
        const bytes = Buffer.from(`${mark}${SQL}`, 'utf16le')
        const report = await scanned(isBig ? bytes.swap16() : bytes)
        assert.deepEqual([report.problem, rowsOf(report)], [null, 1], `${mark.length} ${isBig}`)
      }
  })

  test('a dump of Redis from before there were checksums is read', async () => {
    for (const version of ['0001', '0004']) {
      const bytes = Buffer.from(
        `REDIS${version}\xfe\0\xfd\0\0\0\x70\0\x20${KEY}\x40${String.fromCharCode(DATA.length)}${DATA}\xff`,
        'latin1',
      )
      const report = await scanned(bytes)
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1], version)
    }
  })

  test('a file in a tar archive is read whatever its type says', async () => {
    const body = Buffer.from(SQL)
    for (const type of ['0', '\0', '1', '2', '3', '4', '5', '6', '7', 'Z']) {
      const tar = Buffer.from(await packTar([{ header: { name: 'a.sql', size: body.length, type: 'file' }, body }]))
      tar.write(type, 156, 'latin1')
      tar.fill(0x20, 148, 156)
      const sum = tar.subarray(0, 512).reduce((all, byte) => all + byte, 0)
      tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
      const report = await scanned(tar)
      assert.ok(report.problem !== null || rowsOf(report) === 1, `${type}: ${JSON.stringify(report)}`)
    }
  })
})

suite('rare forms of SQLite', () => {
  const COLUMNS = 'payload, version, expires_at, purge_at, created_at, owner, label'
  const HEX = '0123456789abcdef'
  /** Rows around every length at which SQLite moves the end of one to another page. */
  const LENGTHS = [90, 200, 320, 400, 430, 900, 990, 3900, 4000, 9000].flatMap((length) =>
    Array.from({ length: 4 }, (_, i) => length + 7 * i),
  )

  /** A database whose pages end in bytes that it does not use, as those of extensions for encryption and checksums do. */
  function filled(pageSize: number, reserved: number, table: string): string {
    const path = project.path(`${pageSize}-${reserved}-${table.length}.db`)
    const empty = new DatabaseSync(path)
    empty.exec(`PRAGMA page_size = ${pageSize}; PRAGMA user_version = 1`)
    empty.close()
    const page = readFileSync(path)
    page[20] = reserved
    // Where the cells begin: 0 stands for 65536.
    page.writeUInt16BE((pageSize - reserved) % 65_536, 105)
    writeFileSync(path, page)
    const database = new DatabaseSync(path)
    database.exec(table)
    const insert = database.prepare(
      'INSERT INTO s VALUES (?, ?, 7, 1795600000000, 1795600200000, 1795590000000, NULL, NULL)',
    )
    for (const [i, length] of LENGTHS.entries())
      insert.run(
        `${HEX[i >> 4]}${HEX[i & 15]}`.repeat(32),
        Buffer.concat([Buffer.of(0x11), Buffer.alloc(length, 0xa5)]),
      )
    database.exec('VACUUM')
    assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok')
    database.close()
    return path
  }

  for (const pageSize of [1024, 4096, 65_536])
    for (const reserved of [0, 32])
      for (const [what, table] of [
        ['with row ids', `CREATE TABLE s (id text, ${COLUMNS})`],
        ['without row ids', `CREATE TABLE s (id text PRIMARY KEY, ${COLUMNS}) WITHOUT ROWID`],
      ] as const)
        test(`every row ${what} is found once on pages of ${pageSize} bytes, ${reserved} of them reserved`, async () => {
          const report = await scanFile(filled(pageSize, reserved, table), { pgRestore: null })
          assert.deepEqual([report.problem, rowsOf(report)], [null, LENGTHS.length])
        })

  test('long rows on pages that are too small to show what they are were not read', async () => {
    const path = filled(512, 0, `CREATE TABLE s (id text, ${COLUMNS})`)
    const report = await scanFile(path, { pgRestore: null })
    assert.match(report.problem ?? '', /not understood: the first is long rows on small pages/)
    // Short ones, and those that are no sessions, are.
    const database = new DatabaseSync(path)
    database.exec('DELETE FROM s WHERE length(payload) > 300; UPDATE s SET version = 8; VACUUM')
    database.close()
    const short = await scanFile(path, { pgRestore: null })
    assert.deepEqual([short.problem, rowsOf(short)], [null, LENGTHS.filter((length) => length < 300).length])
  })

  test('a write-ahead log is read in the byte order of either kind of machine', async () => {
    const path = project.path('logged.db')
    const database = new DatabaseSync(path)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE s (k text, d text)')
    database.prepare('INSERT INTO s VALUES (?, ?)').run(KEY, DATA)
    const log = readFileSync(`${path}-wal`)
    database.close()
    const other = Buffer.from(log)
    other[3] = (log[3] as number) ^ 1
    // The checksum of the first 24 bytes, as sqlite.org/fileformat2.html has it.
    const read = (at: number) => ((other[3] as number) & 1 ? other.readUInt32BE(at) : other.readUInt32LE(at))
    let [first, second] = [0, 0]
    for (let at = 0; at < 24; at += 8) {
      first = (first + read(at) + second) >>> 0
      second = (second + read(at + 4) + first) >>> 0
    }
    other.writeUInt32BE(first, 24)
    other.writeUInt32BE(second, 28)
    for (const bytes of [log, other]) {
      const report = await scanned(bytes)
      assert.deepEqual([report.problem, report.format], [null, 'write-ahead log of SQLite'])
      assert.ok(rowsOf(report) >= 1)
    }
    other[24] = (other[24] as number) ^ 1
    assert.match((await scanned(other)).problem ?? '', /damaged/)
  })
})

suite('tables', () => {
  const COLUMNS = '(id text, payload blob, expires_at int, purge_at int)'

  for (const kind of ['', 'TEMP', 'TEMPORARY', 'GLOBAL TEMPORARY', 'UNLOGGED', 'FOREIGN', 'OR REPLACE'])
    test(`the columns of CREATE ${kind} TABLE are known`, async () => {
      for (const name of ['t', 'public.t', 'IF NOT EXISTS t']) {
        const create = `-- SQL\nCREATE ${kind} TABLE ${name} ${COLUMNS};\n`
        const table = name.replace('IF NOT EXISTS ', '')
        const empty = await scanned(create)
        assert.deepEqual([empty.problem, empty.findings], [null, [{ table, kind: null, rows: 0, readable: null }]])
        const filled = await scanned(`${create}INSERT INTO ${table} VALUES ('a','b',1,2);\n`)
        assert.deepEqual(
          [filled.problem, filled.findings],
          [null, [{ table, kind: 'unknown', rows: 1, readable: 'yes' }]],
        )
      }
    })

  test('a table with the columns of Django is one of its, whatever its name and its data', async () => {
    const report = await scanned(
      '-- SQL\nCREATE TABLE shop_sessions (session_key text, session_data text, expire_date text);\nINSERT INTO shop_sessions VALUES (1,2,3);\n',
    )
    assert.deepEqual(
      [report.problem, report.findings],
      [null, [{ table: 'shop_sessions', kind: 'django', rows: 1, readable: 'yes' }]],
    )
  })

  test('no table is called empty when there are too many to count the rows of each', async () => {
    const rows = Array.from({ length: 120 }, (_, i) => `INSERT INTO t${i} VALUES ('${KEY}','${DATA}');\n`)
    const report = await scanned(`-- SQL\nCREATE TABLE django_session (a int);\n${rows.join('')}`)
    assert.deepEqual([report.problem, rowsOf(report)], [null, 120])
    assert.ok(report.findings.every(({ kind }) => kind === 'django'))
    assert.equal(report.findings.find(({ table }) => table === null)?.rows, 20)
  })

  for (const how of ['REPLACE', 'IGNORE', 'ABORT', 'ROLLBACK', 'FAIL'])
    test(`a row of INSERT OR ${how} is found`, async () => {
      const report = await scanned(`PRAGMA foreign_keys=OFF;\nINSERT OR ${how} INTO s VALUES('${KEY}','${DATA}');\n`)
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
    })
})
