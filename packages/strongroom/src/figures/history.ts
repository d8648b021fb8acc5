import { randomBytes } from 'node:crypto'
import { FIGURES, hasLabel, ownId } from '../backing/own-entries.ts'
import { latin1Of } from '../base/bytes.ts'
import { parseJson } from '../base/json.ts'
import { StoreError } from '../errors.ts'
import type { Clock, Entry, Found, Store } from '../store.ts'
import { addBlock, type Block, type BlockName } from './blocks.ts'
import { isPoint, isRecord, type Point } from './point.ts'
import { SCALES } from './scales.ts'

/** Where the history is kept: a store, and the name that its entries are found by. */
export interface HistoryPlace {
  readonly store: Pick<Store, 'read' | 'create' | 'update'>
  readonly namespace: string
  readonly clock: Clock
  /** The most bytes of one entry. */
  readonly limit: number
}

/** What an entry holds: the points, and which writes of which process are in them. */
interface Stored {
  readonly writers: Record<string, number>
  readonly points: Block
}

/** What one process has counted for a block, and has not seen in the store yet. */
interface Write {
  readonly name: BlockName
  readonly block: Block
  readonly sequence: number
  /** Was it ever sent? Then it may be in the store, and nothing may be added to it. */
  tried: boolean
}

/** How often a write is tried that others are faster than. With the next minute, it is tried again. */
const ATTEMPTS = 20

/**
 * So many processes are remembered in an entry, the last that wrote to it. Processes that come and go, as functions in a cloud do, would
 * fill it otherwise, in the two days that it is written to. A process that repeats a write does so within minutes.
 */
const WRITERS = 1000

/** Kept for so long after they can be asked for: a process may still have to add something. */
const MARGIN = 600_000

/**
 * Figures of all processes, in entries of the library beside the sessions. Each process adds what it has counted by compare-and-set, so
 * that nothing is lost when two write. A write whose outcome is unknown is not repeated if it has arrived after all: the entry says
 * which writes are in it.
 */
export class History {
  readonly #place: HistoryPlace
  readonly #writer = randomBytes(6).toString('base64url')
  #sequence = 0
  #writes: Write[] = []

  constructor(place: HistoryPlace) {
    this.#place = place
  }

  add(blocks: readonly { readonly name: BlockName; readonly block: Block }[]): void {
    for (const { name, block } of blocks) {
      const untried = this.#writes.find((write) => !write.tried && isSame(write.name, name))
      if (untried) addBlock(untried.block, block)
      else this.#writes.push({ name, block, sequence: ++this.#sequence, tried: false })
    }
  }

  /** What was counted here for a block, and is not known to be in the store. */
  pendingOf(name: BlockName): Block {
    const all: Block = new Map()
    for (const write of this.#writes) if (isSame(write.name, name)) addBlock(all, write.block)
    return all
  }

  /** Writes what is pending, the oldest first; rejects with `StoreError`, and what was not written stays pending. */
  async flush(): Promise<void> {
    const now = this.#place.clock()
    const isWanted = ({ name }: Write) => name.start + SCALES[name.scale].block >= now - SCALES[name.scale].span
    this.#writes = this.#writes.filter(isWanted)
    let altered: AlteredError | null = null
    for (const write of [...this.#writes]) {
      const { tried } = write
      write.tried = true
      try {
        await this.#write(write)
        this.#writes = this.#writes.filter((one) => one !== write)
      } catch (error) {
        // One entry that cannot be read must not keep the others from being written for as long as it is there.
        if (!(error instanceof AlteredError)) throw error
        altered = error
        // It was not sent. What is counted next is added to it, and not kept beside it, one more with each flush.
        write.tried = tried
      }
    }
    if (altered) throw altered
  }

  /** Of all processes, with what is pending here. */
  async read(name: BlockName): Promise<Block> {
    const pending = this.#writes.filter((one) => isSame(one.name, name))
    const found = await this.#place.store.read(this.#idOf(name), { fresh: true })
    const { points, writers } = found ? storedIn(found) : { points: new Map<number, Point>(), writers: {} }
    for (const { block, sequence } of pending) if (!this.#isIn(writers, sequence)) addBlock(points, block)
    return points
  }

  async #write({ name, block, sequence }: Write): Promise<void> {
    const { store } = this.#place
    const id = this.#idOf(name)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await store.read(id, { fresh: true })
      const { writers, points } = found ? storedIn(found) : { writers: {}, points: new Map<number, Point>() }
      if (this.#isIn(writers, sequence)) return
      addBlock(points, block)
      const entry = this.#entryOf(name, { writers: lastOf(writers, this.#writer, sequence), points })
      if (found ? (await store.update(id, entry, found.version)) !== null : await store.create(id, entry)) return
    }
    throw new StoreError(
      'The figures could not be written, because other processes were faster. They are kept, and tried again.',
    )
  }

  #isIn(writers: Readonly<Record<string, number>>, sequence: number): boolean {
    return Object.hasOwn(writers, this.#writer) && (writers[this.#writer] as number) >= sequence
  }

  #entryOf({ scale, start }: BlockName, { writers, points }: Stored): Entry {
    const { block, span } = SCALES[scale]
    const bytes = () => Buffer.from(JSON.stringify({ writers, points: [...points] }))
    let encoded = bytes()
    // What happened stays countable when the times of the calls no longer fit; the oldest go first.
    for (const [, point] of [...points].sort(([a], [b]) => a - b)) {
      if (encoded.length <= this.#place.limit) break
      for (const method of Object.keys(point.calls)) delete point.calls[method]
      encoded = bytes()
    }
    const expiresAt = start + block + span + MARGIN
    return { bytes: encoded, expiresAt, owner: null, label: FIGURES, createdAt: this.#place.clock() }
  }

  #idOf({ scale, start }: BlockName) {
    return ownId('figures', JSON.stringify([this.#place.namespace, scale, start]))
  }
}

const isSame = (a: BlockName, b: BlockName) => a.scale === b.scale && a.start === b.start

/** With this one as the last; those that have not written for the longest go. */
function lastOf(writers: Readonly<Record<string, number>>, writer: string, sequence: number): Record<string, number> {
  const others = Object.entries(writers).filter(([name]) => name !== writer)
  return Object.fromEntries([...others.slice(1 - WRITERS), [writer, sequence]])
}

class AlteredError extends StoreError {}

/** Throws `AlteredError` if somebody else has written it: what it said is unknown, and not zero. */
function storedIn({ entry }: Found): Stored {
  try {
    const value = hasLabel(entry, FIGURES) ? parseJson(latin1Of(entry.bytes)) : null
    if (isRecord(value) && isRecord(value.writers) && Array.isArray(value.points) && value.points.every(isPair))
      return { writers: value.writers as Record<string, number>, points: new Map(value.points) }
  } catch {}
  throw new AlteredError('Figures in the store were altered, and cannot be read. They expire by themselves.')
}

const isPair = (pair: unknown): pair is [number, Point] =>
  Array.isArray(pair) && pair.length === 2 && Number.isSafeInteger(pair[0]) && isPoint(pair[1])
