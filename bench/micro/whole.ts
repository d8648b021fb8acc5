import { setImmediate as turn } from 'node:timers/promises'
import type { SessionsOptions } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { memory } from 'strongroom/memory'
import type { Case } from './case.ts'
import { begin, readOnce, sessionsWith, writeOnce } from './sessions.ts'

const KINDS: readonly (readonly [name: string, options: () => SessionsOptions])[] = [
  ['memory none', () => ({ store: memory() })],
  ['memory two-key', () => ({ store: memory(), seal: 'two-key' })],
  ['memory two-key, no memo', () => ({ store: memory(), seal: 'two-key', memo: false })],
  ['cookie sealed', () => ({ store: cookie() })],
  ['cookie sealed, no memo', () => ({ store: cookie(), memo: false })],
]

const VISITORS = 64

/** A whole request, from its headers to its outcome, without HTTP. */
export async function whole(): Promise<Case[]> {
  const cases: Case[] = []
  for (const [name, options] of KINDS) {
    const sessions = sessionsWith(options())
    const visitors = Array.from({ length: VISITORS }, (_, index) => begin(sessions, index))
    const cookies = await Promise.all(visitors)
    const next = inTurns()
    const read = async () => readOnce(sessions, cookies[await next()] as string)
    const write = async () => {
      const visitor = await next()
      cookies[visitor] = await writeOnce(sessions, cookies[visitor] as string)
    }
    cases.push({ name: `read request, ${name}`, run: read, waits: true })
    cases.push({ name: `write request, ${name}`, run: write, waits: true })
  }
  return cases
}

/** One visitor after another, and a turn of the event loop after the last: within a turn, reads of one session are shared. */
function inTurns(): () => number | Promise<number> {
  let visitor = 0
  return () => {
    visitor = (visitor + 1) % VISITORS
    return visitor === 0 ? turn(0) : visitor
  }
}
