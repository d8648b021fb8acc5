import type { Answers } from './answers.ts'
import type { Operation } from './measured.ts'

/** Operations of the store in a second. */
export interface Load {
  readonly sessions: number
  readonly requests: number
  readonly perSecond: Readonly<Record<Operation, number>>
  /** Records that a sweep must remove in a second, where the store does not do it by itself. */
  readonly expired: number
}

/** A touch is due after a tenth of the idle limit. */
const TOUCHES_PER_IDLE = 10

/** What was answered, as operations; null where too little is known. Assumes the most that these answers allow. */
export function loadOf(answers: Answers): Load | null {
  const { requests, logins, writes, idle, lifetime } = answers
  const sessions = answers.sessions ?? (logins === null ? null : (logins * lifetime) / 1000)
  if (sessions === null && requests === null) return null
  const alive = Math.round(sessions ?? 0)
  const all = requests ?? 0
  const begun = logins ?? (alive * 1000) / lifetime
  const write = (all * writes) / 100
  const touch = Math.min(all - write, (alive * TOUCHES_PER_IDLE * 1000) / idle)
  return {
    sessions: alive,
    requests: all,
    perSecond: { read: all, touch, write, login: begun, logout: 0 },
    // If nobody logs out, as many expire as begin.
    expired: begun,
  }
}

/** How large a share of a limit is used; 1 is all of it. */
export interface Limit {
  readonly what: 'processor' | 'memory' | 'connections'
  readonly share: number
  /** The share that should not be exceeded. */
  readonly most: number
}
