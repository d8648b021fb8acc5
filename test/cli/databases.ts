import { spawnSync } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { find } from '../../scripts/programs.mjs'
import { DJANGO, plant, TRAPS } from './planted.ts'

/** Databases of an application: people, who have binary data, and sessions of Strongroom and of Django. */

export async function fillPostgres(url: string): Promise<void> {
  const store = postgres({ url })
  await withPostgres(url, async (client) => {
    for (const statement of store.schema?.statements ?? []) await client.query(statement)
  })
  await plant(store)
  await store.close()
  await withPostgres(url, async (client) => {
    await client.query(`CREATE TABLE people (id serial PRIMARY KEY, name text, "the ""bytes""" bytea);
      CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS $$ SELECT 'it''s; $1'::text; SELECT 42; $$;
      CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL)`)
    for (const name of TRAPS)
      await client.query(`INSERT INTO people (name, "the ""bytes""") VALUES ($1, $2)`, [name, ANY])
    for (const row of DJANGO) await client.query('INSERT INTO django_session VALUES ($1, $2, now())', [...row])
  })
}

export async function withPostgres<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

export async function fillMariadb(url: string): Promise<void> {
  await withMariadb(
    url,
    async (pool) => {
      const database = new URL(url).pathname.slice(1)
      await pool.query(`CREATE DATABASE IF NOT EXISTS \`${database}\``)
    },
    'mysql',
  )
  const store = mysql({ url, createTable: true })
  await plant(store)
  await store.close()
  await withMariadb(url, async (pool) => {
    await pool.query(
      `CREATE TABLE people (id int AUTO_INCREMENT PRIMARY KEY, name longtext COMMENT 'it''s (a \\\\ name)', bytes longblob) CHARSET utf8mb4`,
    )
    await pool.query(`CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data longtext NOT NULL,
      expire_date datetime(6) NOT NULL)`)
    for (const name of TRAPS) await pool.query('INSERT INTO people (name, bytes) VALUES (?, ?)', [name, ANY])
    for (const row of DJANGO) await pool.query('INSERT INTO django_session VALUES (?, ?, now())', [...row])
  })
}

export async function withMariadb<T>(
  url: string,
  work: (pool: ReturnType<typeof createPool>) => Promise<T>,
  database?: string,
): Promise<T> {
  const place = new URL(url)
  if (database !== undefined) place.pathname = `/${database}`
  const pool = createPool(place.href)
  try {
    return await work(pool)
  } finally {
    await pool.end()
  }
}

export async function fillSqlite(path: string): Promise<void> {
  const store = sqlite(path)
  await plant(store)
  await store.close()
  const database = new DatabaseSync(path)
  database.exec(`CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, bytes BLOB);
    CREATE TABLE django_session (session_key varchar(40) NOT NULL PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL)`)
  const insert = database.prepare('INSERT INTO people (name, bytes) VALUES (?, ?)')
  for (const name of TRAPS) insert.run(name, ANY)
  const session = database.prepare('INSERT INTO django_session VALUES (?, ?, ?)')
  for (const [key, data] of DJANGO) session.run(key, data, '2026-11-25 07:10:00.123456')
  database.close()
}

/** Every byte value. */
export const ANY = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

/** What a program prints when it is given `input`. */
export function output(program: string, args: readonly string[], input?: Buffer): Buffer {
  const path = find(program)
  if (path === null) throw new Error(`${program} is not installed`)
  const { status, stdout, stderr } = spawnSync(path, args, { input, maxBuffer: 1 << 30 })
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`)
  return stdout
}

/** The arguments that connect a program of MariaDB to this database. */
export function mariadbArguments(url: string): string[] {
  const { hostname, port, username, password, pathname } = new URL(url)
  const login = [`--user=${username}`, ...(password === '' ? [] : [`--password=${password}`])]
  return ['--protocol=tcp', `--host=${hostname}`, `--port=${port}`, ...login, pathname.slice(1)]
}
