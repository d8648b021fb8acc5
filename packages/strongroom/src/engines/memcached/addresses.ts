import { ConfigError } from '../../errors.ts'
import type { Address } from './server.ts'

const PLACE = /^(?:\[([0-9a-f:.]+)\]|([^\s:@/[\]]+))(?::(\d{1,5}))?$/i

/** No message repeats an address: it may be half of a URL with a password. */
export function addressesOf(given: unknown): readonly Address[] {
  const list: unknown[] = Array.isArray(given) ? given : [given]
  const addresses = list.map(addressOf)
  if (addresses.length === 0) throw new ConfigError('memcached() needs at least one server, such as "localhost:11211".')
  if (new Set(addresses.map(({ name }) => name)).size < addresses.length)
    throw new ConfigError('A server of memcached() stands there twice.')
  return addresses
}

function addressOf(given: unknown): Address {
  if (typeof given === 'string' && given.includes('@'))
    throw new ConfigError(
      'memcached() knows no user and password: keep the server where only the application reaches it.',
    )
  const [, six, four, digits = '11211'] = (typeof given === 'string' && PLACE.exec(given)) || []
  const host = (six ?? four)?.toLowerCase()
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535)
    throw new ConfigError(
      'A server of memcached() is "host" or "host:port", such as "localhost:11211" or "[::1]:11211".',
    )
  return { host, port, name: `${host}:${port}` }
}
