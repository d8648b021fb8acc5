import { ConfigError } from '../errors.ts'
import type { Store } from '../store.ts'
import { cachedFromUrl } from './cached/url.ts'
import { file } from './file/file.ts'
import { memcached } from './memcached/memcached.ts'
import { memory } from './memory/memory.ts'
import { movingFromUrl } from './moving/url.ts'
import { mysql } from './mysql/mysql.ts'
import { postgres } from './postgres/postgres.ts'
import { redis } from './redis/redis.ts'
import { type Query, strictQuery } from './shared/url-query.ts'
import { sqlite } from './sqlite/sqlite.ts'

/** An engine on this machine: a path, and options that are all ours. */
interface Local {
  readonly known: readonly string[]
  make(path: string, query: Query): Store
}

const LOCAL: Readonly<Record<string, Local>> = {
  memory: {
    known: ['max', 'maxBytes'],
    make(path, query) {
      if (path !== '') throw new ConfigError('memory: takes no path.')
      return memory({ max: query.number('max'), maxBytes: query.number('maxBytes') })
    },
  },
  file: {
    known: ['durable', 'timeout'],
    make: (path, query) => file({ dir: path, durable: query.boolean('durable'), timeout: query.number('timeout') }),
  },
  sqlite: {
    known: ['synchronous', 'table', 'timeout'],
    make(path, query) {
      const synchronous = query.text('synchronous') as 'full' | 'normal' | undefined
      return sqlite({ path, synchronous, table: query.text('table'), timeout: query.number('timeout') })
    },
  },
}

/** Engines that read the whole URL themselves: servers, whose drivers have options of their own, and stores made of stores. */
const WHOLE: Readonly<Record<string, (url: string) => Store>> = {
  mysql,
  mariadb: mysql,
  postgres,
  postgresql: postgres,
  cached: (url) => cachedFromUrl(url, storeFromUrl),
  memcached: (url) => memcached(url),
  moving: (url) => movingFromUrl(url, storeFromUrl),
  ...Object.fromEntries(
    ['redis', 'rediss', 'valkey', 'valkeys'].flatMap((name) =>
      ['', '+sentinel', '+cluster'].map((kind) => [name + kind, redis]),
    ),
  ),
}

const PARTS = /^([a-z][a-z0-9+.-]*):([^?]*)(?:\?(.*))?$/i

/**
 * The file or directory that a URL names, null for a store without one: a command that only looks asks first whether it is
 * there, for a store would make an empty one of a mistyped path.
 */
export function placeOf(url: string): string | null {
  const [, scheme = '', path = '', query] = PARTS.exec(url) ?? []
  if (scheme === 'cached') return placeOf(new URLSearchParams(query).get('durable') ?? '')
  return ['file', 'sqlite'].includes(scheme) && path !== ':memory:' ? toPath(scheme, path) : null
}

/**
 * The store that a URL names: `memory:`, `file:./sessions`, `sqlite:./sessions.db`, `sqlite::memory:`, with options as in
 * `memory:?max=1000`, `file:/var/lib/app?durable=false`, `sqlite:./x.db?synchronous=normal&table=people`.
 * `mysql://user:password@host/database?table=people`, or `mariadb:`, also takes what its driver takes; so does `postgres:`.
 * `memcached://host:11211,host2:11211` is on servers.
 * `redis://:password@host:6379/0?prefix=people:` is one server; `redis+sentinel:` and `redis+cluster:` name several;
 * `valkey:` is the same.
 * `cached:?durable=sqlite%3A.%2Fx.db&cache=memory%3A` is a store made of two, whose URLs stand in it percent-encoded.
 *
 * Paths are as the shell has them, relative to the working directory, with `%20` and the like decoded; `file:///abs` is
 * `file:/abs`. Throws `ConfigError` for what is not known; a URL may hold a password, so that no message repeats it.
 */
export function storeFromUrl(url: string): Store {
  const [, scheme = '', path = '', query = ''] = PARTS.exec(url) ?? []
  const whole = Object.hasOwn(WHOLE, scheme) ? WHOLE[scheme] : undefined
  if (whole) return whole(url)
  const local = Object.hasOwn(LOCAL, scheme) ? LOCAL[scheme] : undefined
  if (local) return local.make(toPath(scheme, path), strictQuery(`${scheme}:`, query, local.known))
  if (scheme === 'cookie') {
    throw new ConfigError('cookie: keeps sessions in the cookie itself: there is no store. Give it to createSessions.')
  }
  const known = [...Object.keys(LOCAL), 'cookie', ...Object.keys(WHOLE)].map((name) => `${name}:`).join(', ')
  throw new ConfigError(
    `${scheme ? `Unknown store URL "${scheme}:".` : 'A store URL begins with a scheme.'} Known: ${known}.`,
  )
}

function toPath(scheme: string, path: string): string {
  const rooted = path.startsWith('///') ? path.slice(2) : path
  if (rooted.startsWith('//')) {
    throw new ConfigError(
      `${scheme}: is on this machine: write ${scheme}:./relative or ${scheme}:/absolute, without a host.`,
    )
  }
  try {
    return decodeURIComponent(rooted)
  } catch (cause) {
    throw new ConfigError(`The path of the ${scheme}: URL has a "%" that begins no code: write it as %25.`, { cause })
  }
}
