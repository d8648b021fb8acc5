import { stat } from 'node:fs/promises'
import { nodeSqlite, prepareSqlite, type SqliteBackend } from 'strongroom/internal'
import { type Check, Topic } from './check.ts'
import { type Examined, orUnknown } from './examine.ts'
import { modeChecks, type Owned } from './modes.ts'
import { notThere, placeChecks } from './place.ts'
import { countsOfRows, foundRows, rowChecks } from './rows.ts'
import { wayTo } from './way.ts'

export async function examineSqlite(backend: SqliteBackend, examined: Examined): Promise<readonly Check[]> {
  const { path } = backend
  const { about, limit } = examined
  const topic = new Topic(about, 'sqlite')
  if (path === null)
    return [
      topic.red('sqlite-database', 'The database is in memory: a restart signs everybody out.', 'Name a file instead.'),
    ]
  const way = await wayTo(path).catch((error: NodeJS.ErrnoException) => error)
  if (way instanceof Error) return [notThere(topic, 'sqlite-database', { what: 'The database file', error: way })]
  const from = { query: backend.query, path, limit }
  const part = (name: string, work: () => Promise<readonly Check[]>) => orUnknown({ topic, name, limit }, work)
  const parts = await Promise.all([
    part('sqlite-journal', async () => asking(from, (query) => durability(topic, query, backend))),
    part('sqlite-permissions', async () =>
      modeChecks(topic, { engine: 'sqlite', all: await filesAt(way.end.path), way }),
    ),
    part('sqlite-file-system', () => placeChecks(topic, 'sqlite', path)),
    part('sqlite-table', async () =>
      asking(from, (query) => tableChecks(topic, query, { ...examined, table: backend.table })),
    ),
  ])
  return [topic.green('sqlite-database', 'The database file is there.'), ...parts.flat()]
}

/** The database and the files of its write-ahead log, which SQLite makes beside it: where a link leads, and not beside the link. */
async function filesAt(path: string): Promise<readonly Owned[]> {
  const found = await Promise.all(
    [path, `${path}-wal`, `${path}-shm`].map(async (each): Promise<Owned | null> => {
      const stats = await stat(each).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw error
      })
      return stats && { path: each, stats }
    }),
  )
  return found.filter((each) => each !== null)
}

type Query = NonNullable<SqliteBackend['query']>

interface Asked extends Pick<SqliteBackend, 'query'> {
  readonly path: string
  readonly limit: number
}

/** Over the connection of the application, or one of our own, on which nothing can be written. */
function asking<T>({ query, path, limit }: Asked, work: (query: Query) => T): T {
  if (query) return work(query)
  // Not read-only: such a connection leaves the files of a write-ahead log behind, as it cannot remove them.
  const database = new (nodeSqlite().DatabaseSync)(path, { timeout: Math.min(limit, 2_000) })
  try {
    database.exec('PRAGMA query_only = ON')
    return work((sql) => prepareSqlite(database, sql).all() as Record<string, unknown>[])
  } finally {
    database.close()
  }
}

function durability(topic: Topic, query: Query, { synchronous }: SqliteBackend): readonly Check[] {
  const [journal] = query('PRAGMA journal_mode')
  const [sync] = query('PRAGMA synchronous')
  const level = synchronous === null ? Number(sync?.synchronous) : synchronous === 'full' ? 2 : 1
  return [journalCheck(topic, String(journal?.journal_mode)), syncCheck(topic, level)]
}

function journalCheck(topic: Topic, mode: string): Check {
  const name = 'sqlite-journal'
  if (mode === 'wal') return topic.green(name, 'journal_mode is WAL.')
  if (mode === 'off' || mode === 'memory')
    return topic.red(
      name,
      `journal_mode is ${mode.toUpperCase()}: a process that dies while it writes may destroy the whole file.`,
      'PRAGMA journal_mode = WAL on the connection that the store gets.',
    )
  return topic.amber(
    name,
    `journal_mode is ${mode.toUpperCase()}: a write makes every read wait.`,
    'PRAGMA journal_mode = WAL (once for the file). The engine sets it by itself; if it cannot, the file system is to blame.',
  )
}

function syncCheck(topic: Topic, level: number): Check {
  const name = 'sqlite-synchronous'
  if (level >= 2) return topic.green(name, 'synchronous is FULL.')
  const mend = 'PRAGMA synchronous = FULL on the connection that the store gets, or no ?synchronous=normal in the URL.'
  if (level === 1) return topic.amber(name, 'synchronous is NORMAL: a power cut undoes the last logouts.', mend)
  return topic.red(name, 'synchronous is OFF: a power cut may destroy the file.', mend)
}

function tableChecks(
  topic: Topic,
  query: Query,
  { table, now, every }: Examined & { readonly table: string },
): readonly Check[] {
  // Its name is letters, digits and underscores.
  if (query(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '${table}'`).length === 0)
    return [
      topic.red(
        'sqlite-table',
        `There is no table ${table} in the database.`,
        'Check the path and the option table. An application that stores its first session makes it.',
      ),
    ]
  const columns = query(
    `SELECT i.name AS name FROM pragma_index_list('${table}') l, pragma_index_info(l.name) i WHERE i.seqno = 0`,
  )
  const moment = now()
  const [counts] = query(countsOfRows(table, moment))
  return [
    topic.green('sqlite-table', `The table ${table} is there.`),
    ...indexChecks(topic, table, new Set(columns.map(({ name }) => String(name)))),
    ...rowChecks(topic, foundRows(counts), { every, now: moment }),
  ]
}

function indexChecks(topic: Topic, table: string, indexed: ReadonlySet<string>): readonly Check[] {
  return [
    ['owner', `CREATE INDEX ${table}_owner ON ${table} (owner) WHERE owner IS NOT NULL`],
    ['purge_at', `CREATE INDEX ${table}_purge ON ${table} (purge_at)`],
  ].map(([column = '', sql = '']) => {
    const name = `sqlite-index-${column.replaceAll('_', '-')}`
    if (indexed.has(column)) return topic.green(name, `There is an index on ${column}.`)
    return topic.red(name, `There is no index on ${column}, so the whole table is read instead.`, sql)
  })
}
