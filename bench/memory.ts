import { outputOf } from './children.ts'
import { type Figure, find } from './figures.ts'

export interface MemoryOptions {
  readonly counts: readonly number[]
  readonly say: (line: string) => void
}

export const PEER = 'express-session + memory'

const KINDS = [
  { kind: 'express-session', contender: PEER },
  { kind: 'none', contender: 'strongroom memory none' },
  { kind: 'two-key', contender: 'strongroom memory two-key' },
] as const

/** Heap and buffers that a session of 1 KB takes, including the store's own lists. */
export async function measureMemory({ counts, say }: MemoryOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const count of counts) {
    const route = `${count} sessions`
    for (const { kind, contender } of KINDS) {
      say(`memory, ${contender}, ${route}`)
      const value = Number(await outputOf('./footprint.ts', [kind, `${count}`], ['--expose-gc']))
      const peer = kind === 'express-session' ? value : (find(figures, PEER, route)?.value ?? Number.NaN)
      figures.push({ bench: 'memory', contender, route, value, unit: 'bytes per session', ratioToLimit: peer / value })
    }
  }
  return figures
}
