import type { PostgresBackend } from 'strongroom/internal'
import { type Check, Topic } from './check.ts'
import { serverClock } from './clock.ts'
import { type Examined, inTime, orUnknown } from './examine.ts'
import { reachBetween, tlsCheck } from './network.ts'
import { replicaCheck } from './postgres-replicas.ts'
import { postgresRights } from './postgres-rights.ts'
import { countsOfRows, foundRows, rowChecks, withoutTable } from './rows.ts'
import { versionCheck } from './versions.ts'

type Query = PostgresBackend['query']

export async function examinePostgres(
  { table, query: ask }: PostgresBackend,
  { about, limit, now, every }: Examined,
): Promise<readonly Check[]> {
  const topic = new Topic(about, 'postgresql')
  const query: Query = (text) => inTime(limit, () => ask(text))
  await query('SELECT 1')
  const part = (name: string, work: () => Promise<readonly Check[]>) => orUnknown({ topic, name, limit }, work)
  const parts = await Promise.all([
    part('postgres-settings', () => settings(topic, query)),
    part('postgres-version', () => version(topic, query, now())),
    part('postgres-tls', () => tls(topic, query)),
    part('postgres-table', () => tableChecks(topic, query, table)),
    part('postgres-replicas', () => replicaCheck(topic, query)),
    part('postgres-rights', () => postgresRights(topic, query, table)),
    part('clock', async () => [await serverClock(topic, { whose: 'PostgreSQL', now, ask: () => clockOf(query) })]),
    part('expired-rows', async () => {
      const [[live, expired, oldest] = []] = await query(countsOfRows(table, now()))
      return rowChecks(topic, foundRows({ live, expired, oldest }), { every, now: now() })
    }),
  ])
  return withoutTable(topic, parts.flat(), 'postgres-table')
}

async function clockOf(query: Query): Promise<number> {
  const [[moment] = []] = await query('SELECT extract(epoch FROM clock_timestamp()) * 1000')
  return Number(moment)
}

interface Setting {
  readonly name: string
  readonly bad: readonly string[]
  readonly level: 'amber' | 'red'
  readonly why: string
  readonly good: string
}

const SETTINGS: readonly Setting[] = [
  {
    name: 'fsync',
    bad: ['off'],
    level: 'red',
    why: 'after a power cut, acknowledged logouts are undone, and the database may be damaged',
    good: 'on',
  },
  {
    name: 'full_page_writes',
    bad: ['off'],
    level: 'red',
    why: 'a page that is half written in a power cut cannot be repaired',
    good: 'on',
  },
  {
    name: 'synchronous_commit',
    bad: ['off'],
    level: 'red',
    why: 'a crash of the server undoes the last logouts and revocations, although they were acknowledged',
    good: 'on',
  },
  {
    name: 'autovacuum',
    bad: ['off'],
    level: 'red',
    why: 'every request leaves a dead version of a row, and the table grows without end',
    good: 'on',
  },
  {
    name: 'track_counts',
    bad: ['off'],
    level: 'red',
    why: 'autovacuum never learns that there is something to do',
    good: 'on',
  },
]

async function settings(topic: Topic, query: Query): Promise<readonly Check[]> {
  const names = SETTINGS.map(({ name }) => `current_setting('${name}', true)`)
  const [found = []] = await query(
    `SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only'), ${names.join(', ')}`,
  )
  const [isReplica, readOnly, ...values] = found
  const asynchronous = await rolesWithoutSync(query)
  const checks = SETTINGS.map((setting, i) => settingCheck(topic, setting, values[i] ?? null))
  return [
    primaryCheck(topic, isReplica, readOnly),
    ...checks.map((check) =>
      check.name === 'postgres-synchronous-commit' && check.level === 'green' && asynchronous.length > 0
        ? syncOfOthers(topic, asynchronous)
        : check,
    ),
  ]
}

function primaryCheck(topic: Topic, isReplica: string | null | undefined, readOnly: string | null | undefined): Check {
  const name = 'postgres-primary'
  if (isReplica === 't')
    return topic.red(
      name,
      'This server is a replica: it still has sessions that were ended a moment ago, and takes no writes.',
      'Name the primary in the URL of the store, or add target_session_attrs=read-write for a list of hosts.',
    )
  if (isReplica !== 'f') return topic.unknown(name, 'The server does not tell whether it is a replica.')
  if (readOnly === 'on')
    return topic.red(
      name,
      'default_transaction_read_only is on here, so nobody can log in or log out.',
      'ALTER DATABASE … RESET default_transaction_read_only (the same for the role, and in postgresql.conf). Some providers set it when a disk is full.',
    )
  return topic.green(name, 'This server is the primary.')
}

/** Roles whose own settings for this database turn it off: the application may be one of them, although this connection is not. */
async function rolesWithoutSync(query: Query): Promise<readonly string[]> {
  const found = await query(
    `SELECT rolname FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
     WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
       AND 'synchronous_commit=off' = ANY (s.setconfig) AND r.rolname <> current_user
     ORDER BY rolname`,
  )
  return found.map(([role]) => role ?? '')
}

function syncOfOthers(topic: Topic, roles: readonly string[]): Check {
  const role = roles[0] ?? ''
  return topic.amber(
    'postgres-synchronous-commit',
    `synchronous_commit is on for this role, and off for the role ${roles.join(', ')}: if the application uses that, a crash of the server undoes its last logouts.`,
    `ALTER ROLE ${role} RESET synchronous_commit; with IN DATABASE, if it is set for that.`,
  )
}

function settingCheck(topic: Topic, { name, bad, level, why, good }: Setting, value: string | null): Check {
  const check = `postgres-${name.replaceAll('_', '-')}`
  if (value === null || value === '') return topic.unknown(check, `The server does not tell ${name}.`)
  if (!bad.includes(value)) return topic.green(check, `${name} is ${value}.`)
  const where =
    name === 'synchronous_commit'
      ? `In postgresql.conf: ${name} = ${good}; or ALTER ROLE … SET ${name} = ${good}, if it is set for the role or the database.`
      : `In postgresql.conf: ${name} = ${good}`
  return topic[level](check, `${name} is ${value}: ${why}.`, where)
}

async function version(topic: Topic, query: Query, now: number): Promise<readonly Check[]> {
  const [[number, full] = []] = await query(
    `SELECT current_setting('server_version_num'), current_setting('server_version')`,
  )
  const major = Math.floor(Number(number) / 10_000)
  return [
    versionCheck(topic, 'postgres-version', {
      program: 'PostgreSQL',
      line: String(major),
      full: full?.split(' ')[0] ?? '',
      isSupported: major >= 12,
      needed: '12 or later',
      now,
    }),
  ]
}

async function tls(topic: Topic, query: Query): Promise<readonly Check[]> {
  const [[encrypted, client, server] = []] = await query(
    `SELECT (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()),
       host(inet_client_addr()), host(inet_server_addr())`,
  )
  return [
    tlsCheck(topic, 'postgres-tls', {
      server: 'PostgreSQL',
      encrypted: encrypted === null || encrypted === undefined ? null : encrypted === 't',
      reach: reachBetween(client ?? null, server ?? null),
      mend: 'Add sslmode=verify-full to the URL of the store; in postgresql.conf: ssl = on, with ssl_cert_file and ssl_key_file.',
    }),
  ]
}

async function tableChecks(topic: Topic, query: Query, table: string): Promise<readonly Check[]> {
  const [found] = await query(
    // A partitioned table has no rows of its own: each of its partitions is in the write-ahead log, or is not.
    `SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid
         WHERE p.relpersistence = 'u') THEN 'u' ELSE c.relpersistence END,
       coalesce((SELECT string_agg(array_to_string(p.reloptions, ','), ',')
         FROM pg_class p WHERE p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_partition_tree(c.oid))), ''),
       obj_description(c.oid, 'pg_class')
     FROM pg_class c WHERE c.oid = to_regclass('${table}')`,
  )
  if (!found)
    return [
      topic.red(
        'postgres-table',
        `There is no table ${table} that this role can see.`,
        'Run npx @strongroom/cli migrate with this --store or --config, or grant USAGE on its schema.',
      ),
    ]
  const [persistence, options = '', comment] = found
  const isOurs = /\bstrongroom format \d+/.test(comment ?? '')
  return [
    isOurs
      ? topic.green('postgres-table', `The table ${table} is there.`)
      : topic.red(
          'postgres-table',
          `The comment of the table ${table} does not say that it holds sessions of strongroom.`,
          'Choose another name in the option table, and run npx @strongroom/cli migrate.',
        ),
    persistence === 'u'
      ? topic.red(
          'postgres-unlogged',
          `The table ${table} is UNLOGGED: a crash of the server empties it, and it is on no replica.`,
          `ALTER TABLE ${table} SET LOGGED`,
        )
      : topic.green('postgres-unlogged', `The table ${table} is in the write-ahead log.`),
    /autovacuum_enabled=(?:false|off|0|no)\b/.test(options ?? '')
      ? topic.red(
          'postgres-table-autovacuum',
          `autovacuum is off for the table ${table}, which grows with every request.`,
          `ALTER TABLE ${table} RESET (autovacuum_enabled)`,
        )
      : topic.green('postgres-table-autovacuum', `autovacuum may clean the table ${table}.`),
    ...(await indexes(topic, query, table)),
  ]
}

interface Needed {
  readonly column: string
  readonly suffix: string
  readonly what: string
  readonly sql: (table: string, name: string) => string
}

const NEEDED: readonly Needed[] = [
  {
    column: 'id',
    suffix: 'pkey',
    what: 'Two sessions could get one id, and every request reads the whole table',
    sql: (table) => `ALTER TABLE ${table} ADD PRIMARY KEY (id)`,
  },
  {
    column: 'owner',
    suffix: 'owner',
    what: '"Log out everywhere" reads the whole table, and fails when that takes longer than the time limit',
    sql: (table, name) => `CREATE INDEX CONCURRENTLY ${name} ON ${table} (owner, place) WHERE owner IS NOT NULL`,
  },
  {
    column: 'purge_at',
    suffix: 'purge',
    what: 'Each step of a sweep reads the whole table',
    sql: (table, name) => `CREATE INDEX CONCURRENTLY ${name} ON ${table} (purge_at, place)`,
  },
]

async function indexes(topic: Topic, query: Query, table: string): Promise<readonly Check[]> {
  const found = await query(
    `SELECT a.attname, i.indisvalid AND i.indisready, i.indisunique, c.relname
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = to_regclass('${table}')`,
  )
  const name = table.split('.').at(-1) ?? table
  return NEEDED.map(({ column, suffix, what, sql }) => {
    const check = `postgres-index-${column.replaceAll('_', '-')}`
    const ours = found.filter(([first, , unique]) => first === column && (column !== 'id' || unique === 't'))
    if (ours.some(([, valid]) => valid === 't')) return topic.green(check, `There is an index on ${column}.`)
    const broken = ours[0]?.[3]
    if (broken)
      return topic.red(
        check,
        `The index ${broken} is not valid: its creation was cut off. ${what}.`,
        `REINDEX INDEX CONCURRENTLY ${broken}`,
      )
    return topic.red(check, `There is no index on ${column}. ${what}.`, sql(table, `${name}_${suffix}`))
  })
}
