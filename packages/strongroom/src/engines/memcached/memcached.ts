import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, Store } from '../../store.ts'
import { strictQuery } from '../shared/url-query.ts'
import { addressesOf } from './addresses.ts'
import { Ring } from './ring.ts'
import { Memcached } from './store.ts'

export interface MemcachedOptions {
  /** "host" or "host:port" (default port 11211), or several of them. Every process must have the same, in any order. */
  readonly servers: string | readonly string[]
  /** Before every key (default "strongroom:"): 186 printable ASCII characters at most, and no space. */
  readonly prefix?: string | undefined
  /** Ms in which a command is answered (default 2000). After that its connection is made anew. */
  readonly timeout?: number | undefined
  /** Bytes of the largest item, as the servers were told by `-I` (default 1 MiB, as theirs is). */
  readonly itemSize?: number | undefined
  readonly clock?: Clock | undefined
}

const KNOWN = ['servers', 'prefix', 'timeout', 'itemSize', 'clock']
/** The key, the label, the owner, and what memcached adds to an item. */
const OVERHEAD = 2048

/**
 * Sessions in memcached (1.6 or later), which may forget any of them at any time: when it is full, and when it restarts.
 * There are no lists, for memcached has none. Takes `memcached://host:port,host:port` or options.
 *
 * It is spoken to directly, in its meta protocol: the clients there are for Node either cannot compare and set, or do not keep
 * bytes as they are.
 */
export function memcached(given: string | MemcachedOptions): Store {
  const options = typeof given === 'string' ? optionsIn(given) : given
  checkOptions('memcached()', options, KNOWN)
  const { prefix = 'strongroom:' } = options
  if (typeof prefix !== 'string' || !/^[!-~]{0,186}$/.test(prefix))
    throw new ConfigError(
      'Option "prefix" of memcached() must be printable ASCII without spaces, 186 characters at most.',
    )
  const timeout = wholeNumber('memcached()', 'timeout', options.timeout, 2000)
  const itemSize = wholeNumber('memcached()', 'itemSize', options.itemSize, 2 ** 20, 2 * OVERHEAD)
  return new Memcached({
    ring: new Ring(addressesOf(options.servers), timeout),
    prefix,
    sizeLimit: itemSize - OVERHEAD,
    clock: clockOption('memcached()', options.clock),
  })
}

function optionsIn(url: string): MemcachedOptions {
  const [, servers, given = ''] = /^memcached:\/\/([^/?#]*)\/?(?:\?(.*))?$/i.exec(url) ?? []
  if (servers === undefined) throw new ConfigError('A memcached URL is memcached://host:port,host:port?prefix=…')
  const query = strictQuery('memcached:', given, ['prefix', 'timeout', 'itemSize'])
  const [timeout, itemSize] = [query.number('timeout'), query.number('itemSize')]
  return { servers: servers.split(','), prefix: query.text('prefix'), timeout, itemSize }
}
