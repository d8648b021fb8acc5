import { checkOptions, clockOption, timeoutOption, wholeNumber } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, Store } from '../../store.ts'
import { withBackend } from '../shared/backend.ts'
import { trimServerUrl } from '../shared/server-url.ts'
import { strictQuery } from '../shared/url-query.ts'
import { type Address, Servers } from './servers.ts'
import { Memcached } from './store.ts'

/** Options of `memcached`. */
export interface MemcachedOptions {
  /** "host" or "host:port" (default port 11211), or several of them. Every process must have the same, in any order. */
  readonly servers: string | readonly string[]
  /** Before every key (default "strongroom:"): at most 186 printable ASCII characters, and no space. */
  readonly prefix?: string | undefined
  /** Ms to wait for the reply to a command (default 2000). After that, the connection is closed and opened again. */
  readonly timeout?: number | undefined
  /** Bytes of the largest item: what you set with `-I` on the servers (default 1 MiB, which is their default). */
  readonly itemSize?: number | undefined
  readonly clock?: Clock | undefined
}

const KNOWN = ['servers', 'prefix', 'timeout', 'itemSize', 'clock']
/** The key, the label, the owner, and what memcached adds to an item. */
const OVERHEAD = 2048

/**
 * Sessions in memcached (1.6 or later), which may forget any of them at any time: when it is full, and when it
 * restarts. There are no lists, because memcached has none. Takes `memcached://host:port,host:port` or options.
 *
 * This speaks memcached's meta protocol itself. The clients that exist for Node either have no compare-and-set, or do
 * not return bytes unaltered.
 */
export function memcached(given: string | MemcachedOptions): Store & AsyncDisposable {
  const options = typeof given === 'string' ? optionsIn(given) : given
  checkOptions('memcached()', options, KNOWN)
  const { prefix = 'strongroom:' } = options
  if (typeof prefix !== 'string' || !/^[!-~]{0,186}$/.test(prefix))
    throw new ConfigError(
      'Option "prefix" of memcached() must be printable ASCII without spaces, at most 186 characters.',
    )
  const timeout = timeoutOption('memcached()', options.timeout, 2000)
  const itemSize = wholeNumber('memcached()', 'itemSize', options.itemSize, 2 ** 20, 2 * OVERHEAD)
  const addresses = addressesOf(options.servers)
  const store = new Memcached({
    servers: new Servers(addresses, timeout),
    prefix,
    sizeLimit: itemSize - OVERHEAD,
    clock: clockOption('memcached()', options.clock),
  })
  return withBackend(store, { engine: 'memcached', servers: addresses, sizeLimit: itemSize })
}

function optionsIn(url: string): MemcachedOptions {
  const [, servers, given = ''] =
    /^memcached:\/\/([^/?#]*)\/?(?:\?(.*))?$/i.exec(trimServerUrl('memcached()', url)) ?? []
  if (servers === undefined)
    throw new ConfigError(
      'A memcached URL is memcached://host:port,host:port?prefix=… (Unix sockets are not supported.)',
    )
  const query = strictQuery('memcached:', given, ['prefix', 'timeout', 'itemSize'])
  const [timeout, itemSize] = [query.number('timeout'), query.number('itemSize')]
  return { servers: servers.split(','), prefix: query.string('prefix'), timeout, itemSize }
}

/** No message repeats an address, because it may be half of a URL with a password. */
function addressesOf(given: unknown): readonly Address[] {
  const list: unknown[] = Array.isArray(given) ? given : [given]
  const addresses = list.map(addressOf)
  if (addresses.length === 0) throw new ConfigError('memcached() needs at least one server, such as "localhost:11211".')
  if (new Set(addresses.map(({ name }) => name)).size < addresses.length)
    throw new ConfigError('Option "servers" of memcached() names a server twice.')
  return addresses
}

const ADDRESS = /^(?:\[([0-9a-f:.]+)\]|([^\s:@/[\]]+))(?::(\d{1,5}))?$/i

function addressOf(given: unknown): Address {
  if (typeof given === 'string' && given.includes('@'))
    throw new ConfigError(
      'memcached() supports no user and password: make the server reachable only for the application.',
    )
  const [, six, four, digits = '11211'] = (typeof given === 'string' && ADDRESS.exec(given)) || []
  const host = (six ?? four)?.toLowerCase()
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535)
    throw new ConfigError(
      'A server of memcached() is "host" or "host:port", such as "localhost:11211" or "[::1]:11211".',
    )
  return { host, port, name: `${host}:${port}` }
}
