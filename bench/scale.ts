import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { outputOf } from './children.ts'
import type { Figure } from './figures.ts'

export interface ScaleOptions {
  /** Sessions in the small store and, for each engine, in the large one. */
  readonly few: number
  readonly many: Readonly<Record<'memory' | 'file' | 'sqlite', number>>
  readonly say: (line: string) => void
}

const VERBS = ['read', 'write'] as const
type Times = Readonly<Record<(typeof VERBS)[number], number>>

/** What one read and one write cost with few sessions in the store and with many. The ratio shows how little it grows. */
export async function measureScale({ few, many, say }: ScaleOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [engine, count] of Object.entries(many)) {
    const times = async (size: number) => {
      say(`scale, ${engine} with ${size} sessions`)
      return timesOf(engine, size)
    }
    // The small store before and after the large one, so that a change of the machine's pace affects both.
    const [before, large, after] = [await times(few), await times(count), await times(few)]
    for (const verb of VERBS) {
      const small = (before[verb] + after[verb]) / 2
      const figure = (size: number, value: number): Figure => {
        const route = `${verb} among ${size}`
        const contender = `strongroom ${engine} two-key, no memo`
        return { bench: 'scale', contender, route, value, unit: 'µs', ratioToLimit: small / value }
      }
      figures.push(figure(few, small), figure(count, large[verb]))
    }
  }
  return figures
}

async function timesOf(engine: string, count: number): Promise<Times> {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-bench-'))
  try {
    return (await outputOf('./population.ts', [engine, `${count}`, directory], ['--max-old-space-size=8192'])) as Times
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
