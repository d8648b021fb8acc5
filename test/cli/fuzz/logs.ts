import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MariadbServer } from '../../servers/mariadb.ts'
import { output, withMariadb } from '../databases.ts'
import { DJANGO } from '../planted.ts'
import type { Range } from './damage.ts'
import { type Dump, file, fillForScan } from './dumps.ts'
import { placesOf } from './forms.ts'

/** Options of a server whose binary logs are read. */
export const WITH_LOG = { 'log-bin': 'log', 'server-id': '1', 'binlog-format': 'ROW' }

/** How a server writes its log: settings, which stay for the logs after it. */
const LOGS = [
  'binlog_format = ROW',
  'log_bin_compress = ON',
  'log_bin_compress = OFF, GLOBAL binlog_format = MIXED',
  'binlog_format = STATEMENT',
  'binlog_format = ROW, GLOBAL binlog_checksum = NONE',
  'binlog_checksum = CRC32, GLOBAL binlog_row_image = NOBLOB',
  'binlog_row_image = MINIMAL, GLOBAL binlog_annotate_row_events = OFF',
]
/** Options of mysqlbinlog. */
const PRINTED = [
  [],
  ['-v'],
  ['-vv', '--base64-output=auto'],
  ['-v', '--base64-output=decode-rows'],
  ['-vv', '--base64-output=decode-rows'],
]

/** Sets what is to be logged how, and resolves to the path of the log of `work` alone. */
async function logOf({ url, dir }: MariadbServer, settings: string, work: () => Promise<void>): Promise<string> {
  const ask = (...statements: string[]) =>
    withMariadb(
      url,
      async (pool) => {
        let rows: unknown
        for (const statement of statements) [rows] = await pool.query(statement)
        return rows as { File: string }[]
      },
      'mysql',
    )
  const [log] = await ask(`SET GLOBAL ${settings}`, 'FLUSH BINARY LOGS', 'SHOW MASTER STATUS')
  await work()
  await ask('FLUSH BINARY LOGS')
  return join(dir, 'data', log?.File as string)
}

/** Inserts a row in a procedure, whose statements are logged with NAME_CONST. Resolves to the key. */
async function callProcedure(url: string): Promise<string> {
  const key = randomBytes(16).toString('hex')
  await withMariadb(url, async (pool) => {
    await pool.query('CREATE TABLE kept (k varchar(40), d text)')
    await pool.query('CREATE PROCEDURE keep(k varchar(40), d text) INSERT INTO kept VALUES (k, d)')
    await pool.query('CALL keep(?, ?)', [key, DJANGO[1]?.[1]])
  })
  return key
}

/** The binary logs of a server with these settings, and what mysqlbinlog prints of them. */
export async function logDumps(server: MariadbServer): Promise<Dump[]> {
  const dumps: Dump[] = []
  for (const [i, settings] of LOGS.entries()) {
    const keys: string[] = []
    const path = await logOf(server, settings, async () => {
      const url = server.url.replace(/test$/, `log_${i}`)
      keys.push(...(await fillForScan(url)), await callProcedure(url))
    })
    const isChecked = !settings.includes('NONE')
    const rowsIn = (bytes: Buffer) => keys.map((key) => [...eventsWith(bytes, key)])
    dumps.push(file(`log, ${settings}`, readFileSync(path), keys, { isChecked, rowsIn }))
    for (const args of PRINTED)
      dumps.push(
        file(
          `mysqlbinlog ${args.join(' ')}, ${settings}`,
          output('mysqlbinlog', ['--no-defaults', ...args, path]),
          keys,
          { rowsIn: (bytes) => keys.map((key) => [...linesWith(bytes, key)]) },
        ),
      )
  }
  // Damage to a row that cannot be located would not be excused. What the server has compressed is checked by its sum.
  for (const { name, files, rowsIn } of dumps.filter(({ name }) => !name.includes('compress = ON')))
    for (const bytes of files.values())
      assert.ok(
        rowsIn?.(bytes).every(({ length }) => length > 0),
        `a row of ${name} cannot be located`,
      )
  return dumps
}

const has = (bytes: Buffer, key: string) => placesOf(bytes, key).length > 0

/** The events with a key, each with the one before it, which describes the table. */
function* eventsWith(log: Buffer, key: string): Generator<Range> {
  for (let at = 4, before = 4; at < log.length; ) {
    const end = at + log.readUInt32LE(at + 9)
    if (has(log.subarray(at, end), key)) yield [before, end]
    before = at
    at = end
  }
}

/** The statements and comments with a key: in base64, or as they are, together with a few lines before them. */
function* linesWith(text: Buffer, key: string): Generator<Range> {
  const latin = text.toString('latin1')
  for (const { index, 0: statement, 1: lines = '' } of latin.matchAll(/BINLOG '\n([^']*)'/g)) {
    const bytes = Buffer.concat(lines.split('\n').map((line) => Buffer.from(line, 'base64')))
    if (has(bytes, key)) yield [index, index + statement.length]
  }
  for (const at of placesOf(text, key)) yield [at - 100, at + 20_000]
}
