import { randomBytes } from 'node:crypto'
import { type BaseSessions, createSessions, type IndexedStore, type Sessions } from 'strongroom'
import type { Values } from '../data.ts'
import { begin } from '../micro/sessions.ts'
import type { Site } from './cost.ts'

/** How many visitors there are who can come back. */
export const VISITORS = 4000
/** How many of their records are copied: enough that a server which compares or compresses pages finds nothing to save. */
export const SAMPLES = 64
/** How many sessions a user has. */
export const OWNED = 2

const HOUR = 3_600_000
/** The deadlines of copies, in ms from now: those of the first nine in ten, in the order of the logins, and those of the others. */
const DEADLINES = { soon: [2 * HOUR, 14 * HOUR], late: 24 * HOUR } as const

/** For people: "10 thousand sessions", "1 million sessions". */
export function sizeName(count: number): string {
  const [unit, name] = count >= 1_000_000 ? [1_000_000, 'million'] : [1000, 'thousand']
  return count % unit === 0 ? `${count / unit} ${name} sessions` : `${count} sessions`
}

/** A store on a server, most of which is copies. */
export interface LargeSite extends Site {
  /** Removes nine in ten of the copies, as if it were the moment at which these have expired. Resolves to how many it removed. */
  sweep(signal?: AbortSignal): Promise<number>
  close(): Promise<void>
}

/** A moment at which nine in ten of the copies have expired, and the others and the visitors have not. */
export const sweepTime = (now: number): number => now + 20 * HOUR

/** When the copy number `index` of `count` expires. In a real store, too, those that are stored first expire first. */
export function deadlineOf(index: number, count: number, now: number): number {
  const [first, last] = DEADLINES.soon
  const share = index / (0.9 * count)
  return now + Math.floor(share < 1 ? first + share * (last - first) : DEADLINES.late)
}

/** Sessions that nothing but requests changes, and that live for as long as a measurement may take. */
export function sessionsIn(store: IndexedStore, secrets: Uint8Array = randomBytes(32)): Sessions<Values> {
  // Without a memo: among so many visitors, the next one was not here recently.
  return createSessions<Values>({ secrets, store, memo: false, sweep: false, idle: '2d', absolute: '4d' })
}

export async function beginAll(sessions: BaseSessions<Values>, count: number): Promise<string[]> {
  const cookies: string[] = []
  for (let from = 0; from < count; from += 50) {
    const some = Array.from({ length: Math.min(50, count - from) }, (_, i) => begin(sessions, from + i))
    cookies.push(...(await Promise.all(some)))
  }
  return cookies
}
