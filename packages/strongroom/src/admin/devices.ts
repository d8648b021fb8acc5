import { setImmediate as turn } from 'node:timers/promises'
import type { UserSession } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf, type Id } from '../crypto/token.ts'
import { liveSessions } from '../request/live.ts'
import { firstOf, networkOf } from '../session/address.ts'
import { stateOf } from '../session/session.ts'
import { partOf } from './device-page.ts'
import { ability, type Device, type DeviceListOptions, revokedMany, type UserDevices } from './users.ts'

/** Of a user whose sessions can be listed; where they cannot, each rejects with `UnsupportedError`. */
export function userDevices(context: SessionsContext, userId: string): UserDevices {
  async function find(handle: string): Promise<UserSession | undefined> {
    await context.ring.ready()
    for await (const page of ability(context, 'list')(userId)) {
      const found = page.find(({ id }) => handleOf(id) === handle)
      if (found) return found
    }
    return undefined
  }

  async function found(complete: boolean): Promise<UserSession[]> {
    await context.ring.ready()
    if (complete) await context.backing.users.assertComplete?.()
    const all: UserSession[] = []
    for await (const page of liveSessions(context, userId)) all.push(...page)
    return all
  }

  return {
    async list(current, options = {}) {
      const { limit, complete = false } = checked(options)
      const newest = (await found(complete)).sort((a, b) => b.createdAt - a.createdAt).slice(0, limit)
      return devicesOf(context, newest, current ? (stateOf(current).ref?.cookie.id ?? null) : null)
    },
    async page(options) {
      const all = await found(true)
      const { part, newer } = partOf(all, options)
      return { devices: await devicesOf(context, part, null), newer, total: all.length }
    },
    async revoke(handle) {
      const target = await find(handle)
      const ended = target ? await ability(context, 'endOne')(target.id) : false
      if (!target || !ended) return false
      context.ends.tell({ id: target.id, reason: 'revoke' })
      context.emit({ type: 'revoked', handle, count: 1, reason: 'revoke' }, { userId })
      return true
    },
    async revokeAllBut(handle) {
      const kept = await find(handle)
      if (!kept) return null
      // Not one by one, each of which would be looked for again: of a user with 30,000 sessions, that would take hours.
      const { count } = await ability(context, 'endAllBut')(userId, kept.id)
      revokedMany(context, userId, { reason: 'revoke-others', count, except: kept.id })
      return count
    },
  }
}

/** How many labels are opened before other work gets its turn. */
const OPENED_AT_ONCE = 100

async function devicesOf(
  context: SessionsContext,
  sessions: readonly UserSession[],
  own: Id | null,
): Promise<Device[]> {
  const devices: Device[] = []
  while (devices.length < sessions.length) {
    if (devices.length > 0) await turn()
    const next = sessions.slice(devices.length, devices.length + OPENED_AT_ONCE)
    devices.push(...next.map((each) => toDevice(each, own)))
  }
  return withPlaces(context, devices)
}

function toDevice({ id, createdAt, expiresAt, describe }: UserSession, own: Id | null): Device {
  const { label, lastSeenAt, address, bound = false } = describe()
  return {
    handle: handleOf(id),
    createdAt: new Date(createdAt),
    lastSeenAt: lastSeenAt === null ? null : new Date(lastSeenAt),
    expiresAt: new Date(expiresAt),
    label,
    current: id === own,
    address: address === null ? null : networkOf(address),
    place: null,
    deviceBound: bound,
  }
}

/** How many places are asked for in parallel: behind `place` is often a service that limits its clients, or a pool of connections. */
const ASKED_IN_PARALLEL = 20

/** Each place is asked for once. */
async function withPlaces({ addresses }: SessionsContext, devices: Device[]): Promise<Device[]> {
  const placeOf = addresses?.placeOf
  if (!placeOf) return devices
  const networks = [...new Set(devices.flatMap(({ address }) => address ?? []))]
  const known = new Map<string, string | null>()
  for (let at = 0; at < networks.length; at += ASKED_IN_PARALLEL) {
    const ask = async (network: string) => known.set(network, await placeOf(firstOf(network)))
    await Promise.all(networks.slice(at, at + ASKED_IN_PARALLEL).map(ask))
  }
  return devices.map((device) => ({ ...device, place: known.get(device.address ?? '') ?? null }))
}

/** Throws `TypeError` for an option that is unknown or wrong. */
function checked(options: DeviceListOptions): DeviceListOptions {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('list() takes its options as an object: limit and complete.')
  const unknown = Object.keys(options).find((name) => name !== 'limit' && name !== 'complete')
  if (unknown) throw new TypeError(`list() has no option '${unknown}'. Known: limit, complete.`)
  const { limit, complete } = options
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0))
    throw new TypeError('list: limit must be a whole number above 0.')
  if (complete !== undefined && typeof complete !== 'boolean')
    throw new TypeError('list: complete must be true or false.')
  return { limit, complete }
}
