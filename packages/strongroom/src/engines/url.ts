import { ConfigError } from '../errors.ts'
import type { CookieEngine, ScannableStore, Store } from '../store.ts'
import { cached } from './cached/cached.ts'
import { cookie } from './cookie/cookie.ts'
import { file } from './file/file.ts'
import type { LocalStore } from './local-store.ts'
import { memcached } from './memcached/memcached.ts'
import { memory } from './memory/memory.ts'
import { moving, type Phase } from './moving/moving.ts'
import { mysql } from './mysql/mysql.ts'
import { postgres } from './postgres/postgres.ts'
import { redis } from './redis/redis.ts'
import { localPath } from './shared/local-path.ts'
import { trimUrl } from './shared/server-url.ts'
import { type Query, strictQuery } from './shared/url-query.ts'
import { sqlite } from './sqlite/sqlite.ts'
import { tableOption } from './sqlite/table.ts'

/** An engine on this machine: its URL has a path, and options that are all ours. */
interface Local {
  readonly known: readonly string[]
  make(path: string, query: Query): Store
}

const LOCAL: Readonly<Record<string, Local>> = {
  memory: {
    known: ['max', 'maxBytes', 'evicts'],
    make(path, query) {
      if (path !== '') throw new ConfigError('memory: takes no path.')
      return memory({
        max: query.number('max'),
        maxBytes: query.number('maxBytes'),
        evicts: query.boolean('evicts'),
      })
    },
  },
  file: {
    known: ['durable', 'timeout'],
    make: (path, query) => file({ dir: path, durable: query.boolean('durable'), timeout: query.number('timeout') }),
  },
  sqlite: {
    known: ['synchronous', 'table', 'timeout'],
    make(path, query) {
      const synchronous = query.string('synchronous') as 'full' | 'normal' | undefined
      return sqlite({ path, synchronous, table: query.string('table'), timeout: query.number('timeout') })
    },
  },
}

/**
 * Engines that parse the whole URL: servers, whose drivers have options of their own, and those that other stores are part of.
 */
const WHOLE: Readonly<Record<string, (url: string) => Store | CookieEngine>> = {
  cookie: cookieFromUrl,
  mysql,
  mariadb: mysql,
  postgres,
  postgresql: postgres,
  cached: cachedFromUrl,
  memcached,
  moving: movingFromUrl,
  ...Object.fromEntries(
    ['redis', 'rediss', 'valkey', 'valkeys'].flatMap((name) =>
      ['', '+sentinel', '+cluster'].map((kind) => [name + kind, redis]),
    ),
  ),
}

/** `cookie:?protection=signed&revocations=URL`, the URL percent-encoded. */
function cookieFromUrl(url: string): CookieEngine {
  const [, path = '', given = ''] = /^cookie:([^?]*)\??(.*)$/s.exec(url) ?? []
  const query = strictQuery('cookie:', given, ['protection', 'revocations'])
  if (path !== '')
    throw new ConfigError("The URL of the cookie engine is 'cookie:', with ?protection= and ?revocations=URL.")
  const revocations = query.string('revocations')
  return cookie({
    protection: query.string('protection') as CookieEngine['protection'] | undefined,
    revocations: revocations === undefined ? undefined : storeFromUrl(revocations),
  })
}

/** `cached:?durable=URL&cache=URL`, the two percent-encoded, with `maxAge` and `cacheTimeout`. */
function cachedFromUrl(url: string): Store {
  const [, path = '', given = ''] = /^cached:([^?]*)\??(.*)$/is.exec(url) ?? []
  if (path !== '') throw new ConfigError('cached: takes no path: write cached:?durable=URL&cache=URL.')
  const query = strictQuery('cached:', given, ['durable', 'cache', 'maxAge', 'cacheTimeout'])
  const inner = (name: string) => {
    const value = query.string(name)
    if (!value) throw new ConfigError(`A cached: URL needs "${name}", a store URL that is percent-encoded.`)
    return value
  }
  const [durableUrl, cacheUrl] = [inner('durable'), inner('cache')]
  const [durable, cache] = [storeFromUrl(durableUrl), storeFromUrl(cacheUrl)]
  const [maxAge, cacheTimeout] = [query.number('maxAge'), query.number('cacheTimeout')]
  return closingInner(cached({ durable, cache, maxAge, cacheTimeout }), [durable, cache])
}

/** `moving:?from=URL&to=URL&phase=prepare`, the two URLs percent-encoded. */
function movingFromUrl(url: string): Store {
  const query = strictQuery('moving:', url.slice(url.indexOf('?') + 1 || url.length), ['from', 'to', 'phase'])
  const [fromUrl, toUrl] = [query.string('from'), query.string('to')]
  if (!/^moving:(\?|$)/.test(url) || !fromUrl || !toUrl)
    throw new ConfigError('A moving: URL is moving:?from=URL&to=URL, each with encodeURIComponent.')
  const [from, to] = [storeFromUrl(fromUrl) as ScannableStore, storeFromUrl(toUrl)]
  return closingInner(moving({ from, to, phase: query.string('phase') as Phase | undefined }), [from, to])
}

/** A store made of others leaves them open. These were opened for it, and nobody else could close them. */
function closingInner(store: Store, inner: readonly Store[]): Store {
  const close = store.close.bind(store)
  return Object.assign(store, {
    close: async () => {
      await close()
      await Promise.all(inner.map((each) => each.close()))
    },
  })
}

const PARTS = /^([a-z][a-z0-9+.-]*):([^?]*)(?:\?(.*))?$/i

/** The options of a URL that are URLs of stores themselves. What a cache lacks, nobody misses. */
const INNER: Readonly<Record<string, readonly string[]>> = {
  cached: ['durable'],
  cookie: ['revocations'],
  moving: ['from', 'to'],
}

/**
 * The files and directories that a URL names, those in it included; none for a server. A command that only reads first looks at what
 * is there. Throws `ConfigError` as `engineFromUrl` does.
 */
export function localStoresIn(given: string): LocalStore[] {
  const [, scheme = '', path = '', options = ''] = PARTS.exec(trimUrl('the store', given)) ?? []
  if (Object.hasOwn(INNER, scheme)) {
    const query = new URLSearchParams(options)
    return (INNER[scheme] ?? []).flatMap((name) => localStoresIn(query.get(name) ?? ''))
  }
  if ((scheme !== 'file' && scheme !== 'sqlite') || path === ':memory:') return []
  const query = strictQuery(`${scheme}:`, options, LOCAL[scheme]?.known ?? [])
  const local = localPath(scheme, path)
  if (scheme === 'file') return [{ engine: scheme, path: local }]
  return [{ engine: scheme, path: local, table: tableOption(query.string('table')) }]
}

/**
 * The engine that a URL names:
 *
 * - `memory:`, `file:./sessions`, `sqlite:./sessions.db`, `sqlite::memory:`, with options as in `memory:?max=1000`,
 *   `file:/var/lib/app?durable=false`, `sqlite:./x.db?synchronous=normal&table=people`;
 * - `mysql://user:password@host/database?table=people`, or `mariadb:`, also with options of the driver; likewise
 *   `postgres:`;
 * - `memcached://host:11211,host2:11211`;
 * - `redis://:password@host:6379/0?prefix=people:`; `redis+sentinel:` and `redis+cluster:` name several servers;
 *   `valkey:` is the same as `redis:`;
 * - `cached:?durable=sqlite%3A.%2Fx.db&cache=memory%3A%3Fevicts%3Dtrue` and `moving:?from=URL&to=URL`: stores made of
 *   two, whose URLs are percent-encoded. They close these with themselves;
 * - `cookie:?protection=signed&revocations=sqlite%3A.%2Fx.db`: sessions in the cookie itself.
 *
 * Paths are as in a shell, relative to the working directory, with `%20` and the like decoded; `file:///abs` is
 * `file:/abs`. Throws `ConfigError` for anything unknown. No message repeats the URL, because it may contain a
 * password.
 */
export function engineFromUrl(given: string): Store | CookieEngine {
  const url = trimUrl('the store', given)
  if (url === '')
    throw new ConfigError(
      'The URL of the store is empty. If it comes from an environment variable, set that: for example, to sqlite:./sessions.db.',
    )
  const [, scheme = '', path = '', query = ''] = PARTS.exec(url) ?? []
  const whole = Object.hasOwn(WHOLE, scheme) ? WHOLE[scheme] : undefined
  if (whole) return whole(url)
  const local = Object.hasOwn(LOCAL, scheme) ? LOCAL[scheme] : undefined
  if (local) return local.make(localPath(scheme, path), strictQuery(`${scheme}:`, query, local.known))
  const known = [...Object.keys(LOCAL), ...Object.keys(WHOLE)].map((name) => `${name}:`).join(', ')
  if (/^(?:(?:redis|valkey)s?\+)?(?:unix|socket)$/.test(scheme))
    throw new ConfigError('For Redis on a Unix socket, write redis://user:password@/0?socketPath=/run/redis.sock')
  // The scheme is not repeated: of a URL without one, it may be the beginning of a password.
  throw new ConfigError(`${scheme ? 'Unknown store URL.' : 'A store URL begins with a scheme.'} Known: ${known}.`)
}

/** As `engineFromUrl`, for what only a store can do. */
export function storeFromUrl(url: string): Store {
  const engine = engineFromUrl(url)
  if (!('kind' in engine)) return engine
  throw new ConfigError(
    'cookie: saves sessions in the cookie itself, so there is no store: pass this URL to createSessions.',
  )
}
