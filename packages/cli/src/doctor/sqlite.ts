import { lstat, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { nodeSqlite, prepareSqlite, type SqliteBackend } from 'strongroom/internal'
import { messageOf } from '../failure.ts'
import { type Check, Topic } from './check.ts'
import { endOf, orUnknown } from './examine.ts'
import { modeChecks, type Owned } from './modes.ts'
import { placeChecks } from './place.ts'
import type { Examined } from './postgres.ts'
import { COUNTED, rowChecks } from './rows.ts'

export async function examineSqlite(backend: SqliteBackend, examined: Examined): Promise<readonly Check[]> {
  const { path } = backend
  const { about, limit } = examined
  const topic = new Topic(about, 'sqlite')
  if (path === null)
    return [
      topic.red('sqlite-database', 'The database is in memory: a restart signs everybody out.', 'Name a file instead.'),
    ]
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error) return [missing(topic, found)]
  const part = (name: string, work: () => Promise<readonly Check[]>) => orUnknown({ topic, name, limit }, work)
  const parts = await Promise.all([
    part('sqlite-journal', () => durability(topic, backend, path)),
    part('sqlite-permissions', async () => modeChecks(topic, 'sqlite', await filesOf(path))),
    part('sqlite-file-system', () => placeChecks(topic, 'sqlite', path)),
    part('sqlite-table', () => tableChecks(topic, { ...backend, path }, examined)),
  ])
  return [topic.green('sqlite-database', 'The database file is there.'), ...parts.flat()]
}

function missing(topic: Topic, error: NodeJS.ErrnoException): Check {
  if (error.code === 'ENOENT')
    return topic.red(
      'sqlite-database',
      'The database file does not exist.',
      'Check the path and that its disk is mounted. An application that stores its first session makes it.',
    )
  return topic.unknown(
    'sqlite-database',
    `The database file could not be looked at: ${endOf(messageOf(error))}`,
    'Run this as the owner of the file.',
  )
}

/** The folder comes first: whose it is, the others should belong to. */
async function filesOf(path: string): Promise<readonly Owned[]> {
  const all = [path, `${path}-wal`, `${path}-shm`]
  const found = await Promise.all(
    all.map(async (each): Promise<Owned | null> => {
      const stats = await lstat(each).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw error
      })
      return stats && { path: each, stats }
    }),
  )
  const folder = await lstat(dirname(path))
  // A folder that others may read is usual, and the file has a mode of its own. One that they may write to lets them replace it.
  const writable = (folder.mode & 0o022) !== 0 && (folder.mode & 0o1000) === 0
  return [...found.filter((each) => each !== null), ...(writable ? [{ path: dirname(path), stats: folder }] : [])]
}

/** The last two of the bytes that say how a file is to be read and written: 2 is WAL, which stays with the file. */
async function isWal(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { buffer } = await file.read(Buffer.alloc(20), 0, 20, 0)
    return buffer[18] === 2 && buffer[19] === 2
  } finally {
    await file.close()
  }
}

async function durability(
  topic: Topic,
  { pragma, synchronous }: SqliteBackend,
  path: string,
): Promise<readonly Check[]> {
  const journal = pragma ? String(pragma('journal_mode')) : (await isWal(path)) ? 'wal' : 'delete'
  const sync = pragma ? Number(pragma('synchronous')) : synchronous === 'full' ? 2 : 1
  return [journalCheck(topic, journal), syncCheck(topic, sync)]
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

async function tableChecks(
  topic: Topic,
  { path, table }: SqliteBackend & { readonly path: string },
  { limit, now, every }: Examined,
): Promise<readonly Check[]> {
  // Not read-only: such a connection leaves the files of a write-ahead log behind, as it cannot remove them.
  const database = new (nodeSqlite().DatabaseSync)(path, { timeout: Math.min(limit, 2_000) })
  try {
    database.exec('PRAGMA query_only = ON')
    const one = (sql: string, ...values: string[]) =>
      prepareSqlite(database, sql).get(...values) as Record<string, unknown> | undefined
    if (!one(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`, table))
      return [
        topic.red(
          'sqlite-table',
          `There is no table ${table} in the database.`,
          'Check the path and the option table. An application that stores its first session makes it.',
        ),
      ]
    const columns = prepareSqlite(
      database,
      `SELECT i.name AS name FROM pragma_index_list('${table}') l, pragma_index_info(l.name) i WHERE i.seqno = 0`,
    ).all() as { name: string }[]
    const moment = Math.floor(now())
    const counted = (where: string) =>
      `(SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE ${where} LIMIT ${COUNTED + 1}))`
    const row = one(
      `SELECT ${counted(`purge_at > ${moment}`)} AS live, ${counted(`purge_at <= ${moment}`)} AS expired,
         (SELECT min(purge_at) FROM ${table} WHERE purge_at <= ${moment}) AS oldest`,
    )
    const oldest = row?.oldest == null ? null : Number(row.oldest)
    return [
      topic.green('sqlite-table', `The table ${table} is there.`),
      ...indexChecks(topic, table, new Set(columns.map(({ name }) => name))),
      ...rowChecks(topic, { live: Number(row?.live), expired: Number(row?.expired), oldest }, { every, now: moment }),
    ]
  } finally {
    database.close()
  }
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
