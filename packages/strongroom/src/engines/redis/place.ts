import { ConfigError } from '../../errors.ts'
import { strictQuery } from '../shared/url-query.ts'

export interface Host {
  readonly host: string
  readonly port: number
}

/** Where a Redis is, as a URL says it. */
export interface Place {
  readonly kind: 'standalone' | 'sentinel' | 'cluster'
  readonly tls: boolean
  /** One, or some of the sentinels or of the cluster's nodes. */
  readonly hosts: readonly [Host, ...Host[]]
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** The name that the sentinels know the master by; empty without them. */
  readonly master: string
  readonly sentinelUsername: string | undefined
  readonly sentinelPassword: string | undefined
}

const URL_PARTS =
  /^(redis|valkey)(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#:]*)(?::([^@/?#]*))?@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i
const OURS = ['prefix', 'timeout', 'durable', 'notify']
const SENTINELS = ['sentinelUsername', 'sentinelPassword']

/** Reads a URL, which may name Valkey as well; throws `ConfigError`, which does not repeat it, for it may hold a password. */
export function parsePlace(url: string) {
  const [, name, s, sort, username, password, hosts = '', path = '', query = ''] = URL_PARTS.exec(url) ?? []
  if (name === undefined) {
    throw new ConfigError(
      'A Redis URL is redis://host:6379/0, redis+sentinel://host:26379,host:26379/master or redis+cluster://host:6379.',
    )
  }
  const kind = (sort?.toLowerCase() ?? 'standalone') as Place['kind']
  const where = `${name.toLowerCase()}${sort ? `+${kind}` : ''}:`
  const own = strictQuery(where, query, kind === 'sentinel' ? [...OURS, ...SENTINELS] : OURS)
  const place: Place = {
    kind,
    tls: s !== '',
    hosts: hostsOf(hosts, kind),
    username: decoded(username) || undefined,
    password: decoded(password) || undefined,
    ...pathOf(path, kind),
    sentinelUsername: own.text('sentinelUsername'),
    sentinelPassword: own.text('sentinelPassword'),
  }
  return { place, own }
}

function hostsOf(text: string, kind: Place['kind']): Place['hosts'] {
  const standard = kind === 'sentinel' ? 26379 : 6379
  const [first, ...rest] = text.split(',').map((each): Host => {
    const [, six, plain = '', port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/i.exec(each) ?? []
    const host = six ?? plain
    if (host === '' && (port !== undefined || text !== '' || kind !== 'standalone'))
      throw new ConfigError('A Redis URL names each server as host or host:port.')
    return { host: host || 'localhost', port: Number(port ?? standard) }
  })
  if (rest.length > 0 && kind === 'standalone')
    throw new ConfigError('A redis: URL names one server: with several it is redis+sentinel: or redis+cluster:.')
  return [first as Host, ...rest]
}

function pathOf(path: string, kind: Place['kind']): Pick<Place, 'database' | 'master'> {
  const [master, database = ''] = kind === 'sentinel' ? path.split('/').map(decoded) : ['', path]
  if (kind === 'sentinel' && !master)
    throw new ConfigError('A redis+sentinel: URL ends in the name of the master: redis+sentinel://host:26379/mymaster.')
  if (!/^\d*$/.test(database) || (kind === 'cluster' && database !== ''))
    throw new ConfigError('The path of a Redis URL is the number of a database; a cluster has none.')
  return { master: master ?? '', database: Number(database) }
}

function decoded(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '')
  } catch {
    // Without the cause, which would repeat it.
    throw new ConfigError('A Redis URL has a "%" that begins no code: write it as %25.')
  }
}
