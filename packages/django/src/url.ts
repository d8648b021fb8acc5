import { resolve } from 'node:path'
import { ConfigError } from 'strongroom'
import {
  localPath,
  mysqlDriverUrl,
  postgresDriverUrl,
  type Query,
  strictQuery,
  tableName,
  takeQuery,
  trimUrl,
} from 'strongroom/internal'
import type { DjangoEngine, UserTable } from './engine.ts'
import type { ReaderOptions } from './reader.ts'
import { djangoCache } from './stores/cache.ts'
import { djangoCachedDb } from './stores/cached-db.ts'
import { djangoFiles } from './stores/files.ts'
import { djangoMysql } from './stores/mysql.ts'
import { djangoPostgres } from './stores/postgres.ts'
import { djangoRedis } from './stores/redis.ts'
import { djangoSqlite } from './stores/sqlite.ts'

/** What a `django+…:` URL names. */
export interface DjangoUrl {
  /** Where the sessions are. */
  readonly engine: DjangoEngine
  /** The database with the tables, which has the users, too. Null where the sessions are in no database. */
  readonly database: DjangoEngine | null
  readonly users: UserTable
  readonly settings: Pick<ReaderOptions, 'cookieAge' | 'expireAtBrowserClose' | 'legacy'> & {
    readonly cookieName: string
  }
  /** Whether moments are stored without a time zone, and the URL does not say which one it is. */
  readonly zoneIsAssumed: boolean
  /** The file or directory that must exist. Null for a server. */
  readonly path: string | null
}

/** Django settings that affect how its sessions are read. */
const SETTINGS = ['cookieName', 'cookieAge', 'expireAtBrowserClose', 'legacy'] as const
/** How a cache names its keys. */
const NAMING = ['keyPrefix', 'version'] as const
const TABLES = [...SETTINGS, 'table', 'timeZone', 'users', 'userKey', 'cache', ...NAMING] as const
const KNOWN =
  'django+sqlite:, django+postgres:, django+mysql:, django+mariadb: (for cached_db, with ?cache=), django+file:, django+redis: (django-redis-sessions), django+redis-cache: (the cache backend)'
const REDIS = /^((?:redis|valkey)s?)(-cache)?((?:\+(?:sentinel|cluster))?)$/

export const isDjangoUrl = (url: string) => /^\s*django\+/i.test(url)

/**
 * Parses `django+sqlite:./db.sqlite3`, `django+postgres://user:password@host/database` and the like, with `?table=`, `?users=`
 * and `?userKey=` when Django's tables have other names, and with `?cache=URL` for cached_db; `django+file:./sessions`;
 * `django+redis://host/0?prefix=session`; `django+redis-cache://host/1?keyPrefix=shop&version=1` for the cache backend.
 * Throws `ConfigError`, which never repeats the URL.
 */
export function djangoFromUrl(given: string): DjangoUrl {
  const url = trimUrl('the store', given).slice('django+'.length)
  const scheme = url.slice(0, Math.max(0, url.indexOf(':')))
  if (scheme === 'sqlite' || scheme === 'file') return fromPath(scheme, url)
  const [, server = '', cache, kind = ''] = REDIS.exec(scheme) ?? []
  if (server !== '')
    return fromRedis(`${server}${kind}${url.slice(scheme.length)}`, `django+${scheme}:`, cache !== undefined)
  const make = Object.hasOwn(DATABASES, scheme) ? DATABASES[scheme] : undefined
  if (!make) throw new ConfigError(`Unknown store URL. Known: ${KNOWN}.`)
  const { own, url: rest } = takeQuery(`django+${scheme}:`, url, TABLES)
  const zoneIsAssumed = make !== inPostgres && own.string('timeZone') === undefined
  return inDatabase(make({ url: rest, ...tableOf(own) }), own, { path: null, zoneIsAssumed })
}

type ServerOptions = { readonly url: string } & ReturnType<typeof tableOf>

const DATABASES: Readonly<Record<string, (options: ServerOptions) => DjangoEngine>> = {
  ...{ postgres: inPostgres, postgresql: inPostgres, mysql: inMysql, mariadb: inMysql },
}

// URLs are checked here, where our own options are known: the message about an unknown one lists them.
function inPostgres({ timeZone, ...options }: ServerOptions): DjangoEngine {
  if (timeZone !== undefined)
    throw new ConfigError(
      "The option timeZone of a django+ URL is for SQLite and MySQL. Django's columns in PostgreSQL store the time zone: remove it.",
    )
  postgresDriverUrl(options.url, 'a django+postgres: store', TABLES)
  return djangoPostgres(options)
}

function inMysql(options: ServerOptions): DjangoEngine {
  mysqlDriverUrl(options.url, { where: 'a django+mysql: store', timeout: 0, own: TABLES })
  return djangoMysql(options)
}

const NO_TABLE = { database: null, users: {}, zoneIsAssumed: false } as const

function fromPath(scheme: 'sqlite' | 'file', url: string): DjangoUrl {
  const where = `django+${scheme}`
  const [, given = '', query = ''] = /^[a-z]+:([^?]*)(?:\?(.*))?$/.exec(url) ?? []
  const path = localPath(where, given)
  if (path === '') throw new ConfigError(`A ${where}: URL needs a path: ${where}:./relative or ${where}:/absolute.`)
  const own = strictQuery(`${where}:`, query, scheme === 'file' ? SETTINGS : TABLES)
  const absolute = resolve(path)
  if (scheme === 'sqlite')
    return inDatabase(djangoSqlite({ path: absolute, ...tableOf(own) }), own, {
      path: absolute,
      zoneIsAssumed: own.string('timeZone') === undefined,
    })
  return { engine: djangoFiles(absolute), ...NO_TABLE, path: absolute, settings: settingsOf(own) }
}

function fromRedis(given: string, where: string, isCache: boolean): DjangoUrl {
  const { own, url } = takeQuery(where, given, [...SETTINGS, ...(isCache ? NAMING : ['prefix'])])
  const engine = isCache ? djangoCache({ url, ...namingOf(own) }) : djangoRedis({ url, prefix: own.string('prefix') })
  return { engine, ...NO_TABLE, path: null, settings: settingsOf(own) }
}

function inDatabase(database: DjangoEngine, own: Query, facts: Pick<DjangoUrl, 'path' | 'zoneIsAssumed'>): DjangoUrl {
  const cache = own.string('cache')
  if (cache === undefined && NAMING.some((name) => own.string(name) !== undefined))
    throw new ConfigError("keyPrefix and version are those of Django's cache: add its URL, ?cache=URL.")
  const engine =
    cache === undefined ? database : djangoCachedDb({ database, cache: { url: redisIn(cache), ...namingOf(own) } })
  return { engine, database, ...facts, users: usersOf(own), settings: settingsOf(own) }
}

/** The URL of a cache, in another URL. An unencoded "+" has become a space. */
function redisIn(cache: string): string {
  if (/^(?:redis|valkey)s?(?:\+(?:sentinel|cluster))?:/.test(cache.trim())) return cache
  throw new ConfigError(
    "The option cache of a django+ URL is the URL of Django's cache on Redis, percent-encoded, as in ?cache=redis%3A%2F%2Fcache%3A6379%2F1. Sessions of cached_db over another cache can be moved without it: its copies stay.",
  )
}

const tableOf = (own: Query) => ({ table: own.string('table'), timeZone: own.string('timeZone') })
const namingOf = (own: Query) => ({ keyPrefix: own.string('keyPrefix'), version: own.number('version') })

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
