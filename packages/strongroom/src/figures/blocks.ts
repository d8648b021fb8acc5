import { addPoint, emptyPoint, type Point } from './point.ts'
import { SCALE_NAMES, SCALES, type ScaleName, startOf } from './scales.ts'

/** The points of a block, by where they begin. */
export type Block = Map<number, Point>

/** Of one scale, from `start` on. */
export interface BlockName {
  readonly scale: ScaleName
  readonly start: number
}

export function addBlock(to: Block, more: ReadonlyMap<number, Point>): void {
  for (const [at, point] of more) {
    const mine = to.get(at) ?? emptyPoint()
    to.set(at, mine)
    addPoint(mine, point)
  }
}

/** Blocks of every scale, in memory. Never more of a scale than lie in its span. */
export class Blocks {
  readonly #blocks = new Map<string, { readonly name: BlockName; readonly block: Block }>()

  /** What was counted in the finest interval that began at `at`. Drops what is too old beside it: nobody may ever flush. */
  add(at: number, point: Point): void {
    this.prune(at)
    for (const scale of SCALE_NAMES) {
      const { every, block } = SCALES[scale]
      this.addBlock({ scale, start: startOf(at, block) }, new Map([[startOf(at, every), point]]))
    }
  }

  addBlock(name: BlockName, more: ReadonlyMap<number, Point>): void {
    const key = keyOf(name)
    const entry = this.#blocks.get(key) ?? { name, block: new Map() }
    this.#blocks.set(key, entry)
    addBlock(entry.block, more)
  }

  get(name: BlockName): Block | undefined {
    return this.#blocks.get(keyOf(name))?.block
  }

  /** Drops what is older than anybody asks for. */
  prune(now: number): void {
    for (const [key, { name }] of this.#blocks) {
      const { span, block } = SCALES[name.scale]
      if (name.start + block < now - span) this.#blocks.delete(key)
    }
  }

  /** All of them, and forgets them. */
  take(): readonly { readonly name: BlockName; readonly block: Block }[] {
    const all = [...this.#blocks.values()]
    this.#blocks.clear()
    return all
  }
}

const keyOf = ({ scale, start }: BlockName) => `${scale} ${start}`
