import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Report, scanFile } from '../../packages/cli/src/scan/scan.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { later } from './archives.ts'
import { fillMariadb, fillPostgres, fillSqlite, mariadbArguments, output } from './databases.ts'
import { DJANGO, PLANTED, plant } from './planted.ts'
import { main, Project } from './project.ts'

const project = new Project()
after(() => project.remove())

const scan = (path: string) => scanFile(path, { pgRestore: null })

/** How many rows of each kind a report has. */
function counts({ findings }: Report): Record<string, number> {
  const all: Record<string, number> = {}
  for (const { kind, rows } of findings) if (kind !== null) all[kind] = (all[kind] ?? 0) + rows
  return all
}

const EVERYTHING = { ...PLANTED, django: DJANGO.length }

async function scanned(name: string, bytes: Buffer | string): Promise<Report> {
  writeFileSync(project.path(name), bytes)
  return scan(project.path(name))
}

async function findsEverything(name: string, bytes: Buffer, format: RegExp): Promise<void> {
  const report = await scanned(name, bytes)
  assert.equal(report.problem, null)
  assert.match(report.format ?? '', format)
  assert.deepEqual(counts(report), EVERYTHING)
}

suite('dumps of PostgreSQL', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
    await fillPostgres(server.url)
  })
  after(() => server.stop())
  const dump = (...args: string[]) => output('pg_dump', [server.url, ...args])

  for (const args of [
    [],
    ['--inserts'],
    ['--column-inserts'],
    ['--rows-per-insert=3'],
    ['--data-only'],
    ['--data-only', '--inserts'],
  ])
    test(`plain ${args.join(' ')}: every planted row is found`, () =>
      findsEverything('dump.sql', dump(...args), /^PostgreSQL dump$/))

  for (const args of [['-Z0'], ['-Z6'], ['--inserts'], ['-Z0', '--inserts']])
    test(`custom ${args.join(' ')}: every planted row is found`, () =>
      findsEverything('dump.custom', dump('-Fc', ...args), /^PostgreSQL custom archive/))

  test('every planted row is found in gzip and zstd of them, also when compressed twice', async () => {
    await findsEverything('dump.gz', dump('-Z6'), /^PostgreSQL dump, gzip$/)
    await findsEverything('dump.zst', zstdCompressSync(dump()), /^PostgreSQL dump, zstd$/)
    await findsEverything('twice.gz', gzipSync(gzipSync(dump('-Fc'))), /^PostgreSQL custom archive, gzip, gzip, gzip$/)
  })

  test('every planted row is found with bytes in the older format of PostgreSQL', async () => {
    const url = `${server.url}?options=-c%20bytea_output%3Descape`
    await findsEverything('escape.sql', output('pg_dump', [url]), /^PostgreSQL dump$/)
  })

  test('archives of later releases are read without pg_restore', async () => {
    const archive = dump('-Fc', '-Z0')
    // A later pg_dump is installed and made all of the archives above, so it need not be imitated.
    if ((archive[6] ?? 0) > 14) return findsEverything('zstd', dump('-Fc', '-Zzstd'), /^PostgreSQL custom archive/)
    for (const [minor, algorithm] of [
      [15, 0],
      [15, 1],
      [16, 1],
      [16, 3],
    ] as const)
      await findsEverything('later.custom', later(archive, minor, algorithm), /^PostgreSQL custom archive/)
  })

  test('a table without rows is reported as empty', async () => {
    for (const args of [['-s'], ['-s', '-Fc']]) {
      const { findings, problem } = await scanned('schema', dump(...args))
      assert.equal(problem, null)
      assert.deepEqual(findings.map(({ table, rows }) => [table, rows]).sort(), [
        ['public.django_session', 0],
        ['public.strongroom_sessions', 0],
      ])
    }
  })

  test('an archive that is cut off before the data of a table, or between two, is reported as cut off', async () => {
    const archive = dump('-Fc', '-Z0')
    const whole = await scanned('whole', archive)
    assert.equal(whole.problem, null)
    // The data of a table begins with its kind (1) and the number of its entry, and the one before it ends with a block of no length.
    let cuts = 0
    for (let at = archive.indexOf(Buffer.from([1, 0])); at >= 0; at = archive.indexOf(Buffer.from([1, 0]), at + 1)) {
      if (at > 0 && at < archive.length / 4) cuts += 1
      if (at > 0 && at < archive.length / 4)
        assert.notEqual((await scanned('cut', archive.subarray(0, at))).problem, null, `at ${at}`)
    }
    assert.ok(cuts > 0)
  })

  test('a dump that is cut off anywhere is reported as cut off', async () => {
    for (const bytes of [dump(), dump('-Fc'), dump('-Fc', '-Z0'), gzipSync(dump())])
      for (let i = 0; i < 40; i++) {
        const cut = bytes.subarray(0, Math.floor((bytes.length * i) / 40))
        const report = await scanned('cut', cut)
        assert.notEqual(report.problem, null, `${i}`)
      }
  })
})

suite('dumps of MariaDB', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  before(async () => {
    server = await startMariadb()
    await fillMariadb(server.url)
  })
  after(() => server.stop())

  for (const args of [
    [],
    ['--hex-blob'],
    ['--skip-extended-insert'],
    ['--complete-insert'],
    ['--no-create-info'],
    ['--no-create-info', '--hex-blob', '--compact'],
    ['--replace'],
  ])
    test(`${args.join(' ')}: every planted row is found`, () =>
      findsEverything(
        'dump.sql',
        output('mariadb-dump', [...mariadbArguments(server.url), ...args]),
        /^(MariaDB or MySQL dump|SQL)$/,
      ))
})

suite('files of SQLite', () => {
  const file = project.path('app.db')
  before(() => fillSqlite(file))

  test('every planted row is found', async () => {
    await findsEverything('app.copy', readFileSync(file), /^SQLite database$/)
    await findsEverything('app.gz', gzipSync(readFileSync(file)), /^SQLite database, gzip$/)
  })

  test('a header with which rows lie outside of their page is damaged', async () => {
    const bytes = Buffer.from(readFileSync(file))
    // How many bytes at the end of each page are not used.
    bytes[20] = 128
    assert.match((await scanned('reserved', bytes)).problem ?? '', /damaged/)
  })

  test('rows that are only in the write-ahead log are found there', async () => {
    const path = project.path('logged.db')
    // The log stays while a connection is open.
    const open = new DatabaseSync(path)
    try {
      open.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE x (y)')
      const store = sqlite({ database: open })
      await plant(store)
      const report = await scan(`${path}-wal`)
      assert.equal(report.problem, null)
      assert.equal(report.format, 'write-ahead log of SQLite')
      // The log has a copy of a page for each time that it was written.
      const both = await scan(path)
      assert.equal(both.format, 'SQLite database and its write-ahead log')
      for (const [kind, count] of Object.entries(PLANTED))
        for (const each of [report, both]) assert.ok((counts(each)[kind] ?? 0) >= count, kind)
    } finally {
      open.close()
    }
  })

  test('a database that is cut off between two pages, or whose first bytes are damaged, was not read whole', async () => {
    const whole = readFileSync(file)
    const pageSize = whole.readUInt16BE(16)
    const cut = await scanned('cut.db', whole.subarray(0, -pageSize))
    assert.match(cut.problem ?? '', /cut off/)
    for (const [at, value] of [
      [16, 0x08],
      [59, 3],
      [59, 9],
    ] as const) {
      const damaged = Buffer.from(whole)
      damaged[at] = value
      assert.match((await scanned('damaged.db', damaged)).problem ?? '', /damaged|cut off/, `${at}`)
    }
  })

  test('a page of rows that no longer says that it is one is searched', async () => {
    const bytes = Buffer.from(readFileSync(file))
    const pageSize = bytes.readUInt16BE(16)
    for (let at = pageSize; at < bytes.length; at += pageSize) if (bytes[at] === 13) bytes[at] = 12
    const report = await scanned('pages.db', bytes)
    for (const kind of Object.keys(PLANTED)) assert.ok((counts(report)[kind] ?? 0) > 0, kind)
  })

  test('deleted rows are found until their bytes are overwritten', async () => {
    const path = project.path('deleted.db')
    writeFileSync(path, readFileSync(file))
    const database = new DatabaseSync(path)
    database.exec('PRAGMA secure_delete = OFF; DELETE FROM strongroom_sessions; DELETE FROM django_session')
    database.close()
    const found = counts(await scan(path))
    for (const kind of [...Object.keys(PLANTED), 'django'])
      assert.ok((found[kind] ?? 0) > 0, `${kind} of ${JSON.stringify(found)}`)
  })

  test('every planted row is found in UTF-16, too', async () => {
    for (const encoding of ['UTF-16le', 'UTF-16be']) {
      const path = project.path(`${encoding}.db`)
      const database = new DatabaseSync(path)
      database.exec(`PRAGMA encoding = '${encoding}'; CREATE TABLE x (y)`)
      const store = sqlite({ database })
      await plant(store)
      database.close()
      const found = counts(await scan(path))
      // A page that was split may have kept a copy of a row that is now in the other half.
      for (const [kind, count] of Object.entries(PLANTED)) assert.ok((found[kind] ?? 0) >= count, kind)
    }
  })

  test('a table with another name, in SQL without column names, is recognized by its rows', async () => {
    const row = `'${'ab'.repeat(32)}',X'11${'00'.repeat(80)}',7,1795600000000,1795600200000,1795590000000,NULL,NULL`
    const text = `PRAGMA foreign_keys=OFF;\nINSERT INTO people VALUES(1,'x');\nINSERT INTO "a table" VALUES(${row});\n`
    const { format, findings } = await scanned('renamed.sql', text)
    assert.equal(format, 'SQLite dump')
    assert.deepEqual(findings, [{ table: 'a table', kind: 'two-key', rows: 1, readable: 'no' }])
  })
})

suite('files that are not dumps, and hostile ones', () => {
  const problem = async (name: string, bytes: Buffer | string) => (await scanned(name, bytes)).problem ?? ''

  test('each file is reported with its problem', async () => {
    assert.match(await problem('x', ''), /empty/)
    assert.match(await problem('x', 'Dear Sir or Madam;\nhow do you do?\n'), /not a known kind of dump/)
    assert.match(await problem('x', randomBytes(100_000)), /./)
    assert.match(await problem('x', Buffer.alloc(1_000_000)), /not a known kind of dump/)
    assert.match(await problem('x', 'PGDMP'), /cut off/)
    assert.match(await problem('x', 'PGDMP\x01\x63\x00\x04\x08\x01'), /version 1\.99/)
    assert.match(await problem('x', 'SQLite format 3\0'), /too short/)
    assert.match(
      await problem('x', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(5000, 0xff)])),
      /damaged/,
    )
    assert.match(await problem('x', Buffer.from('1f8b0800', 'hex')), /cut off|damaged/)
    assert.match(await problem('x', Buffer.from('1f8bffffffffffffffffffffffffffffffffff', 'hex')), /damaged/)
    assert.match(await problem('x', `${'\0'.repeat(257)}ustar${'\0'.repeat(300)}`), /tar/)
    assert.match(await problem('x', '\xfd7zXZ\0'), /not a known kind of dump/)
    assert.match(await problem('x', Buffer.from('\xfd7zXZ\0', 'latin1')), /xz -dc/)
    assert.match((await scan(project.path('nowhere'))).problem ?? '', /no such file/)
    assert.match((await scan(project.dir)).problem ?? '', /directory/)
  })

  test('a dump that ends between two statements is reported as cut off', async () => {
    for (const [first, last] of [
      ['-- PostgreSQL database dump', '-- PostgreSQL database dump complete'],
      ['-- PostgreSQL database cluster dump', '-- PostgreSQL database cluster dump complete'],
      ['-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB', '-- Dump completed on 2026-01-01 00:00:00'],
      ['-- MySQL dump 10.13  Distrib 8.0.40', '-- Dump completed'],
    ]) {
      const statements = `${first}\n\nCREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n`
      assert.match(await problem('x', statements), /in the middle of the dump: is it cut off/, first)
      assert.equal(await problem('x', `${statements}\n${last}\n`), '', first)
    }
  })

  test('random changes to a valid file never make the scan throw', async () => {
    const valid = readFileSync(project.path('app.db'))
    for (let i = 0; i < 100; i++) {
      const bad = Buffer.from(valid)
      for (let j = 0; j < 50; j++) bad[100 + randomInt(bad.length - 100)] = randomInt(256)
      const report = await scanned('bad', bad)
      assert.doesNotMatch(report.problem ?? '', /could not be read/)
    }
  })

  test('UTF-16, which shells of Windows write, and UTF-8 with a byte order mark are read', async () => {
    const text = `-- MariaDB dump\nINSERT INTO \`django_session\` VALUES ('${'k'.repeat(32)}','x','2026-01-01');\n`
    for (const bytes of [
      Buffer.from(`\ufeff${text}`, 'utf16le'),
      Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
      Buffer.from(text, 'utf16le'),
      Buffer.from(`\ufeff${text}`),
    ])
      assert.deepEqual(counts(await scanned('text', bytes)), { django: 1 })
  })

  test('an endless statement, compressed, is read in bounded memory', async () => {
    // 256 MB of one statement, in a file of a quarter of a megabyte.
    const piece = gzipSync(Buffer.alloc(1 << 24, 'x'))
    const bytes = [
      gzipSync("-- MariaDB dump\nINSERT INTO `t` VALUES (1,'"),
      ...Array(16).fill(piece),
      gzipSync("');\n"),
    ]
    writeFileSync(project.path('bomb.gz'), Buffer.concat(bytes))
    const { code, out } = await project.run(['scan', project.path('bomb.gz')], { flags: ['--max-old-space-size=64'] })
    assert.deepEqual(
      [code, out],
      [0, `${project.path('bomb.gz')} (MariaDB or MySQL dump, gzip): read whole, no session rows.\n`],
    )
  })

  test('more than three layers of gzip are refused', async () => {
    let bytes = Buffer.from('-- PostgreSQL database dump\n')
    for (let i = 0; i < 5; i++) bytes = gzipSync(bytes)
    assert.match(await problem('x', bytes), /more than 3 times/)
  })
})

suite('strongroom scan', () => {
  const write = (name: string, kinds: readonly string[]) => {
    const rows = kinds.map(
      (kind, i) => `('${String(i).padStart(64, '0')}','${kind}',1,1795600000000,1795600200000,1,NULL,NULL)`,
    )
    project.write(name, `-- MariaDB dump\nINSERT INTO \`strongroom_sessions\` VALUES ${rows.join(',\n')};\n`)
  }
  const twoKey = `\x11${'x'.repeat(80)}`
  const serverKey = `\x12${'x'.repeat(80)}`
  const unsealed = '{"c":1,"d":2,"i":3}\\n{}'

  before(() => {
    write('two-key.sql', [twoKey])
    write('server-key.sql', [twoKey, serverKey])
    write('unsealed.sql', [twoKey, unsealed])
    project.write('none.sql', '-- MariaDB dump\nCREATE TABLE `strongroom_sessions` (`id` int);\n')
  })

  test('the exit code is 4 when rows can be read, and --fail-on chooses which rows count', async () => {
    for (const [name, readable, keyed, any] of [
      ['none.sql', 0, 0, 0],
      ['two-key.sql', 0, 0, 4],
      ['server-key.sql', 0, 4, 4],
      ['unsealed.sql', 4, 4, 4],
    ] as const) {
      assert.equal((await project.run(['scan', name])).code, readable, name)
      assert.equal((await project.run(['scan', '--fail-on', 'keyed', name])).code, keyed, name)
      assert.equal((await project.run(['scan', '--fail-on', 'any', name])).code, any, name)
    }
  })

  test('it prints what it found, and never a row', async () => {
    write('mixed.sql', [twoKey, twoKey, serverKey, unsealed, 'what is this?'])
    project.write('django.sql', `-- MariaDB dump\nINSERT INTO django_session VALUES ('${DJANGO[0]?.[0]}','x','y');\n`)
    const { code, out, err } = await project.run(['scan', 'mixed.sql', 'none.sql', 'django.sql'])
    assert.deepEqual([code, err], [4, 'strongroom: There are session rows that anyone can read.\n'])
    const at = 'mixed.sql (MariaDB or MySQL dump): '
    assert.deepEqual(out.trimEnd().split('\n'), [
      `${at}2 session rows in strongroom_sessions, sealed with two keys: unreadable without the visitors' cookies.`,
      `${at}1 session row in strongroom_sessions, sealed with one key: readable by anyone who has the server's key.`,
      `${at}1 session row in strongroom_sessions, not sealed: readable as is.`,
      `${at}1 session row in strongroom_sessions, in an unknown format: treat them as readable.`,
      'none.sql (MariaDB or MySQL dump): read whole, no session rows.',
      'none.sql (MariaDB or MySQL dump): the table strongroom_sessions is there, and empty.',
      'django.sql (MariaDB or MySQL dump): 1 session row in django_session, of Django: readable as is, and each key is a cookie that signs its user in.',
    ])
  })

  test('--json prints the same for programs', async () => {
    const { code, out } = await project.run(['scan', '--json', 'server-key.sql', 'missing.sql'])
    assert.equal(code, 1)
    assert.deepEqual(JSON.parse(out), [
      {
        file: 'server-key.sql',
        format: 'MariaDB or MySQL dump',
        answer: 'found',
        problem: null,
        sessions: [
          { table: 'strongroom_sessions', kind: 'two-key', rows: 1, readable: 'no' },
          { table: 'strongroom_sessions', kind: 'server-key', rows: 1, readable: 'with-key' },
        ],
        traces: null,
      },
      {
        file: 'missing.sql',
        format: null,
        answer: 'not read whole',
        problem: 'there is no such file',
        sessions: [],
        traces: null,
      },
    ])
  })

  test('what was not read whole has an exit code and words of its own, and --json says the same', async () => {
    project.write('text.csv', `key,data\n${DJANGO[0]?.join(',')}\n`)
    const { code, out, err } = await project.run(['scan', 'text.csv', 'none.sql'])
    assert.deepEqual([code, err], [5, 'strongroom: 1 of 2 could not be read whole.\n'])
    assert.match(
      out,
      /^text.csv \(text\): NOT READ WHOLE: .*\n.*hold what looks like sessions: at least 1 of Django\.\n/,
    )
    const [first, second] = JSON.parse((await project.run(['scan', '--json', 'text.csv', 'none.sql'])).out)
    assert.deepEqual(
      [first.answer, first.traces, second.answer, second.traces],
      ['not read whole', { strongroom: 0, django: 1, cookies: 0 }, 'none', null],
    )
    assert.equal((await project.run(['scan', 'text.csv', 'unsealed.sql'])).code, 4)
    assert.equal((await project.run(['scan', 'text.csv', 'missing.sql'])).code, 1)
  })

  test('a file that cannot be read to its end is a failure, and what was found before is printed', async () => {
    const whole = readFileSync(project.path('two-key.sql'))
    writeFileSync(project.path('cut.sql'), Buffer.concat([whole, Buffer.from("INSERT INTO `t` VALUES ('")]))
    const { code, out, err } = await project.run(['scan', 'cut.sql'])
    assert.equal(code, 5)
    assert.match(
      out,
      /1 session row in strongroom_sessions, sealed[^\n]+\n.*NOT READ WHOLE.*is it cut off\?\n.*raw bytes/,
    )
    assert.equal(err, 'strongroom: 1 of 1 could not be read whole.\n')
  })

  test('- is standard input', () => {
    const input = readFileSync(project.path('unsealed.sql'))
    const { status, stdout } = spawnSync(process.execPath, [main, 'scan', '-'], {
      input,
      encoding: 'utf8',
      timeout: 30_000,
    })
    assert.deepEqual([status, stdout.split('\n').length], [4, 3])
  })
})
