import { pbkdf2Sync } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { type DjangoEngine, djangoCookies } from '../../packages/django/src/engine.ts'
import { djangoCache } from '../../packages/django/src/stores/cache.ts'
import { djangoCachedDb } from '../../packages/django/src/stores/cached-db.ts'
import { djangoFiles } from '../../packages/django/src/stores/files.ts'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { djangoRedis } from '../../packages/django/src/stores/redis.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import { need } from '../support/need.ts'
import { djangoNeed } from './peer.ts'

/** Django's table of users, as a Node application accesses it. */
export interface Users {
  /** Returns one value of one row, or null. `?` is the placeholder of the value. */
  ask(sql: string, value: string): Promise<unknown>
  change(sql: string, values: readonly string[]): Promise<unknown>
  close(): Promise<unknown>
}

/** Storage that a Django project and a Node application share. */
export interface Storage {
  readonly name: string
  readonly backend: 'db' | 'table' | 'cached_db' | 'cache' | 'file' | 'redis' | 'signed_cookies'
  readonly skip: string | false
  open(): Promise<OpenStorage>
}

export interface OpenStorage {
  /** For Django's settings.py. */
  readonly settings: Record<string, unknown>
  readonly engine: DjangoEngine
  users(): Users
  /** Alters a stored session. Absent for sessions in cookies. */
  tamper?(key: string): Promise<unknown>
  /** Returns the remaining lifetime in seconds, for storage that expires sessions by its own clock. */
  left?(key: string): Promise<number>
  close(): Promise<unknown>
}

const firstOf = (row: unknown) => (row ? Object.values(row as object)[0] : null)

function sqliteUsers(path: string): Users {
  const database = new DatabaseSync(path, { timeout: 10_000 })
  return {
    ask: async (sql, value) => firstOf(database.prepare(sql).get(value)),
    change: async (sql, values) => database.prepare(sql).run(...values),
    close: async () => database.close(),
  }
}

function postgresUsers(url: string): Users {
  const pool = new pg.Pool({ connectionString: url })
  const numbered = (sql: string) =>
    sql.replace(/\?/g, (_, at: number) => `$${sql.slice(0, at + 1).split('?').length - 1}`)
  return {
    ask: async (sql, value) => firstOf((await pool.query(numbered(sql), [value])).rows[0]),
    change: (sql, values) => pool.query(numbered(sql), [...values]),
    close: () => pool.end(),
  }
}

function mysqlUsers(url: string): Users {
  const pool = mysql.createPool(url)
  return {
    ask: async (sql, value) => firstOf(((await pool.query(sql, [value]))[0] as unknown[])[0]),
    change: (sql, values) => pool.query(sql, [...values]),
    close: () => pool.end(),
  }
}

const skipUnless = (...skips: (string | false)[]) => skips.find((skip) => skip !== false) ?? false
const ALTER = "UPDATE django_session SET session_data = CONCAT(session_data, 'x') WHERE session_key = ?"

/** A folder with a SQLite database, which has the users when the sessions are not in a database. */
function folder() {
  // In memory if possible: durability is not tested here, and a disk would be slow.
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'strongroom-django-'))
  const path = join(dir, 'db.sqlite3')
  return {
    dir,
    path,
    database: {
      default: { ENGINE: 'django.db.backends.sqlite3', NAME: path, OPTIONS: { timeout: 20 }, CONN_MAX_AGE: null },
    },
    users: () => sqliteUsers(path),
    close: async () => rmSync(dir, { recursive: true }),
  }
}

async function onSqlite(): Promise<OpenStorage> {
  const { path, database, users, close } = folder()
  const engine = djangoSqlite({ path, timeout: 10_000 })
  return {
    settings: { DATABASES: database },
    engine,
    users,
    tamper: async (key) => {
      const own = users()
      await own.change(ALTER.replace("CONCAT(session_data, 'x')", "session_data || 'x'"), [key])
      await own.close()
    },
    close,
  }
}

function onServer(url: string, settings: Record<string, unknown>, make: { engine: DjangoEngine; users(): Users }) {
  const address = { HOST: '127.0.0.1', PORT: new URL(url).port }
  return {
    settings: { DATABASES: { default: { ...settings, ...address, CONN_MAX_AGE: null } } },
    ...make,
    async tamper(key: string) {
      const own = make.users()
      await own.change(ALTER, [key])
      await own.close()
    },
  }
}

async function onPostgres(): Promise<OpenStorage> {
  const server = await startPostgres()
  const { url } = server
  const settings = { ENGINE: 'django.db.backends.postgresql', NAME: 'postgres', USER: 'strongroom' }
  const make = { engine: djangoPostgres({ url, timeout: 10_000 }), users: () => postgresUsers(url) }
  return { ...onServer(url, settings, make), close: () => server.stop() }
}

/** See the folder members. */
async function onMembers(): Promise<OpenStorage> {
  const postgres = await onPostgres()
  const { HOST, PORT } = (postgres.settings as { DATABASES: { default: { HOST: string; PORT: string } } }).DATABASES
    .default
  const engine = djangoPostgres({
    url: `postgres://strongroom@${HOST}:${PORT}/postgres`,
    timeout: 10_000,
    table: 'member_session',
    userColumn: 'member_id',
    columns: ({ isNew, at }) => ({ ...(isNew && { created_at: at, is_mobile: false }), updated_at: at }),
  })
  return {
    ...postgres,
    settings: {
      ...postgres.settings,
      MORE_APPS: ['members'],
      AUTH_USER_MODEL: 'members.Member',
      SESSION_ENGINE: 'members.sessions',
    },
    engine,
    async tamper(key) {
      const users = postgres.users()
      await users.change(ALTER.replace('django_session', 'member_session'), [key])
      await users.close()
    },
  }
}

async function onMariadb(): Promise<OpenStorage> {
  const server = await startMariadb()
  const { url } = server
  const settings = { ENGINE: 'django.db.backends.mysql', NAME: 'test', USER: 'root' }
  const make = { engine: djangoMysql({ url, timeout: 10_000 }), users: () => mysqlUsers(url) }
  return { ...onServer(url, settings, make), close: () => server.stop() }
}

async function onFiles(): Promise<OpenStorage> {
  const { dir, database, users, close } = folder()
  const sessions = join(dir, 'sessions')
  mkdirSync(sessions)
  return {
    settings: {
      DATABASES: database,
      SESSION_ENGINE: 'django.contrib.sessions.backends.file',
      SESSION_FILE_PATH: sessions,
    },
    engine: djangoFiles({ dir: sessions, timeout: 10_000 }),
    users,
    tamper: async (key) => appendFileSync(join(sessions, `sessionid${key}`), 'x'),
    close,
  }
}

async function onRedis(): Promise<OpenStorage> {
  const { database, users, close } = folder()
  const server = await startRedis()
  const client = new Redis(server.url)
  return {
    settings: {
      DATABASES: database,
      SESSION_ENGINE: 'redis_sessions.session',
      // Its default of 0.1 s is too short for a busy machine, and it treats a timeout as a logout.
      SESSION_REDIS: { host: '127.0.0.1', port: server.port, prefix: 'session', socket_timeout: 30 },
    },
    engine: djangoRedis({ url: server.url, prefix: 'session', timeout: 10_000 }),
    users,
    tamper: (key) => client.append(`session:${key}`, 'x'),
    left: (key) => client.ttl(`session:${key}`),
    async close() {
      client.disconnect()
      await server.stop()
      await close()
    },
  }
}

const DJANGO_REDIS = (url: string, serializer: 'json.JSON' | 'pickle.Pickle') => ({
  default: {
    BACKEND: 'django_redis.cache.RedisCache',
    LOCATION: `${url}/0`,
    OPTIONS: { SERIALIZER: `django_redis.serializers.${serializer}Serializer` },
  },
})

async function onCache(): Promise<OpenStorage> {
  const { database, users, close } = folder()
  const server = await startRedis()
  const client = new Redis(server.url)
  const keyOf = (key: string) => `:1:django.contrib.sessions.cache${key}`
  return {
    settings: {
      DATABASES: database,
      CACHES: DJANGO_REDIS(server.url, 'json.JSON'),
      SESSION_ENGINE: 'django.contrib.sessions.backends.cache',
    },
    engine: djangoCache({ url: server.url, timeout: 10_000 }),
    users,
    left: (key) => client.ttl(keyOf(key)),
    async close() {
      client.disconnect()
      await server.stop()
      await close()
    },
  }
}

async function onCachedDb(): Promise<OpenStorage> {
  const sqlite = await onSqlite()
  const server = await startRedis()
  const client = new Redis(server.url)
  return {
    ...sqlite,
    settings: {
      ...sqlite.settings,
      CACHES: DJANGO_REDIS(server.url, 'pickle.Pickle'),
      SESSION_ENGINE: 'django.contrib.sessions.backends.cached_db',
    },
    engine: djangoCachedDb({ database: sqlite.engine, cache: { url: server.url, timeout: 10_000 } }),
    async tamper(key) {
      await sqlite.tamper?.(key)
      await client.del(`:1:django.contrib.sessions.cached_db${key}`)
    },
    async close() {
      client.disconnect()
      await server.stop()
      await sqlite.close()
    },
  }
}

async function onCookies(): Promise<OpenStorage> {
  const { database, users, close } = folder()
  const settings = { DATABASES: database, SESSION_ENGINE: 'django.contrib.sessions.backends.signed_cookies' }
  return { settings, engine: djangoCookies(), users, close }
}

export const storages: readonly Storage[] = [
  { name: 'db on SQLite', backend: 'db', skip: djangoNeed.skip, open: onSqlite },
  {
    name: 'db on PostgreSQL',
    backend: 'db',
    skip: skipUnless(djangoNeed.skip, postgresNeed.skip, need('psycopg2').skip),
    open: onPostgres,
  },
  {
    name: 'a session table and a user model of its own on PostgreSQL',
    backend: 'table',
    skip: skipUnless(djangoNeed.skip, postgresNeed.skip, need('psycopg2').skip),
    open: onMembers,
  },
  {
    name: 'db on MariaDB',
    backend: 'db',
    skip: skipUnless(djangoNeed.skip, mariadbNeed.skip, need('MySQLdb').skip),
    open: onMariadb,
  },
  { name: 'file', backend: 'file', skip: djangoNeed.skip, open: onFiles },
  { name: 'signed_cookies', backend: 'signed_cookies', skip: djangoNeed.skip, open: onCookies },
  {
    name: 'django-redis-sessions',
    backend: 'redis',
    skip: skipUnless(djangoNeed.skip, redisNeed.skip, need('redis_sessions').skip),
    open: onRedis,
  },
  {
    name: 'cached_db on SQLite and django-redis',
    backend: 'cached_db',
    skip: skipUnless(djangoNeed.skip, redisNeed.skip, need('django_redis').skip),
    open: onCachedDb,
  },
  {
    name: 'cache on django-redis, as JSON',
    backend: 'cache',
    skip: skipUnless(djangoNeed.skip, redisNeed.skip, need('django_redis').skip),
    open: onCache,
  },
]

/**
 * A password in the format of the project's hasher: `pbkdf2_sha256$1000$salt$hash`. With a shorter salt or other iterations,
 * Django would hash it again at the next login, which would end all other sessions of the user.
 */
export function hashOf(password: string, salt = 'saltsaltsaltsaltsaltsa', iterations = 1000): string {
  return `pbkdf2_sha256$${iterations}$${salt}$${pbkdf2Sync(password, salt, iterations, 32, 'sha256').toString('base64')}`
}
