import { resolve } from 'node:path'
import { ConfigError } from 'strongroom'
import { type Query, strictQuery, tableName, takeQuery } from 'strongroom/internal'
import type { DjangoEngine, UserTable } from './engine.ts'
import type { ReaderOptions } from './reader.ts'
import { djangoFiles } from './stores/files.ts'
import { djangoMysql } from './stores/mysql.ts'
import { djangoPostgres } from './stores/postgres.ts'
import { djangoRedis } from './stores/redis.ts'
import { djangoSqlite } from './stores/sqlite.ts'

/** One of Django's places for sessions, as a URL names it. */
export interface DjangoPlace {
  readonly engine: DjangoEngine
  readonly users: UserTable
  readonly settings: Pick<ReaderOptions, 'cookieAge' | 'expireAtBrowserClose' | 'legacy'> & {
    readonly cookieName: string
  }
  /** The file or directory that has to be there; null on a server. */
  readonly path: string | null
}

/** Django's settings, as far as they say what a session is. */
const SETTINGS = ['cookieName', 'cookieAge', 'expireAtBrowserClose', 'legacy'] as const
const TABLES = [...SETTINGS, 'table', 'users', 'userKey'] as const
const KNOWN = 'django+sqlite:, django+postgres:, django+mysql:, django+mariadb:, django+file:, django+redis:'

export const isDjangoUrl = (url: string) => url.startsWith('django+')

/**
 * `django+sqlite:./db.sqlite3`, `django+postgres://user:password@host/database` and the like, with `?table=`, `?users=` and
 * `?userKey=` where Django's tables have other names; `django+file:./sessions`; `django+redis://host/0?prefix=session`.
 * Throws `ConfigError`, and never repeats a URL.
 */
export function djangoFromUrl(given: string): DjangoPlace {
  const url = given.slice('django+'.length)
  const scheme = url.slice(0, Math.max(0, url.indexOf(':')))
  const where = `django+${scheme}:`
  if (scheme === 'sqlite' || scheme === 'file') {
    const { path, query } = local(url)
    const own = strictQuery(where, query, scheme === 'file' ? SETTINGS : TABLES)
    const engine = scheme === 'file' ? djangoFiles(path) : djangoSqlite({ path, table: own.text('table') })
    return { engine, path, users: usersOf(own), settings: settingsOf(own) }
  }
  const make = Object.hasOwn(SERVERS, scheme) ? SERVERS[scheme] : undefined
  if (!make) throw new ConfigError(`Unknown store URL "${where}". Known: ${KNOWN}.`)
  const { own, url: rest } = takeQuery(where, url, make === redis ? [...SETTINGS, 'prefix'] : TABLES)
  return { engine: make(rest, own), path: null, users: usersOf(own), settings: settingsOf(own) }
}

const redis = (url: string, own: Query) => djangoRedis({ url, prefix: own.text('prefix') })
const postgres = (url: string, own: Query) => djangoPostgres({ url, table: own.text('table') })
const mysql = (url: string, own: Query) => djangoMysql({ url, table: own.text('table') })

const SERVERS: Readonly<Record<string, (url: string, own: Query) => DjangoEngine>> = {
  ...{ postgres, postgresql: postgres, mysql, mariadb: mysql, redis, rediss: redis },
}

function settingsOf(own: Query): DjangoPlace['settings'] {
  return {
    cookieName: own.text('cookieName') ?? 'sessionid',
    cookieAge: own.text('cookieAge'),
    expireAtBrowserClose: own.boolean('expireAtBrowserClose'),
    legacy: own.boolean('legacy'),
  }
}

function usersOf(own: Query): UserTable {
  const userKey = own.text('userKey') ?? 'id'
  if (!/^[a-z_][a-z0-9_]{0,62}$/i.test(userKey))
    throw new ConfigError('userKey is the name of a column: letters, digits and underscores.')
  return { users: tableName('a django+ URL (users)', own.text('users'), 'auth_user'), userKey }
}

function local(url: string): { path: string; query: string } {
  const [, path = '', query = ''] = /^[a-z]+:([^?]*)(?:\?(.*))?$/.exec(url) ?? []
  const rooted = path.startsWith('///') ? path.slice(2) : path
  if (rooted === '' || rooted.startsWith('//'))
    throw new ConfigError('A django+sqlite: or django+file: URL has a path: ./relative or /absolute, without a host.')
  try {
    return { path: resolve(decodeURIComponent(rooted)), query }
  } catch (cause) {
    throw new ConfigError('The path of the URL has a "%" that begins no code: write it as %25.', { cause })
  }
}
