import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { RedisBackend } from 'strongroom/internal'
import { messageOf } from '../failure.ts'
import type { Check, Topic } from './check.ts'
import { reachOf } from './network.ts'
import { authCheck, protectedCheck } from './redis-protection.ts'
import { pairs, type RedisNode, words } from './redis-replies.ts'

/** Both ends of our connection, as the server sees them; null for a Unix socket. */
export interface Addresses {
  readonly client: string | null
  readonly server: string | null
  readonly port: number
}

/** Null when the server does not tell: CLIENT INFO is forbidden, or older than Redis 6.2. */
export async function addressesIn(node: RedisNode): Promise<Addresses | null> {
  const info = await node('CLIENT', 'INFO').then(String, () => '')
  const of = (name: string) => new RegExp(`(?:^| )${name}=(\\S*)`).exec(info)?.[1]
  const [client, server] = [of('addr'), of('laddr')]
  if (client === undefined || server === undefined) return null
  const [, host = null, port = '0'] = /^\[?([^/\]]*?)\]?:(\d+)$/.exec(server) ?? []
  return {
    client: host === null ? null : client.replace(/:\d+$/, '').replace(/[[\]]/g, ''),
    server: host,
    port: Number(port),
  }
}

interface Access {
  readonly server: string
  /** Of Redis, or of the one that a Valkey behaves like. */
  readonly version: string
  readonly config: (name: string) => string | null
  readonly backend: RedisBackend
  readonly addresses: Addresses | null
}

export async function accessChecks(topic: Topic, node: RedisNode, access: Access): Promise<readonly Check[]> {
  const { server, version, config, addresses } = access
  const answered = await answersWithoutPassword(access)
  const isOpen = answered ?? (await hasOpenUser(node))
  const listening = {
    ...{ server, version, isOpen, mode: config('protected-mode'), bind: config('bind') },
    isOpenFromNetwork: answered === true && reachOf(addresses?.server ?? null) !== 'machine',
  }
  return [authCheck(topic, listening), protectedCheck(topic, listening), await rights(topic, node, access)]
}

/** Tried from here; null where that cannot be tried. */
async function answersWithoutPassword({ backend, addresses }: Access): Promise<boolean | null> {
  if (addresses === null || addresses.server === null || addresses.port === 0) return null
  return pingWithoutPassword(addresses.server, addresses.port, backend.tls === true)
}

/** As its ACL says: may anyone be the user "default"? */
async function hasOpenUser(node: RedisNode): Promise<boolean | null> {
  const rules = await node('ACL', 'GETUSER', 'default').then(pairs, () => null)
  if (rules === null) return null
  const flags = words(rules.get('flags'))
  return flags.includes('on') && flags.includes('nopass')
}

const PING_LIMIT = 1_000

/** Null when there was no answer that says so: another address, another protocol. */
async function pingWithoutPassword(host: string, port: number, tls: boolean): Promise<boolean | null> {
  const signal = AbortSignal.timeout(PING_LIMIT)
  // Whose certificate it is makes no difference: nothing is sent but the word PING.
  const socket = tls ? connectTls({ host, port, rejectUnauthorized: false }) : connect({ host, port })
  try {
    await once(socket, tls ? 'secureConnect' : 'connect', { signal })
    socket.write('PING\r\n')
    const [reply] = (await once(socket, 'data', { signal })) as [Buffer]
    const text = reply.toString('latin1')
    if (text.startsWith('+PONG')) return true
    // Not DENIED, with which protected-mode refuses other machines: those of its own may come in without a password.
    return /^-(?:NOAUTH|NOPERM|WRONGPASS)/.test(text) ? false : null
  } catch {
    return null
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}

const refusal = (error: unknown) => ({ isForbidden: /\bNOPERM\b|no permissions/i.test(messageOf(error)) })

async function rights(topic: Topic, node: RedisNode, { server }: Access): Promise<Check> {
  const name = 'redis-rights'
  const user = await node('ACL', 'WHOAMI').then(String, refusal)
  const rules = typeof user === 'string' ? await node('ACL', 'GETUSER', user).then(pairs, refusal) : user
  // Only a user that may not do everything is refused its own rules. A server that has renamed ACL says nothing of the user.
  if ('isForbidden' in rules)
    return rules.isForbidden
      ? topic.green(name, `This user of ${server} may not read its rules, so it may not do everything.`)
      : topic.unknown(name, `${server} does not tell the rights of this user: ACL is renamed, or missing.`)
  const commands = words(words(rules.get('commands')).join(' '))
  const flags = words(rules.get('flags'))
  const isAll = commands.includes('+@all') || flags.includes('allcommands')
  const isCut = commands.some((rule) => rule === '-@dangerous' || rule === '-@admin' || rule === '-@all')
  if (!isAll || isCut) return topic.green(name, `This user of ${server} may run some commands only.`)
  const without = commands.filter((rule) => rule.startsWith('-')).map((rule) => rule.slice(1))
  return topic.amber(
    name,
    without.length > 0
      ? `The user ${user} of ${server} may run every command but ${without.join(', ')}.`
      : `The user ${user} of ${server} may run every command, FLUSHALL and CONFIG SET included.`,
    'ACL SETUSER web on >… ~strongroom:* &strongroom:* +@read +@write +@scripting +@connection +@transaction -@dangerous +time +info +config|get',
  )
}
