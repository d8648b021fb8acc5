import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { scanFile } from '../../packages/cli/src/scan/scan.ts'
import { DJANGO } from './planted.ts'
import { Project } from './project.ts'
import { scannerIn } from './scanned.ts'

const project = new Project()
after(() => project.remove())

const scan = (name: string) => scanFile(project.path(name), { pgRestore: null })

const scanned = scannerIn(project)

suite('hostile pages of SQLite', () => {
  const SIZE = 32_768

  /** A page of rows, on which every pointer leads to one cell with thousands of columns, all of them NULL. */
  function overlapping(): Buffer {
    const page = Buffer.alloc(SIZE)
    const [pointers, cells, size] = [8, 8000, 4000]
    const at = pointers + 2 * cells
    page[0] = 13
    page.writeUInt16BE(cells, 3)
    for (let cell = 0; cell < cells; cell++) page.writeUInt16BE(at, pointers + 2 * cell)
    const varint = [0x80 | (size >> 7), size & 127]
    page.set([...varint, 1, ...varint], at)
    return page
  }

  test('pages on which rows overlap are damaged, and are read in a time that is proportional to their size', async () => {
    const database = new DatabaseSync(project.path('pages.db'))
    database.exec(`PRAGMA page_size = ${SIZE}; CREATE TABLE x (y)`)
    database.close()
    const first = readFileSync(project.path('pages.db')).subarray(0, SIZE)
    first.writeUInt32BE(101, 28)
    const pages = Buffer.concat([first, ...Array(100).fill(overlapping())])
    const start = performance.now()
    const { problem } = await scanned(pages)
    // Without a bound, this takes a minute or two.
    assert.ok(performance.now() - start < 15_000)
    assert.match(problem ?? '', /^100 parts of it were not understood: the first is a damaged page/)
  })
})

suite('files beside a SQLite database', () => {
  const [KEY, DATA] = DJANGO[0] as readonly [string, string]
  const TABLE = 'CREATE TABLE s (k text, d text)'

  /** What `use` sees of a database while a transaction of another connection has not ended. */
  async function during(name: string, mode: string, use: () => Promise<void>): Promise<void> {
    const database = new DatabaseSync(project.path(name))
    try {
      database.exec(`PRAGMA journal_mode = ${mode}; PRAGMA secure_delete = ON; ${TABLE}; CREATE TABLE filler (f)`)
      // A row behind the session: what follows a page in a journal is random.
      for (const row of [
        ['x', 'y'],
        [KEY, DATA],
      ] as const)
        database.prepare('INSERT INTO s VALUES (?, ?)').run(...row)
      database.exec(
        "INSERT INTO filler SELECT hex(randomblob(1500)) FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]')",
      )
      // A small cache, so that changed pages are written before the transaction ends.
      database.exec("PRAGMA cache_size = 1; BEGIN; DELETE FROM s; UPDATE filler SET f = replace(f, '0', '1')")
      await use()
      database.exec('COMMIT')
    } finally {
      database.close()
    }
  }

  test('rows that are only in the journal of an unfinished transaction keep the file from an all-clear', async () => {
    await during('hot.db', 'DELETE', async () => {
      const { problem, findings, traces } = await scan('hot.db')
      assert.deepEqual(findings, [])
      assert.match(problem ?? '', /unfinished transaction .*-journal/)
      assert.equal(traces?.django, 1)
    })
    const ended = await scan('hot.db')
    assert.deepEqual([ended.problem, ended.findings], [null, []])
  })

  for (const mode of ['PERSIST', 'TRUNCATE'])
    test(`the journal of a transaction that has ended is no problem in the mode ${mode}`, async () => {
      await during(`${mode}.db`, mode, async () => assert.notEqual((await scan(`${mode}.db`)).problem, null))
      assert.ok(existsSync(project.path(`${mode}.db-journal`)))
      const ended = await scan(`${mode}.db`)
      assert.deepEqual([ended.problem, ended.findings], [null, []])
    })

  test('a link to a database is read with the files beside the database', async () => {
    mkdirSync(project.path('data'))
    symlinkSync(project.path('data', 'real.db'), project.path('link.db'))
    const database = new DatabaseSync(project.path('data', 'real.db'))
    try {
      database.exec(`PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; ${TABLE}`)
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      database.prepare('INSERT INTO s VALUES (?, ?)').run(KEY, DATA)
      const { problem, format, findings } = await scan('link.db')
      assert.deepEqual([problem, format], [null, 'SQLite database and its write-ahead log'])
      assert.deepEqual(findings, [{ table: null, kind: 'django', rows: 1, readable: 'yes' }])
    } finally {
      database.close()
    }
    await during(join('data', 'real.db2'), 'DELETE', async () => {
      symlinkSync(project.path('data', 'real.db2'), project.path('link2.db'))
      assert.match((await scan('link2.db')).problem ?? '', /unfinished transaction/)
    })
  })
})

test('a deleted row of Django is found, though its date follows its signature', async () => {
  const database = new DatabaseSync(project.path('deleted.db'))
  database.exec('CREATE TABLE django_session (session_key text, session_data text, expire_date datetime)')
  const insert = database.prepare("INSERT INTO django_session VALUES (?, ?, '2026-01-01 00:00:00')")
  for (const [key, data] of DJANGO.slice(0, 2)) insert.run(key, data)
  database.exec('PRAGMA secure_delete = OFF; DELETE FROM django_session')
  database.close()
  const { problem, findings } = await scan('deleted.db')
  assert.equal(problem, null)
  assert.deepEqual(findings, [{ table: null, kind: 'django', rows: 2, readable: 'yes' }])
})

suite('SQL of SQLite', () => {
  const BODY = 'CREATE TABLE a (b);\nINSERT INTO a VALUES(1);\n'
  const FORMS: Readonly<Record<string, string>> = {
    '.dump': 'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n',
    '.dump, redirected on Windows': 'PRAGMA foreign_keys=OFF;\r\nBEGIN TRANSACTION;\r\n',
    '.recover': "BEGIN;\nPRAGMA writable_schema = on;\nPRAGMA encoding = 'UTF-8';\n",
    '.dump with a warning': '/* WARNING: it needs more */\nPRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n',
    'iterdump of Python': 'BEGIN TRANSACTION;\n',
  }

  for (const [what, start] of Object.entries(FORMS))
    test(`${what} was read whole only if it ends with its last line`, async () => {
      for (const end of ['COMMIT;\n', 'COMMIT;', 'PRAGMA writable_schema = off;\r\nCOMMIT;\r\n'])
        assert.equal((await scanned(`${start}${BODY}${end}`)).problem, null, JSON.stringify(end))
      for (const end of ['', 'PRAGMA writable_schema = off;\n', 'INSERT INTO a VALUES(2);\n'])
        assert.match((await scanned(`${start}${BODY}${end}`)).problem ?? '', /in the middle of the dump: is it cut off/)
      const { problem } = await scanned(`${start}${BODY}ROLLBACK; -- due to errors\n`)
      assert.match(problem ?? '', /ends with an error of its program/)
    })

  test('SQL that has only some of its statements in a transaction may end with others', async () => {
    assert.equal((await scanned(`${BODY}BEGIN;\n${BODY}COMMIT;\n${BODY}`)).problem, null)
  })
})
