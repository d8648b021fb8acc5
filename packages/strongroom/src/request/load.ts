import type { Loaded, Lookup, VerifiedCookie } from '../backing/backing.ts'
import type { SessionsContext } from '../context.ts'
import type { CredentialStamps } from '../credential.ts'
import { handleOf } from '../crypto/token.ts'

type Found = Loaded | 'unknown-key' | null

/** Did a request carry any cookie of our name, good or bad? */
export function presented({ transport }: SessionsContext, cookies: string | undefined): boolean {
  return transport.read(cookies).length > 0
}

/**
 * The session that a request's Cookie header names, or null; why not, is told as an event. `unknown-key` when a key is
 * missing that another server may have made a moment ago. A promise only where there is something to wait for: this is the
 * path of every request.
 */
export function load(core: SessionsContext, cookies: string | undefined): Found | Promise<Found> {
  const ticket = admit(core, cookies)
  if (ticket === null || ticket === 'unknown-key') return ticket
  const found = core.backing.load(ticket)
  if (core.stamps !== null) return stamped(core.stamps, found).then((found) => told(core, ticket, found))
  return found instanceof Promise ? found.then((found) => told(core, ticket, found)) : told(core, ticket, found)
}

function told({ emit }: SessionsContext, { id }: VerifiedCookie, found: Lookup): Found {
  if (found && !('ref' in found)) {
    if ('refused' in found) emit({ type: 'notOurs', what: 'record', reason: found.refused })
    else emit({ type: 'expired', handle: handleOf(id), reason: found.expired })
    return 'refused' in found && found.refused === 'unknown-key' ? 'unknown-key' : null
  }
  if (emit.wanted()) emit({ type: found ? 'loaded' : 'absent', handle: handleOf(id) })
  return found
}

function admit(
  { transport, backing, emit }: SessionsContext,
  cookies: string | undefined,
): VerifiedCookie | 'unknown-key' | null {
  let found: VerifiedCookie | null = null
  let unknownKey = false
  // Two cookies of one name are what a neighbouring host can plant. A forged one is passed over; two good ones are a
  // question that a guess would answer in the attacker's favour.
  for (const text of transport.read(cookies)) {
    const ticket = backing.verify(text)
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
export async function stamped(stamps: CredentialStamps | null, given: Lookup | Promise<Lookup>): Promise<Lookup> {
  const found = await given
  if (stamps === null || found === null || !('ref' in found)) return found
  const { meta: was } = found
  if (was.userId === null) return found
  const meta = await stamps.check(was, was.userId)
  return 'refused' in meta ? meta : meta === was ? found : { ...found, meta }
}
