import { randomBytes } from 'node:crypto'
import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import type { Id } from '../../crypto/token.ts'
import { StoreError } from '../../errors.ts'
import type { Clock, Entry, ScannableStore, Store } from '../../store.ts'
import { digestOf, isTombstone } from './marks.ts'
import { type Place, type Sides, sidesOf } from './sides.ts'

export interface MoveOptions {
  /** The store that is emptied. It must be one that can be walked. */
  readonly from: ScannableStore
  readonly to: Store
  /** Sessions looked at in one step (default 500). */
  readonly page?: number | undefined
  /** Stops between two pages; what was moved stays moved, and the next run goes on. */
  readonly signal?: AbortSignal | undefined
  /** Called after each page with the number of sessions that have left the old store so far. */
  readonly onProgress?: ((done: number) => void) | undefined
  /** Look at both stores, and change nothing. */
  readonly dryRun?: boolean | undefined
  /** The clock that the two stores have. */
  readonly clock?: Clock | undefined
}

export interface MoveReport {
  /** Copied, read back, found to be the same, and taken out of the old store. In a dry run: what would be. */
  readonly moved: number
  /** Of those: changed or ended by their visitors before they were read back, so that there was nothing to compare. */
  readonly changed: number
  /** Found in the new store already, and taken out of the old one. */
  readonly there: number
  /** Ended or expired before their turn came. */
  readonly gone: number
  /** Still in the old store: larger than what the new one keeps. */
  readonly tooLarge: number
  /** Still in the old store: the new one refused them, or did not give them back as they were. */
  readonly failed: number
  /** What a store said of the first of them; null when it said nothing. */
  readonly trouble: string | null
  /** Live sessions in the old store at the end, the last two included; null when the signal stopped it. */
  readonly left: number | null
  /** Live sessions in the new store at the end; null where they cannot be counted, and when the signal stopped it. */
  readonly present: number | null
  /** False when the signal stopped it. */
  readonly complete: boolean
}

/** As many at once as keep a database busy, and few enough to leave room for requests. */
const AT_ONCE = 16

/** A walk that moves something is followed by another; after so many, somebody still writes to the old store. */
const WALKS = 8

type Outcome = 'moved' | 'changed' | 'there' | 'gone' | 'tooLarge' | 'failed'

/**
 * Moves all live sessions from one store to another, as they are: no key is needed. It can run beside traffic when every node
 * has `moving({ from, to })`, beside other runs of itself, and again after it was stopped or killed. Rejects with `StoreError`
 * when a store does not answer, and before anything is moved when the new one does not give back what it was given.
 */
export async function move(options: MoveOptions): Promise<MoveReport> {
  checkOptions('move()', options, ['from', 'to', 'page', 'signal', 'onProgress', 'dryRun', 'clock'])
  const { from, to, signal, onProgress, dryRun = false } = options
  const page = wholeNumber('move()', 'page', options.page, 500)
  const clock = clockOption('move()', options.clock)
  const mover = new Mover(sidesOf('move()', { from, to }), clock, dryRun)
  if (!dryRun) await probe(to, clock)
  for (let walk = 0; walk < WALKS; walk += 1) {
    const before = mover.done
    mover.startWalk()
    for await (const listings of from.scan({ page, signal })) {
      await mover.takePage(listings.map(({ id }) => id))
      onProgress?.(mover.done)
      if (signal?.aborted) break
    }
    if (signal?.aborted || dryRun || mover.done === before || mover.listed === 0) break
  }
  const complete = signal?.aborted !== true
  const [left, present] = complete ? [await count(from), await count(to)] : [null, null]
  return { ...mover.tally, trouble: mover.trouble, left, present, complete }
}

class Mover {
  readonly tally: Record<Outcome, number> = { moved: 0, changed: 0, there: 0, gone: 0, tooLarge: 0, failed: 0 }
  /** Seen in this walk. */
  listed = 0
  trouble: string | null = null
  readonly #sides: Sides
  readonly #clock: Clock
  readonly #dryRun: boolean

  constructor(sides: Sides, clock: Clock, dryRun: boolean) {
    this.#sides = sides
    this.#clock = clock
    this.#dryRun = dryRun
  }

  /** How many have left the old store. */
  get done(): number {
    return this.tally.moved + this.tally.there
  }

  startWalk(): void {
    this.listed = 0
    // Told by the last walk alone: these are met again in each.
    this.tally.tooLarge = this.tally.failed = 0
    this.trouble = null
  }

  async takePage(ids: readonly Id[]): Promise<void> {
    this.listed += ids.length
    const queue = [...ids]
    const errors: unknown[] = []
    let answered = 0
    const isDown = () => answered === 0 && errors.length >= AT_ONCE
    const work = async () => {
      for (let id = queue.pop(); id !== undefined && !isDown(); id = queue.pop()) {
        try {
          this.#note(await this.#take(id))
          answered += 1
        } catch (error) {
          errors.push(error)
          this.#note('failed')
          // No other errors: theirs may tell more than may be shown.
          if (error instanceof StoreError) this.trouble ??= error.message
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    // One that fails may be its own fault; when all do, it is a store that does not answer.
    if (isDown()) throw errors[0]
  }

  #note(outcome: Outcome): void {
    this.tally[outcome] += 1
    if (outcome === 'changed') this.tally.moved += 1
  }

  async #take(id: Id): Promise<Outcome> {
    for (let round = 0; round < 20; round += 1) {
      const place = await this.#sides.here(id)
      if (!place) return 'gone'
      if (!this.#sides.fits(place.entry)) return 'tooLarge'
      if (this.#dryRun) return (await this.#sides.there(id)) ? 'there' : 'moved'
      let changed = false
      const outcome = await this.#sides.carry(id, place, async () => {
        const verdict = await this.#compare(id, place)
        changed = verdict === 'changed'
        return verdict !== 'lost'
      })
      if (outcome === 'kept') return 'failed'
      if (outcome === 'moved') return changed ? 'changed' : 'moved'
      if (outcome === 'there') return 'there'
    }
    return 'failed'
  }

  /** `changed` is what a visitor did in the moment since; only what is not there at all was lost on the way. */
  async #compare(id: Id, { entry }: Place): Promise<'same' | 'changed' | 'lost'> {
    const there = await this.#sides.there(id)
    if (!there) return entry.expiresAt <= this.#clock() ? 'changed' : 'lost'
    const same = digestOf(there.entry) === digestOf(entry) && there.entry.expiresAt >= entry.expiresAt
    return same ? 'same' : 'changed'
  }
}

/** Nothing is moved into a store that cannot be written to, or that alters what it keeps (a column of text, a proxy). */
async function probe(to: Store, clock: Clock): Promise<void> {
  const id = randomBytes(32).toString('hex') as Id
  const now = clock()
  const bytes = Uint8Array.from({ length: 256 }, (_, value) => value)
  const entry: Entry = { bytes, label: bytes, owner: null, createdAt: now, expiresAt: now + 60_000 }
  const made = await to.create(id, entry)
  const found = made ? await to.read(id) : null
  await to.delete(id)
  if (found && digestOf(found.entry) === digestOf(entry)) return
  throw new StoreError('The new store did not give back what it was given; nothing was moved.')
}

async function count(store: Store): Promise<number | null> {
  if (!store.scan) return null
  let present = 0
  for await (const page of store.scan()) present += page.filter((listing) => !isTombstone(listing)).length
  return present
}
