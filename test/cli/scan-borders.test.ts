import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { readAof } from '../../packages/cli/src/scan/aof.ts'
import { Cursor, parse } from '../../packages/cli/src/scan/cursor.ts'
import { writerOf } from '../../packages/cli/src/scan/dialect.ts'
import { RawSearch } from '../../packages/cli/src/scan/raw.ts'
import { readRdb } from '../../packages/cli/src/scan/rdb.ts'
import { ByteReader } from '../../packages/cli/src/scan/reader.ts'
import { SqlScanner } from '../../packages/cli/src/scan/sql.ts'
import { readDatabase } from '../../packages/cli/src/scan/sqlite.ts'
import { Tally } from '../../packages/cli/src/scan/tally.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { DJANGO, plant } from './planted.ts'
import { Project } from './project.ts'
import { redisCommand, rowsOf, scannerIn } from './scanned.ts'

const project = new Project()
after(() => project.remove())

const scanned = scannerIn(project)

const [KEY, DATA] = DJANGO[0] as readonly [string, string]
const OLD = DJANGO[3]?.[1] as string
const ID = 'ab'.repeat(32)
const MOMENTS = '1795600000000,1795600200000,1795590000000'

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  // Copies, because a reader that looks beyond its chunk must not find the next one there.
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size))
}

/** Reads bytes in chunks of a size. Resolves to what was found, and to what was not understood. */
type Read = (bytes: Buffer, size: number, tally: Tally) => Promise<void>

const sql: Read = async (bytes, size, tally) => {
  const cursor = new Cursor((seen) => tally.outside.push(seen))
  const [, dialect] = writerOf(bytes.toString('latin1'))
  await parse(new SqlScanner(cursor, dialect, tally).statements(), inChunks(bytes, size))
}

suite('where a chunk ends makes no difference', () => {
  const INSERT = `INSERT INTO s VALUES ('${KEY}','${DATA}');\n`
  const FILES: Readonly<Record<string, readonly [Read, string, found: number]>> = {
    'statements of MySQL': [
      sql,
      `-- MariaDB dump\n# it's\nDELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1; END;;\nDELIMITER ;\n/*!40000 INSERT INTO s VALUES (_binary 0x${ID},UNHEX('11${'a5'.repeat(80)}'),7,${MOMENTS}) */;\nINSERT DELAYED INTO \`a\`\`b\` VALUES ('it\\'s','a''b'),('\\\\','');\n${INSERT}`,
      2,
    ],
    'statements of PostgreSQL': [
      sql,
      `-- PostgreSQL database\nSET standard_conforming_strings TO off;\nCREATE FUNCTION f() RETURNS text AS $a$ select '$$a$;\nCOPY public.s (k, d) FROM stdin;\n${KEY}\t${DATA}\n\\N\t\\\\x\\101\n\\.\nINSERT INTO t VALUES (E'it\\'s');\n${INSERT}`,
      2,
    ],
    'sessions beside rows': [sql, `-- SQL\n${INSERT}/* ${KEY}, ${DATA} */\n${INSERT}SELECT ' ${DATA} ';\n${INSERT}`, 3],
    'commands of Redis': [
      (bytes, size, tally) => readAof(new ByteReader(inChunks(bytes, size)), tally),
      `#TS:1795600000\r\n${redisCommand('SET', KEY, DATA)}${redisCommand('PING')}${redisCommand('MSET', 'a', 'b', KEY, OLD)}`,
      2,
    ],
    'keys of a Redis dump': [
      (bytes, size, tally) => readRdb(new ByteReader(inChunks(bytes, size)), tally),
      `REDIS0004\xfe\0\0\x20${KEY}\x40${String.fromCharCode(OLD.length)}${OLD}\xff`,
      1,
    ],
  }
  for (const [what, [read, text, found]] of Object.entries(FILES))
    test(`${what} are read the same in chunks of any size`, async () => {
      const bytes = Buffer.from(text, 'latin1')
      const result = async (size: number) => {
        const tally = new Tally()
        await read(bytes, size, tally)
        return { findings: tally.findings, problem: tally.end() }
      }
      const whole = await result(bytes.length)
      assert.equal(rowsOf(whole), found)
      for (let size = 1; size < bytes.length; size++) assert.deepEqual(await result(size), whole, `chunks of ${size}`)
    })

  test('a SQLite database is read the same in chunks of any size', async () => {
    const path = project.path('chunks.db')
    const database = new DatabaseSync(path)
    database.exec('PRAGMA page_size = 512')
    await plant(sqlite({ database }))
    database.close()
    const bytes = readFileSync(path)
    const result = async (size: number) => {
      const source = { tally: new Tally(), raw: new RawSearch() }
      await readDatabase(new ByteReader(inChunks(bytes, size)), source)
      return source.tally.findings
    }
    const whole = await result(bytes.length)
    for (const size of [1, 7, 99, 511, 513, 4095, 65_537]) assert.deepEqual(await result(size), whole, `${size}`)
  })
})

suite('the search for sessions', () => {
  /** What is seen once, whatever is around it. */
  const SEEN: Readonly<Record<string, readonly [trace: string, bytes: string]>> = {
    "Django's data": ['django', `${KEY},${DATA}`],
    "Django's data before 3.1": ['django', `${KEY},${OLD}`],
    "a key of Django's cache": ['django', `:1:django.contrib.sessions.cache${KEY}`],
    'a cookie of Django': ['cookie', `sessionid=${KEY};`],
    'a cookie of ours': ['cookie', `__Host-id=${'a'.repeat(88)};`],
    'an id beside a record sealed with two keys': ['two-key', `${ID}\x11${'\xa5'.repeat(80)}`],
    'an id beside a record sealed with one key': ['server-key', `${ID}\x12${'\xa5'.repeat(80)}`],
    'an id beside a record in hexadecimal digits': ['server-key', `${ID},0x12${'a5'.repeat(80)}`],
    'an id beside a record in octal digits': ['two-key', `${ID}\t\\\\021\\\\245`],
    'an id beside a record that is not sealed': ['none', `${ID}\t{"c":1795600000000}`],
    'an id beside a value of Redis': ['none', `${ID}\x40\x90\x01\x01${'\xa5'.repeat(80)}`],
    'moments of our row': ['unknown', `${MOMENTS},x`],
    'a session of the file engine': ['unknown', `SRF\x01${'\0'.repeat(60)}`],
  }
  const search = (bytes: Buffer) => {
    const raw = new RawSearch()
    raw.push(bytes)
    return Object.fromEntries(raw.end())
  }

  for (const [what, [trace, text]] of Object.entries(SEEN))
    test(`finds ${what} once, also across the blocks that it reads`, () => {
      const sample = Buffer.from(`|${text}|`, 'latin1')
      assert.deepEqual(search(sample), { [trace]: 1 })
      const bytes = Buffer.alloc(140_000, '!')
      // Where the first block ends, and where the bytes end that the search has then.
      for (const border of [66_048, 66_560])
        for (let at = border - sample.length - 1; at <= border + 1; at++) {
          bytes.fill('!')
          sample.copy(bytes, at)
          assert.deepEqual(search(bytes), { [trace]: 1 }, `at ${at}`)
        }
    })

  test('counts sessions of every seal as those of Strongroom', async () => {
    for (const version of ['11', '12', '15', '16']) {
      const { problem, traces } = await scanned(`id,payload\n${ID},\\x${version}${'a5'.repeat(80)}\n`)
      assert.notEqual(problem, null)
      assert.deepEqual(traces, { strongroom: 1, django: 0, cookies: 0 }, version)
    }
  })

  test('sees what is outside of rows at the beginning of a chunk of the file', async () => {
    const chunk = 1 << 18
    const row = `INSERT INTO t VALUES (1);\n`
    const start = `-- SQL\n/*${'x'.repeat(chunk - 200)}*/\n${row}`
    const comment = `/*${'x'.repeat(chunk - start.length)} ${KEY},${DATA} */\n`
    const { problem } = await scanned(`${start}${comment}${row}`)
    assert.match(problem ?? '', /what looks like sessions outside of rows/)
  })
})

suite('values of any length', () => {
  test('a signature is found at the end of a value, however long', async () => {
    // What is kept of a value is its first 1024 bytes and its last 64.
    for (const [from, to] of [
      [60, 80],
      [1000, 1120],
      [2000, 2100],
    ] as const)
      for (let length = from; length < to; length++) {
        const data = `eyJ${'x'.repeat(length - 3 - 51)}:1r31eq:${'s'.repeat(43)}`
        assert.equal(data.length, length)
        const { problem, findings } = await scanned(`-- SQL\nINSERT INTO s VALUES ('${KEY}','${data}');\n`)
        assert.deepEqual([problem, rowsOf({ findings })], [null, 1], `${length}`)
      }
  })

  const SIGNED = `${Buffer.from('{"_auth_user_id":"1"}').toString('base64url')}:1r31eq:${'s'.repeat(43)}`

  for (const [what, values] of [
    ['a signed cookie', `'${SIGNED}'`],
    ['a row of Django', `'${KEY}','${DATA}'`],
    ['a key of the cache of Django', `':1:django.contrib.sessions.cache${KEY}'`],
    ['a row of Strongroom', `'${ID}',X'11${'a5'.repeat(80)}',7,${MOMENTS}`],
  ])
    test(`${what} is found behind any number of columns`, async () => {
      for (const before of [1, 7, 8, 9, 31, 32, 33, 500]) {
        const row = `INSERT INTO s VALUES (${'1,'.repeat(before)}${values});\n`
        const { problem, findings } = await scanned(`PRAGMA foreign_keys=OFF;\n${row}`)
        assert.deepEqual([problem, rowsOf({ findings })], [null, 1], `${before}`)
      }
    })

  test('rows of more columns than databases have were not read whole', async () => {
    const row = (columns: number) => `INSERT INTO s VALUES (${Array(columns).fill('1')});\n`
    assert.equal((await scanned(`-- SQL\n${row(4096)}`)).problem, null)
    assert.match((await scanned(`-- SQL\n${row(4097)}`)).problem ?? '', /more than 4,096 columns/)
  })

  test('a signed cookie in the header of a request is found', async () => {
    for (const header of [
      `Cookie: sessionid=${SIGNED}`,
      `{"cookie":"lang=en; sessionid=${SIGNED}; a=b"}`,
      `sessionid="${SIGNED}"`,
    ]) {
      const { problem, findings } = await scanned(`-- SQL\nINSERT INTO log VALUES (1,'${header}','GET');\n`)
      assert.deepEqual([problem, rowsOf({ findings })], [null, 1], header)
    }
    const other = `sessionid=${Buffer.from('"text"').toString('base64url')}:1r31eq:${'s'.repeat(43)}`
    assert.equal(rowsOf(await scanned(`-- SQL\nINSERT INTO log VALUES (1,'${other}','GET');\n`)), 0)
  })

  test('rows of tables with 63, 64 and more columns are read whole', async () => {
    for (const count of [63, 64, 65, 100]) {
      const columns = Array.from({ length: count }, (_, i) => `c${i}`)
      const row = `INSERT INTO wide (${columns}) VALUES (${columns.map((_, i) => i)});\n`
      assert.equal((await scanned(`-- SQL\n${row}`)).problem, null, `${count}`)
    }
  })
})
