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

/** What a `django+…:` URL names. */
export interface DjangoUrl {
  readonly engine: DjangoEngine
  readonly users: UserTable
  readonly settings: Pick<ReaderOptions, 'cookieAge' | 'expireAtBrowserClose' | 'legacy'> & {
    readonly cookieName: string
  }
  /** The file or directory that must exist. Null for a server. */
  readonly path: string | null
}

/** Django settings that affect how its sessions are read. */
const SETTINGS = ['cookieName', 'cookieAge', 'expireAtBrowserClose', 'legacy'] as const
const TABLES = [...SETTINGS, 'table', 'users', 'userKey'] as const
const KNOWN = 'django+sqlite:, django+postgres:, django+mysql:, django+mariadb:, django+file:, django+redis:'

export const isDjangoUrl = (url: string) => url.startsWith('django+')

/**
 * Parses `django+sqlite:./db.sqlite3`, `django+postgres://user:password@host/database` and the like, with `?table=`, `?users=`
 * and `?userKey=` when Django's tables have other names; `django+file:./sessions`; `django+redis://host/0?prefix=session`.
 * Throws `ConfigError`, which never repeats the URL.
 */
export function djangoFromUrl(given: string): DjangoUrl {
  const url = given.slice('django+'.length)
  const scheme = url.slice(0, Math.max(0, url.indexOf(':')))
  const where = `django+${scheme}:`
  if (scheme === 'sqlite' || scheme === 'file') {
    const { path, query } = local(url)
    const own = strictQuery(where, query, scheme === 'file' ? SETTINGS : TABLES)
    const engine = scheme === 'file' ? djangoFiles(path) : djangoSqlite({ path, table: own.string('table') })
    return { engine, path, users: usersOf(own), settings: settingsOf(own) }
  }
  const make = Object.hasOwn(SERVERS, scheme) ? SERVERS[scheme] : undefined
  if (!make) throw new ConfigError(`Unknown store URL. Known: ${KNOWN}.`)
  const { own, url: rest } = takeQuery(where, url, make === redis ? [...SETTINGS, 'prefix'] : TABLES)
  return { engine: make(rest, own), path: null, users: usersOf(own), settings: settingsOf(own) }
}

const redis = (url: string, own: Query) => djangoRedis({ url, prefix: own.string('prefix') })
const postgres = (url: string, own: Query) => djangoPostgres({ url, table: own.string('table') })
const mysql = (url: string, own: Query) => djangoMysql({ url, table: own.string('table') })

const SERVERS: Readonly<Record<string, (url: string, own: Query) => DjangoEngine>> = {
  ...{ postgres, postgresql: postgres, mysql, mariadb: mysql, redis, rediss: redis },
}

function settingsOf(own: Query): DjangoUrl['settings'] {
  return {
    cookieName: own.string('cookieName') ?? 'sessionid',
    cookieAge: own.string('cookieAge'),
    expireAtBrowserClose: own.boolean('expireAtBrowserClose'),
    legacy: own.boolean('legacy'),
  }
}

function usersOf(own: Query): UserTable {
  const userKey = own.string('userKey') ?? 'id'
  if (!/^[a-z_][a-z0-9_]{0,62}$/i.test(userKey))
    throw new ConfigError('userKey must be the name of a column: letters, digits and underscores.')
  return { users: tableName('a django+ URL (users)', own.string('users'), { standard: 'auth_user' }), userKey }
}

function local(url: string): { path: string; query: string } {
  const [, path = '', query = ''] = /^[a-z]+:([^?]*)(?:\?(.*))?$/.exec(url) ?? []
  const rooted = path.startsWith('///') ? path.slice(2) : path
  if (rooted === '' || rooted.startsWith('//'))
    throw new ConfigError('A django+sqlite: or django+file: URL needs a path, ./relative or /absolute, and no host.')
  try {
    return { path: resolve(decodeURIComponent(rooted)), query }
  } catch (cause) {
    throw new ConfigError('The path of the URL contains a "%" that is not part of an escape: write it as %25.', {
      cause,
    })
  }
}
