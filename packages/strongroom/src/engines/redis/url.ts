import { ConfigError } from '../../errors.ts'
import { trimServerUrl } from '../shared/server-url.ts'
import { strictQuery } from '../shared/url-query.ts'

export interface Host {
  readonly host: string
  readonly port: number
}

/** What a URL says about where Redis is and how to connect to it. */
export interface RedisAddress {
  readonly kind: 'standalone' | 'sentinel' | 'cluster'
  readonly tls: boolean
  /** The server, or some of the sentinels or of the cluster's nodes. */
  readonly hosts: readonly [Host, ...Host[]]
  /** The server's Unix socket, instead of a host. */
  readonly socketPath: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** The name of the master, as the sentinels know it; empty without sentinels. */
  readonly master: string
  readonly sentinelUsername: string | undefined
  readonly sentinelPassword: string | undefined
}

const URL_PARTS =
  /^(redis|valkey)(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#:]*)(?::([^@/?#]*))?@)?([^@/?#]*)(?:\/([^@?#]*))?(?:\?([^#]*))?$/i
const STORE_OPTIONS: readonly string[] = ['prefix', 'timeout', 'durable', 'evicts', 'notify']
const KIND_OPTIONS = { standalone: ['socketPath'], sentinel: ['sentinelUsername', 'sentinelPassword'], cluster: [] }

/**
 * Parses a `redis:` or `valkey:` URL; `query` holds the options of the store, of which `options` are the known ones. Throws
 * `ConfigError`, which never repeats any part of the URL, because that may be a password.
 */
export function parseRedisUrl(url: string, { caller = 'redis()', options = STORE_OPTIONS } = {}) {
  const [, name, s, sort, username, password, hosts = '', path = '', search = ''] =
    URL_PARTS.exec(trimServerUrl(caller, url)) ?? []
  if (name === undefined) {
    throw new ConfigError(
      'A Redis URL is redis://host:6379/0, redis+sentinel://host:26379,host:26379/master or redis+cluster://host:6379, with @ : / ? # and % in the password as %40 %3A %2F %3F %23 and %25.',
    )
  }
  const kind = (sort?.toLowerCase() ?? 'standalone') as RedisAddress['kind']
  const where = `${name.toLowerCase()}${sort ? `+${kind}` : ''}:`
  const query = strictQuery(where, search, [...options, ...KIND_OPTIONS[kind]])
  const socketPath = query.string('socketPath')
  if (socketPath !== undefined && (hosts !== '' || s !== ''))
    throw new ConfigError(
      'A redis: URL with "socketPath" names no host, and there is no TLS: write redis:///0?socketPath=/run/redis.sock.',
    )
  const address: RedisAddress = {
    kind,
    tls: s !== '',
    hosts: parseHosts(hosts, kind),
    socketPath,
    username: decode(username) || undefined,
    password: decode(password) || undefined,
    ...parsePath(path, kind),
    sentinelUsername: query.string('sentinelUsername'),
    sentinelPassword: query.string('sentinelPassword'),
  }
  return { address, query }
}

function parseHosts(list: string, kind: RedisAddress['kind']): RedisAddress['hosts'] {
  const defaultPort = kind === 'sentinel' ? 26379 : 6379
  const [first, ...rest] = list.split(',').map((each): Host => {
    const [, ipv6, plain = '', port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/i.exec(each) ?? []
    const host = ipv6 ?? plain
    if (host === '' && (port !== undefined || list !== '' || kind !== 'standalone'))
      throw new ConfigError('In a Redis URL, write each server as host or host:port.')
    return { host: host || 'localhost', port: Number(port ?? defaultPort) }
  })
  if (rest.length > 0 && kind === 'standalone')
    throw new ConfigError('A redis: URL names one server. For several, use redis+sentinel: or redis+cluster:.')
  return [first as Host, ...rest]
}

function parsePath(path: string, kind: RedisAddress['kind']): Pick<RedisAddress, 'database' | 'master'> {
  const [master, database = ''] = kind === 'sentinel' ? path.split('/').map(decode) : ['', path]
  if (kind === 'sentinel' && !master)
    throw new ConfigError(
      'A redis+sentinel: URL must end with the name of the master: redis+sentinel://host:26379/mymaster.',
    )
  if (!/^\d*$/.test(database) || (kind === 'cluster' && database !== ''))
    throw new ConfigError(
      'The path of a Redis URL is the number of a database. A cluster has none: leave the path out.',
    )
  return { master: master ?? '', database: Number(database) }
}

function decode(part: string | undefined): string {
  try {
    return decodeURIComponent(part ?? '')
  } catch {
    // Without the cause, which would repeat the value.
    throw new ConfigError('A Redis URL contains a "%" that does not begin an escape. Write it as %25.')
  }
}
