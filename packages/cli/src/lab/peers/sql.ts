import { join } from 'node:path'
import { locate } from '../../locate.ts'
import { NotRun } from '../attack.ts'
import { filesIn } from '../folder.ts'
import type { Backend } from '../running.ts'
import { runOnce, type Server } from '../servers/daemon.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { Rows, StoredFile, StoredRow } from '../site.ts'
import { loadBeside } from './packages.ts'

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
      const sql = `INSERT INTO session (sid, sess, expire) VALUES ($1, $2, $3)
        ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire`
      await run(sql, fromRow(row))
    },
    delete: async (key) => void (await run('DELETE FROM session WHERE sid = $1', [key])),
  }
  const version = (await run('SHOW server_version'))[0]?.server_version
  const backup = () => dump('pg_dump', ['postgresql-client', url])
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
  const args = ['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--user=root', '--single-transaction', 'test']
  const backup = () => dump('mariadb-dump', ['mariadb-client', ...args])
  return backendOn(
    { server, settings: { ...settings, url }, rows, backup, flush: null },
    `MariaDB ${version.split('-')[0]}`,
  )
}

interface Served {
  readonly server: Server
  readonly settings: Readonly<Record<string, string>>
  readonly rows: Rows
  backup(): readonly StoredFile[]
  readonly flush: (() => Promise<unknown>) | null
}

function backendOn({ server, settings, rows, backup, flush }: Served, version: string): Backend {
  return {
    settings,
    storage: { server, files: () => filesOf(server, flush), backup: async () => backup(), rows, cache: null },
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

/** The first of `rest` is the package that has the program. */
export function dump(program: string, [debian, ...args]: readonly string[]): StoredFile[] {
  const path = locate(program)
  if (!path) throw new NotRun(`apt-get install ${debian}`)
  return [{ name: `${program}.sql`, bytes: Buffer.from(runOnce(path, args)) }]
}

function toRow({ key, data, expires }: Record<string, unknown>): StoredRow {
  return { key: String(key), value: Buffer.from(JSON.stringify({ data, expires })), data: Buffer.from(String(data)) }
}

function fromRow({ key, value, data }: StoredRow): unknown[] {
  const columns = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>
  return [key, data ? Buffer.from(data).toString() : columns.data, columns.expires]
}
