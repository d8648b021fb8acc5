import { randomBytes, randomInt } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import { mysql } from '../../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { isSession, type ScannableStore } from '../../../packages/strongroom/src/store.ts'
import type { MariadbServer } from '../../servers/mariadb.ts'
import type { PostgresServer } from '../../servers/postgres.ts'
import type { RedisServer } from '../../servers/redis.ts'
import {
  fillMariadb,
  fillPostgres,
  fillSqlite,
  mariadbArguments,
  output,
  withMariadb,
  withPostgres,
} from '../databases.ts'
import { DJANGO, plant } from '../planted.ts'
import type { Range } from './damage.ts'

/** A file of a real program, or the files of a directory, with sessions at random places. */
export interface Dump {
  readonly name: string
  readonly files: ReadonlyMap<string, Buffer>
  /** What is in each planted row, as it may be written: the id of the session, or its key. */
  readonly keys: readonly string[]
  /** Are its rows parsed? Otherwise only searched, and the answer is always that it was not read whole. */
  readonly isRead: boolean
  /** Is a change of any byte either noticed or without effect? Then a change inside of a row does not excuse a scan. */
  readonly isChecked?: boolean
  /** Where the rows are, for each key, in a file that does not have the keys as they are. */
  readonly rowsIn?: (bytes: Buffer) => readonly (readonly Range[])[]
}

export const file = (name: string, bytes: Buffer, keys: readonly string[], more: Partial<Dump> = {}): Dump => ({
  name,
  files: new Map([['', bytes]]),
  keys,
  isRead: true,
  ...more,
})

/** Rows of a table of Django's DatabaseCache: the key, and a pickle in base64. */
const CACHED = Array.from({ length: 3 }, () => {
  const key = Array.from({ length: 32 }, () => 'abcdefghijklmnopqrstuvwxyz0123456789'[randomInt(36)]).join('')
  return [
    key,
    `:1:django.contrib.sessions.cache${key}`,
    Buffer.from(`\x80\x05\x95${key}`, 'latin1').toString('base64'),
  ] as const
})
const DJANGO_KEYS = [...DJANGO.map(([key]) => key), ...CACHED.map(([, key]) => key)]

/** A session table under a name that sorts anywhere among the tables of a dump. */
const renamed = () => `${'abcdefghijklmnopqrstuvwxyz'[randomInt(26)]}_table`
const few = () => ({ 'two-key': randomInt(3), 'server-key': randomInt(3), none: 1 + randomInt(3) })

async function idsOf(store: unknown): Promise<string[]> {
  const ids: string[] = []
  for await (const page of (store as ScannableStore).scan()) ids.push(...page.filter(isSession).map(({ id }) => id))
  return ids
}

export async function postgresDumps({ url }: PostgresServer, dir: string): Promise<Dump[]> {
  await fillPostgres(url)
  const table = renamed()
  const stores = [postgres({ url, createTable: true, table }), postgres({ url })]
  await plant(stores[0] as never, few())
  const keys = [...(await idsOf(stores[0])), ...(await idsOf(stores[1])), ...DJANGO_KEYS]
  for (const store of stores) await store.close()
  await withPostgres(url, async (client) => {
    await client.query('CREATE TABLE cache_table (cache_key varchar(255) PRIMARY KEY, value text, expires timestamptz)')
    for (const [, key, value] of CACHED)
      await client.query('INSERT INTO cache_table VALUES ($1, $2, now())', [key, value])
    await client.query(`CREATE TABLE z_rule (a int); CREATE RULE r AS ON INSERT TO z_rule DO INSTEAD (SELECT 1; SELECT 2);
      CREATE VIEW v AS SELECT name, 'a;b' AS b FROM people; COMMENT ON TABLE people IS 'it''s; here'`)
  })
  const dump = (...args: string[]) => output('pg_dump', [url, ...args])
  const directory = (name: string, ...args: string[]): Dump => {
    const path = join(dir, 'pg-directory')
    rmSync(path, { recursive: true, force: true })
    dump('-Fd', `--file=${path}`, ...args)
    const files = readdirSync(path).map((each) => [each, readFileSync(join(path, each))] as const)
    return { name, files: new Map(files), keys, isRead: true }
  }
  const plainDirectory = directory('pg_dump -Fd -Z0', '-Z0')
  const data = [...plainDirectory.files].filter(([name]) => /^\d+\.dat$/.test(name))
  const sessions = data.find(([, bytes]) => bytes.includes(DJANGO[0]?.[0] ?? '')) ?? data[0]
  return [
    file('pg_dump', dump(), keys),
    file('pg_dump --inserts', dump('--inserts'), keys),
    file('pg_dump --column-inserts', dump('--column-inserts', '--rows-per-insert=3'), keys),
    file('pg_dump -Fc -Z0', dump('-Fc', '-Z0'), keys),
    file('pg_dump -Fc', dump('-Fc'), keys, { isChecked: true }),
    file('pg_dump -Ft', dump('-Ft'), keys),
    plainDirectory,
    directory('pg_dump -Fd'),
    file(
      'one file of pg_dump -Fd',
      sessions?.[1] as Buffer,
      DJANGO.map(([key]) => key),
      { isRead: false },
    ),
  ]
}

/** Fills a database, and resolves to the keys of its sessions. */
export async function fillForScan(url: string): Promise<string[]> {
  await fillMariadb(url)
  const stores = [mysql({ url, createTable: true, table: renamed() }), mysql({ url })]
  await plant(stores[0] as never, few())
  const keys = [...(await idsOf(stores[0])), ...(await idsOf(stores[1])), ...DJANGO_KEYS]
  for (const store of stores) await store.close()
  await withMariadb(url, async (pool) => {
    await pool.query(
      'CREATE TABLE cache_table (cache_key varchar(255) PRIMARY KEY, value longtext, expires datetime(6))',
    )
    for (const [, key, value] of CACHED) await pool.query('INSERT INTO cache_table VALUES (?, ?, now())', [key, value])
  })
  return keys
}

export async function mariadbDumps(server: MariadbServer): Promise<Dump[]> {
  const { url } = server
  const keys = await fillForScan(url)
  await withMariadb(url, async (pool) => {
    await pool.query(`CREATE PROCEDURE a_procedure() BEGIN
      insert into customer_orders_archive_2024_2025 select * from people; UPDATE people SET name = 'a;b'; END`)
    await pool.query("CREATE TRIGGER a_trigger BEFORE INSERT ON people FOR EACH ROW BEGIN SET NEW.name = 'it''s'; END")
  })
  const dump = (...args: string[]) => output('mariadb-dump', [...mariadbArguments(url), ...args])
  const tab = join(server.dir, 'tab')
  mkdirSync(tab, { recursive: true })
  dump(`--tab=${tab}`)
  return [
    [],
    ['--skip-extended-insert'],
    ['--complete-insert', '--routines'],
    ['--replace', '--routines', '--events'],
    ['--insert-ignore', '--skip-add-locks'],
    ['--delayed-insert'],
    ['--hex-blob', '--routines'],
    ['--compact', '--hex-blob'],
    ['--compact'],
    ['--skip-quote-names', '--skip-comments'],
    ['--compatible=ansi'],
    ['--no-create-info'],
    ['--skip-opt'],
  ]
    .map((args) => file(`mariadb-dump ${args.join(' ')}`, dump(...args), keys))
    .concat(
      file('mariadb-dump --xml', dump('--xml'), DJANGO_KEYS, { isRead: false }),
      file('mariadb-dump --xml --hex-blob', dump('--xml', '--hex-blob'), keys, { isRead: false }),
      file('mariadb-dump --tab', readFileSync(join(tab, 'strongroom_sessions.txt')), keys, { isRead: false }),
    )
}

export async function sqliteDumps(dir: string): Promise<Dump[]> {
  const path = join(dir, 'fuzz.db')
  await fillSqlite(path)
  const database = new DatabaseSync(path)
  // The log stays while a connection is open.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0')
  const store = sqlite({ database, table: renamed() })
  await plant(store, few())
  const inLog = await idsOf(store)
  const log = readFileSync(`${path}-wal`)
  database.exec('CREATE TABLE cache_table (cache_key varchar(255) PRIMARY KEY, value text, expires datetime)')
  for (const [, key, value] of CACHED) database.prepare('INSERT INTO cache_table VALUES (?, ?, 1)').run(key, value)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE')
  const first = sqlite({ database })
  const keys = [...inLog, ...(await idsOf(first)), ...DJANGO_KEYS]
  const sql = dumpOf(database)
  database.close()
  return [
    file('SQLite database', readFileSync(path), keys),
    file('SQLite log', log, inLog),
    file('SQLite .dump', Buffer.from(sql), keys),
  ]
}

/** What `.dump` of the program sqlite3 prints. */
function dumpOf(database: DatabaseSync): string {
  const lines = ['PRAGMA foreign_keys=OFF;', 'BEGIN TRANSACTION;']
  const tables = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").all()
  for (const { name, sql } of tables) {
    lines.push(`${sql};`)
    const columns = database.prepare(`SELECT name FROM pragma_table_info('${name}')`).all()
    const values = columns.map((column) => `quote("${String(column.name).replaceAll('"', '""')}")`).join(` || ',' || `)
    for (const row of database.prepare(`SELECT ${values} AS v FROM "${name}"`).all())
      lines.push(`INSERT INTO ${/^\w+$/.test(String(name)) ? name : `"${name}"`} VALUES(${row.v});`)
  }
  return `${[...lines, 'COMMIT;'].join('\n')}\n`
}

/** Adds a session as one that comes from another server, and resolves to its key. */
async function restored(client: Redis): Promise<string> {
  const key = randomBytes(16).toString('hex')
  await client.restore(`prefix:${key}`, 0, await client.dumpBuffer(`prefix:${DJANGO[2]?.[0]}`))
  return key
}

export async function redisDumps(server: RedisServer): Promise<Dump[]> {
  const store = redis({ url: server.url })
  await plant(store as never)
  const keys = [...(await idsOf(store)), ...DJANGO_KEYS]
  await store.close()
  const client = new Redis(server.url)
  for (const [key, data] of DJANGO) await client.set(`prefix:${key}`, data)
  for (const [, key, value] of CACHED) await client.set(key, Buffer.from(value, 'base64'), 'EX', 3600)
  keys.push(await restored(client))
  await client.hset('a hash', { field: randomBytes(100), other: 'x'.repeat(500) })
  await client.sadd('a set', 'a', 'b', 3)
  await client.zadd('scores', 1.5, 'a', 2, 'b')
  await client.rpush('a list', ...Array.from({ length: 300 }, (_, i) => `${i} `.repeat(20)))
  for (let i = 0; i < 200; i++) await client.xadd('a stream', '*', 'field', `${i}`)
  await client.xgroup('CREATE', 'a stream', 'group', '0')
  await client.xreadgroup('GROUP', 'group', 'consumer', 'COUNT', 3, 'STREAMS', 'a stream', '>')
  await client.save()
  const rdb = readFileSync(join(server.dir, 'dump.rdb'))
  const folder = join(server.dir, 'appendonlydir')
  const log = readdirSync(folder).find((name) => name.endsWith('.incr.aof')) as string
  const aof = readFileSync(join(folder, log))
  await client.quit()
  return [file('RDB', rdb, keys, { isChecked: true }), file('AOF', aof, keys)]
}
