import type { Expired, Loaded, Refused, Ticket } from './backing.ts'
import type { Core } from './core.ts'
import type { Stamps } from './stamp.ts'
import { handleOf } from './token.ts'

type Found = Loaded | Expired | Refused | null

/** Did a request carry any cookie of our name, good or bad? */
export function presented({ transport }: Core, cookies: string | undefined): boolean {
  return transport.read(cookies).length > 0
}

/**
 * The session that a request's Cookie header names, or null; why not, is told as an event. `unknown-key` when a key is
 * missing that another server may have made a moment ago.
 */
export async function find(core: Core, cookies: string | undefined): Promise<Loaded | 'unknown-key' | null> {
  const { backing, emit } = core
  const ticket = admit(core, cookies)
  if (ticket === null || ticket === 'unknown-key') return ticket
  const found = await backing.load(ticket)
  // Awaited only where there is something to ask: this is the path of every request.
  const loaded = core.stamps === null ? found : await stamped(core.stamps, found)
  if (loaded && !('held' in loaded)) {
    if ('refused' in loaded) emit({ type: 'notOurs', what: 'record', reason: loaded.refused })
    else emit({ type: 'expired', handle: handleOf(ticket.id), reason: loaded.expired })
    return 'refused' in loaded && loaded.refused === 'unknown-key' ? 'unknown-key' : null
  }
  if (emit.wanted()) emit({ type: loaded ? 'loaded' : 'absent', handle: handleOf(ticket.id) })
  return loaded
}

function admit({ transport, backing, emit }: Core, cookies: string | undefined): Ticket | 'unknown-key' | null {
  let found: Ticket | null = null
  let unknownKey = false
  // Two cookies of one name are what a neighbouring host can plant. A forged one is passed over; two good ones are a
  // question that a guess would answer in the attacker's favour.
  for (const text of transport.read(cookies)) {
    const ticket = backing.admit(text)
    if ('refused' in ticket) {
      emit({ type: 'notOurs', what: 'cookie', reason: ticket.refused })
      unknownKey ||= ticket.refused === 'unknown-key'
    } else if (found && found.text !== ticket.text) {
      emit({ type: 'notOurs', what: 'cookie', reason: 'ambiguous' })
      return null
    } else found = ticket
  }
  return found ?? (unknownKey ? 'unknown-key' : null)
}

/** Refused when the login stands on a credential that is another by now. */
export async function stamped(stamps: Stamps | null, found: Found): Promise<Found> {
  if (stamps === null || found === null || !('held' in found)) return found
  const { meta: was } = found
  if (was.userId === null) return found
  const meta = await stamps.check(was, was.userId)
  return 'refused' in meta ? meta : meta === was ? found : { ...found, meta }
}
