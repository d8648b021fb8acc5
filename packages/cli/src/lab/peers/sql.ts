import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn, newFolder, removeFolder } from '../folder.ts'
import type { Backend } from '../running.ts'
import { programPath, runAside, type Server } from '../servers/daemon.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { Rows, StoredFile, StoredRow } from '../site.ts'
import { folderOf, loadBeside } from './packages.ts'

type Run = (sql: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>

export async function pgBackend(settings: Readonly<Record<string, string>>): Promise<Backend> {
  const server = await startPostgres()
  const { url } = server
  const run: Run = async (sql, values) => {
    const { Client } = loadBeside('connect-pg-simple', 'pg') as {
      Client: new (
        url: string,
      ) => {
        connect(): Promise<void>
        query(sql: string, values?: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>
        end(): Promise<void>
      }
    }
    const client = new Client(url)
    await client.connect()
    try {
      return (await client.query(sql, values)).rows
    } finally {
      await client.end()
    }
  }
  const rows: Rows = {
    list: async () =>
      (await run('SELECT sid AS key, sess::text AS data, expire::text AS expires FROM session')).map(toRow),
    put: async (row) => {
      // The column takes JSON only, and leaves the row as it is where an attacker has something else.
      if (!isJson(row)) return
      const sql = `INSERT INTO session (sid, sess, expire) VALUES ($1, $2, $3)
        ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire`
      await run(sql, fromRow(row))
    },
    delete: async (key) => void (await run('DELETE FROM session WHERE sid = $1', [key])),
  }
  // As its README tells: "you need to create the "session" table".
  await run(readFileSync(join(folderOf('connect-pg-simple') ?? '', 'table.sql'), 'utf8'))
  const version = (await run('SHOW server_version'))[0]?.server_version
  const backup = () => dumpPostgres(url)
  const flush = () => run('CHECKPOINT')
  return backendOn(
    { server, settings: { ...settings, url }, rows, backup, flush },
    `PostgreSQL ${String(version).split(' ')[0]}`,
  )
}

export async function mysqlBackend(settings: Readonly<Record<string, string>>): Promise<Backend> {
  const server = await startMariadb()
  const { url } = server
  const run: Run = async (sql, values) => {
    const { createConnection } = loadBeside('express-mysql-session', 'mysql2/promise') as {
      createConnection(url: string): Promise<{
        query(sql: string, values?: readonly unknown[]): Promise<[Record<string, unknown>[]]>
        end(): Promise<void>
      }>
    }
    const connection = await createConnection(url)
    try {
      const [rows] = await connection.query(sql, values)
      return rows
    } finally {
      await connection.end()
    }
  }
  const rows: Rows = {
    list: async () => (await run('SELECT session_id AS `key`, data, expires FROM sessions')).map(toRow),
    put: async (row) =>
      void (await run('REPLACE INTO sessions (session_id, data, expires) VALUES (?, ?, ?)', fromRow(row))),
    delete: async (key) => void (await run('DELETE FROM sessions WHERE session_id = ?', [key])),
  }
  const version = String((await run('SELECT version() AS version'))[0]?.version)
  const { port } = server
  const login = ['--host=127.0.0.1', `--port=${port}`, '--user=root']
  const backup = () =>
    dump('mariadb-dump', (file) => ['--no-defaults', `--result-file=${file}`, ...login, '--single-transaction', 'test'])
  return backendOn(
    { server, settings: { ...settings, url }, rows, backup, flush: null },
    `MariaDB ${version.split('-')[0]}`,
  )
}

interface Served {
  readonly server: Server
  readonly settings: Readonly<Record<string, string>>
  readonly rows: Rows
  backup(): Promise<readonly StoredFile[]>
  readonly flush: (() => Promise<unknown>) | null
}

function backendOn({ server, settings, rows, backup, flush }: Served, version: string): Backend {
  return {
    settings,
    storage: { server, files: () => filesOf(server, flush), backup, rows, cache: null },
    version,
    stop: () => server.stop(),
  }
}

/**
 * PostgreSQL writes pages to the disk every five minutes; until then, its log has only what has changed of a row. `flush` makes it
 * write them now, so that what a thief finds does not depend on the moment.
 */
export async function filesOf(server: Server, flush: (() => Promise<unknown>) | null): Promise<readonly StoredFile[]> {
  // A server that was killed has no more to write.
  await flush?.().catch(() => undefined)
  return filesIn(join(server.dir, 'data'))
}

export const dumpPostgres = (url: string) => dump('pg_dump', (file) => [`--dbname=${url}`, `--file=${file}`])

async function dump(program: string, args: (file: string) => readonly string[]): Promise<StoredFile[]> {
  const folder = newFolder('backup')
  try {
    await runAside(programPath(program), args(join(folder, 'backup.sql')))
    return filesIn(folder)
  } finally {
    removeFolder(folder)
  }
}

function isJson(row: StoredRow): boolean {
  try {
    JSON.parse(String(fromRow(row)[1]))
    return true
  } catch {
    return false
  }
}

function toRow({ key, data, expires }: Record<string, unknown>): StoredRow {
  return { key: String(key), value: Buffer.from(JSON.stringify({ data, expires })), data: Buffer.from(String(data)) }
}

function fromRow({ key, value, data }: StoredRow): unknown[] {
  const columns = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>
  return [key, data ? Buffer.from(data).toString() : columns.data, columns.expires]
}
