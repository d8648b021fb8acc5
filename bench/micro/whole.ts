import { cookie } from '../../src/engines/cookie.ts'
import { memory } from '../../src/engines/memory.ts'
import type { SessionsOptions } from '../../src/index.ts'
import type { Case } from './case.ts'
import { begin, readOnce, sessionsWith, writeOnce } from './sessions.ts'

const KINDS: readonly (readonly [name: string, options: () => SessionsOptions])[] = [
  ['memory none', () => ({ store: memory() })],
  ['memory two-key', () => ({ store: memory(), seal: 'two-key' })],
  ['memory two-key, no memo', () => ({ store: memory(), seal: 'two-key', memo: false })],
  ['cookie sealed', () => ({ store: cookie() })],
  ['cookie sealed, no memo', () => ({ store: cookie(), memo: false })],
]

/** Everything that a request costs here, from its headers to its outcome, without HTTP. */
export async function whole(): Promise<Case[]> {
  const cases: Case[] = []
  for (const [name, options] of KINDS) {
    const sessions = sessionsWith(options())
    const reader = await begin(sessions, 7)
    let writer = await begin(sessions, 8)
    cases.push({ name: `request that reads, ${name}`, run: () => readOnce(sessions, reader), waits: true })
    const write = async () => {
      writer = await writeOnce(sessions, writer)
    }
    cases.push({ name: `request that writes, ${name}`, run: write, waits: true })
  }
  return cases
}
