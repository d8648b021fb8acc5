import type { UserSession } from '../backing/backing.ts'
import { handleOf } from '../crypto/token.ts'

/** A session in the list, by what orders it. A link has it, and it holds its place when that session has ended. */
export interface DevicePlace {
  /** In ms since 1970. */
  readonly createdAt: number
  readonly handle: string
}

export interface DevicePageOptions {
  /** The most sessions to return. */
  readonly limit: number
  /** Those that are older than this one, or those that are newer; without either, the newest. */
  readonly olderThan?: DevicePlace | undefined
  readonly newerThan?: DevicePlace | undefined
}

export interface Part {
  readonly part: readonly UserSession[]
  /** How many are newer than these. */
  readonly newer: number
}

/**
 * A part of a user's sessions, newest first. Counts from a session, and not from the beginning: when others begin or end meanwhile, the
 * next part neither repeats one nor leaves one out. What lies beyond the oldest is the last part that there is.
 */
export function partOf(sessions: readonly UserSession[], { limit, olderThan, newerThan }: DevicePageOptions): Part {
  const sorted = sessions.map(placed).sort(newestFirst)
  /** How many come before this place, with what is there itself or without it. */
  const countTo = ({ createdAt, handle }: DevicePlace, withIt: boolean) => {
    const place = { createdAt, handle: () => handle }
    const found = sorted.findIndex((each) => newestFirst(each, place) >= (withIt ? 1 : 0))
    return found === -1 ? sorted.length : found
  }
  const wanted = olderThan ? countTo(olderThan, true) : newerThan ? countTo(newerThan, false) - limit : 0
  const newer = Math.max(0, wanted < sorted.length ? wanted : sorted.length - limit)
  return { part: sorted.slice(newer, newer + limit).map(({ session }) => session), newer }
}

interface Placed {
  readonly createdAt: number
  /** A hash, which is needed only where two began in the same millisecond. */
  handle(): string
}

function placed(session: UserSession): Placed & { readonly session: UserSession } {
  let known: string | null = null
  return {
    session,
    createdAt: session.createdAt,
    handle() {
      known ??= handleOf(session.id)
      return known
    },
  }
}

function newestFirst(a: Placed, b: Placed): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt
  const [one, other] = [a.handle(), b.handle()]
  return one < other ? -1 : one > other ? 1 : 0
}
