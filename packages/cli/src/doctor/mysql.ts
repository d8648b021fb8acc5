import type { MysqlBackend } from 'strongroom/internal'
import { type Check, Topic } from './check.ts'
import { serverClock } from './clock.ts'
import { type Examined, inTime, orUnknown } from './examine.ts'
import { mysqlRights } from './mysql-rights.ts'
import { reachOf, tlsCheck } from './network.ts'
import { countsOfRows, foundRows, rowChecks, withoutTable } from './rows.ts'
import { versionCheck } from './versions.ts'

type Query = MysqlBackend['query']

export async function examineMysql(
  { table, query: ask }: MysqlBackend,
  { about, limit, now, every }: Examined,
): Promise<readonly Check[]> {
  const topic = new Topic(about, 'mysql-and-mariadb')
  const query: Query = (sql) => inTime(limit, () => ask(sql))
  const [row] = await query('SELECT VERSION() AS version')
  const version = String(row?.version)
  const server = programOf(version)
  const part = (name: string, work: () => Promise<readonly Check[]>) => orUnknown({ topic, name, limit }, work)
  const parts = await Promise.all([
    part('mysql-settings', () => settings(topic, query)),
    part('mysql-version', async () => [mysqlVersion(topic, version, now())]),
    part('mysql-tls', () => tls(topic, query, server)),
    part('mysql-table', () => tableChecks(topic, query, table)),
    part('mysql-rights', () => mysqlRights(topic, query, table)),
    part('clock', async () => [
      await serverClock(topic, { whose: server, now, ask: async () => momentIn(await query(CLOCK)) }),
    ]),
    part('expired-rows', async () => {
      const [counts] = await query(countsOfRows(table, now()))
      return rowChecks(topic, foundRows(counts), { every, now: now() })
    }),
  ])
  return withoutTable(topic, parts.flat(), 'mysql-table')
}

const programOf = (version: string) => (/mariadb/i.test(version) ? 'MariaDB' : 'MySQL')

/**
 * In UTC: the local time of a server occurs twice in the hour in which its summer time ends, and UNIX_TIMESTAMP(NOW()) takes the one
 * for the other. In microseconds, because UNIX_TIMESTAMP() has whole seconds.
 */
const CLOCK = `SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) AS moment`

const momentIn = ([row]: Awaited<ReturnType<Query>>) => Number(row?.moment) / 1000

const NAMES = [
  'innodb_flush_log_at_trx_commit',
  'log_bin',
  'sync_binlog',
  'innodb_doublewrite',
  'sql_mode',
  'read_only',
  'autocommit',
  'event_scheduler',
]

async function settings(topic: Topic, query: Query): Promise<readonly Check[]> {
  const rows = await query(`SHOW VARIABLES WHERE Variable_name IN (${NAMES.map((name) => `'${name}'`).join(', ')})`)
  const values = new Map(rows.map((row) => [String(row.Variable_name), String(row.Value)]))
  const [global] = await query('SELECT @@GLOBAL.sql_mode AS mode')
  return [
    flushCheck(topic, values.get('innodb_flush_log_at_trx_commit')),
    binlogCheck(topic, values.get('log_bin'), values.get('sync_binlog')),
    doublewriteCheck(topic, values.get('innodb_doublewrite')),
    modeCheck(topic, values.get('sql_mode'), String(global?.mode ?? '')),
    primaryCheck(topic, values.get('read_only')),
  ]
}

function flushCheck(topic: Topic, value: string | undefined): Check {
  const name = 'mysql-flush'
  const setting = 'innodb_flush_log_at_trx_commit'
  if (value === undefined) return topic.unknown(name, `The server does not tell ${setting}.`)
  if (value === '1' || value === '3') return topic.green(name, `${setting} is ${value}.`)
  const mend = `In my.cnf, below [mysqld]: ${setting} = 1`
  if (value === '0')
    return topic.red(
      name,
      `${setting} is 0: a crash of the server undoes the last second, acknowledged logouts included.`,
      mend,
    )
  return topic.amber(name, `${setting} is ${value}: a power cut undoes the last second of logouts.`, mend)
}

function binlogCheck(topic: Topic, log: string | undefined, sync: string | undefined): Check {
  const name = 'mysql-binlog'
  if (log === undefined || sync === undefined) return topic.unknown(name, 'The server does not tell sync_binlog.')
  if (log !== 'ON') return topic.green(name, 'There is no binary log that a commit would have to wait for.')
  if (sync === '1') return topic.green(name, 'sync_binlog is 1.')
  return topic.amber(
    name,
    `sync_binlog is ${sync}: after a power cut, commits that the binary log has lost are undone.`,
    'In my.cnf, below [mysqld]: sync_binlog = 1',
  )
}

function doublewriteCheck(topic: Topic, value: string | undefined): Check {
  const name = 'mysql-doublewrite'
  if (value === undefined) return topic.unknown(name, 'The server does not tell innodb_doublewrite.')
  if (!/^(?:off|0)$/i.test(value)) return topic.green(name, `innodb_doublewrite is ${value}.`)
  return topic.red(
    name,
    'innodb_doublewrite is off: a page that is half written in a power cut cannot be repaired.',
    'In my.cnf, below [mysqld]: innodb_doublewrite = ON',
  )
}

/** Our columns fit exactly, and what does not fit is refused here. The application's other tables lose data in silence. */
function modeCheck(topic: Topic, session: string | undefined, global: string): Check {
  const name = 'mysql-sql-mode'
  if (session === undefined) return topic.unknown(name, 'The server does not tell sql_mode.')
  const isStrict = (mode: string) => /STRICT_(?:TRANS|ALL)_TABLES/.test(mode)
  if (isStrict(session) && isStrict(global)) return topic.green(name, 'sql_mode is strict.')
  return topic.amber(
    name,
    `sql_mode is not strict${isStrict(session) ? ' for new connections of others' : ''}: values that do not fit are cut in silence.`,
    'In my.cnf, below [mysqld]: sql_mode = STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
  )
}

function primaryCheck(topic: Topic, readOnly: string | undefined): Check {
  const name = 'mysql-primary'
  if (readOnly === undefined) return topic.unknown(name, 'The server does not tell read_only.')
  if (/^(?:off|0|no)$/i.test(readOnly)) return topic.green(name, 'This server takes writes.')
  return topic.red(
    name,
    'This server is read-only, as replicas are: it still has sessions that were ended a moment ago.',
    'Name the primary in the URL of the store.',
  )
}

export function mysqlVersion(topic: Topic, full: string, now: number): Check {
  const program = programOf(full)
  const [number = '', major = 0, minor = 0] = /(\d+)\.(\d+)\.\d+/.exec(full.replace(/^5\.5\.5-/, '')) ?? []
  const [first, second] = [Number(major), Number(minor)]
  const isSupported = program === 'MySQL' ? first >= 8 : first > 10 || (first === 10 && second >= 6)
  const needed = program === 'MySQL' ? '8 or later' : '10.6 or later'
  return versionCheck(topic, 'mysql-version', {
    program,
    line: `${first}.${second}`,
    full: number,
    isSupported,
    needed,
    now,
  })
}

async function tls(topic: Topic, query: Query, server: string): Promise<readonly Check[]> {
  const [cipher] = await query(`SHOW SESSION STATUS LIKE 'Ssl_cipher'`)
  const [thread] = await query('SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()')
  // "127.0.0.1:50123", or "localhost" for a socket.
  const client = thread === undefined ? null : String(thread.host ?? thread.HOST).replace(/:\d+$/, '')
  const encrypted = cipher === undefined ? null : String(cipher.Value ?? '') !== ''
  if (client === null) return [topic.unknown('mysql-tls', `${server} does not tell where this connection comes from.`)]
  return [
    tlsCheck(topic, 'mysql-tls', {
      server,
      encrypted,
      reach: reachOf(client),
      mend: 'Add ssl={"rejectUnauthorized":true} to the URL of the store (percent-encoded); in my.cnf, below [mysqld]: ssl_cert, ssl_key and require_secure_transport = ON',
    }),
  ]
}

async function tableChecks(topic: Topic, query: Query, table: string): Promise<readonly Check[]> {
  const [name, database] = table.split('.').reverse()
  const schema = database === undefined ? 'DATABASE()' : `'${database}'`
  const [found] = await query(
    `SELECT engine AS engine, table_comment AS comment FROM information_schema.tables
     WHERE table_schema = ${schema} AND table_name = '${name}'`,
  )
  if (!found)
    return [
      topic.red(
        'mysql-table',
        `There is no table ${table} that this user can see.`,
        'Run npx @strongroom/cli migrate with this --store or --config.',
      ),
    ]
  const isOurs = /^strongroom \d+$/.test(String(found.comment))
  const indexes = await query(
    `SELECT column_name AS name, non_unique AS shared FROM information_schema.statistics
     WHERE table_schema = ${schema} AND table_name = '${name}' AND seq_in_index = 1`,
  )
  return [
    isOurs
      ? topic.green('mysql-table', `The table ${table} is there.`)
      : topic.red(
          'mysql-table',
          `The comment of the table ${table} does not say that it holds sessions of strongroom.`,
          'Choose another name in the option table, and run npx @strongroom/cli migrate.',
        ),
    String(found.engine) === 'InnoDB'
      ? topic.green('mysql-table-engine', 'The table is in InnoDB.')
      : topic.red(
          'mysql-table-engine',
          `The table ${table} is in ${found.engine}, which has no transactions: a crash loses or damages sessions.`,
          `ALTER TABLE ${table} ENGINE = InnoDB`,
        ),
    ...indexChecks(topic, table, indexes),
  ]
}

const NEEDED = [
  ['id', 'by_id', 'UNIQUE KEY by_id (id)', 'Two sessions could get one id, and every request reads the whole table'],
  ['owner', 'by_owner', 'KEY by_owner (owner)', '"Log out everywhere" reads the whole table'],
  ['purge_at', 'by_purge', 'KEY by_purge (purge_at, seq)', 'Each step of a sweep reads the whole table'],
] as const

function indexChecks(
  topic: Topic,
  table: string,
  found: readonly Readonly<Record<string, unknown>>[],
): readonly Check[] {
  return NEEDED.map(([column, , sql, what]) => {
    const check = `mysql-index-${column.replaceAll('_', '-')}`
    const isThere = found.some(({ name, shared }) => name === column && (column !== 'id' || Number(shared) === 0))
    if (isThere) return topic.green(check, `There is an index on ${column}.`)
    return topic.red(check, `There is no index on ${column}. ${what}.`, `ALTER TABLE ${table} ADD ${sql}`)
  })
}
