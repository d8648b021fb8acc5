import type { Id } from '../crypto/token.ts'
import { isLoaded, type LoadResult, type Recheck, type SessionRef, type Standing } from './backing.ts'

/** What a session that goes on under a later token still shows. */
export type Describe = (
  label: Uint8Array,
  id: Id,
) => (Pick<Standing, 'idle' | 'deadline'> & { readonly stamp?: string | undefined }) | null

/** What a look at the cookie that a session was loaded with says about it. */
export function recheckOf(result: LoadResult, was: Standing, now: number, describe: Describe = () => null): Recheck {
  if (isLoaded(result)) {
    const { ref, meta } = result
    return { ref, userId: meta.userId, idle: meta.idle, deadline: meta.deadline, stamp: meta.stamp }
  }
  // A store only says that it is absent.
  if (result === null) return { over: now < was.ref.expiresAt ? 'ended' : 'expired' }
  if ('expired' in result) return { over: 'expired' }
  if ('emptied' in result) return { over: 'ended' }
  if ('refused' in result) {
    if (result.refused === 'unknown-key') return 'unknown'
    return { over: result.refused === 'credential' ? 'credential' : 'ended' }
  }
  return result.superseded === 'replaced' ? { over: 'login' } : renewed(result.ends?.ref, was, describe)
}

/** The token was renewed, and whose connection it is has not changed. The new token is the visitor's: only the label opens here. */
function renewed(ref: SessionRef | undefined, was: Standing, describe: Describe): Recheck {
  const label = (ref as { readonly label?: Uint8Array | null } | undefined)?.label
  const described = label && ref ? describe(label, ref.cookie.id) : null
  if (ref && described) {
    const { idle, deadline, stamp } = described
    return { ref: { ...ref, expiresAt: Math.min(ref.expiresAt, deadline) }, userId: was.userId, idle, deadline, stamp }
  }
  if (ref) return { ...was, ref, stamp: null }
  // Of an anonymous one nothing shows but that it is there: it is gone when it expires.
  return { ...was, ref: { ...was.ref, expiresAt: Number.POSITIVE_INFINITY }, deadline: Number.POSITIVE_INFINITY }
}
