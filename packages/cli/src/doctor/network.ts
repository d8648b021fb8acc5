import { BlockList, isIP } from 'node:net'
import type { Check, Topic } from './check.ts'

/** How far what is sent to an address travels. */
export type Reach = 'machine' | 'private' | 'public'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** RFC 1918, RFC 6598, RFC 3927, RFC 4193, and link-local addresses of IPv6. */
const PRIVATE = new BlockList()
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
] as const)
  PRIVATE.addSubnet(net, bits)
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addSubnet('fe80::', 10, 'ipv6')

/** Null is a Unix socket. A name that is not an address may be anywhere in a network. */
export function reachOf(given: string | null): Reach {
  if (given === null || given === 'localhost') return 'machine'
  const address = given.replace(/%.*$/, '')
  const version = isIP(address)
  if (version === 0) return 'private'
  const family = version === 6 ? 'ipv6' : 'ipv4'
  if (LOOPBACK.check(address, family)) return 'machine'
  return PRIVATE.check(address, family) ? 'private' : 'public'
}

/** Both ends of a connection. With one address at both, nothing leaves the machine, but the server listens to a network. */
export function reachBetween(client: string | null, server: string | null): Reach {
  const reach = reachOf(server)
  if (reach === 'machine') return reachOf(client)
  return client === server ? 'private' : reach
}

export interface Connection {
  /** "PostgreSQL". */
  readonly server: string
  /** Null when that cannot be found out. */
  readonly encrypted: boolean | null
  readonly reach: Reach
  readonly mend: string
}

/** Is what the application and its store send each other encrypted, where others could read and alter it? */
export function tlsCheck(topic: Topic, name: string, { server, encrypted, reach, mend }: Connection): Check {
  if (encrypted) return topic.green(name, `The connection to ${server} is encrypted.`)
  if (reach === 'machine') return topic.green(name, `The connection to ${server} stays on this machine.`)
  if (encrypted === null)
    return topic.unknown(
      name,
      `The connection to ${server} goes over a network, and its client does not tell whether it is encrypted.`,
      mend,
    )
  const what = `The connection to ${server} goes over a ${reach} network without TLS: anyone on the way can read the password and put back old rows.`
  return reach === 'public' ? topic.red(name, what, mend) : topic.amber(name, what, mend)
}
