import { randomBytes } from 'node:crypto'
import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import type { Id } from '../../crypto/token.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import { type Clock, type Entry, isSession, type Listing, type ScannableStore, type Store } from '../../store.ts'
import { isPermanent } from '../shared/permanent.ts'
import { type Located, type Sides, sidesOf } from './sides.ts'
import { digestOf } from './tombstones.ts'

/** Options of `move`. */
export interface MoveOptions {
  /** The store that is emptied. It must have `scan`. */
  readonly from: ScannableStore
  readonly to: Store
  /** How many sessions are looked at in one step (default 500). */
  readonly page?: number | undefined
  /** Stops between two pages. What was moved stays moved, and the next run goes on. */
  readonly signal?: AbortSignal | undefined
  /** Called after each page with the number of sessions that have left the old store so far. */
  readonly onProgress?: ((done: number) => void) | undefined
  /** Look at both stores and change nothing. */
  readonly dryRun?: boolean | undefined
  /** The clock that the two stores use. */
  readonly clock?: Clock | undefined
}

/** What `move` has done, in numbers of sessions. */
export interface MoveReport {
  /** Copied, read back, compared, and deleted in the old store. In a dry run: what would be. */
  readonly moved: number
  /** Of these: changed or ended by their visitors before they were read back, so that there was nothing to compare. */
  readonly changed: number
  /** Already in the new store, and deleted in the old one. */
  readonly existing: number
  /** Ended or expired before their turn came. */
  readonly gone: number
  /** Still in the old store: too large for the new one. */
  readonly tooLarge: number
  /** Still in the old store: the new one refused them, or did not return them unaltered. */
  readonly failed: number
  /** Of these: for reasons that will not pass by themselves, so that it does not help to run it again. */
  readonly permanent: number
  /** The error message for the first of these; null when there was none. */
  readonly firstError: string | null
  /** Live sessions in the old store at the end, `tooLarge` and `failed` included; null when the signal stopped it. */
  readonly remaining: number | null
  /** Live sessions in the new store at the end; null when it has no `scan`, or when the signal stopped it. */
  readonly present: number | null
  /** False when the signal stopped it. */
  readonly complete: boolean
}

/** Enough to keep a database busy, and few enough to leave room for requests. */
const IN_PARALLEL = 16

/** A scan that moves something is followed by another. After so many, a node still writes to the old store. */
const SCANS = 8

type Outcome = 'moved' | 'changed' | 'existing' | 'gone' | 'tooLarge' | 'failed'

/**
 * Moves all live sessions from one store to another, as they are: no key is needed. It can run during traffic if every
 * node has `moving({ from, to })`, in parallel with other runs, and again after it was stopped or killed. Rejects with
 * `StoreError` when a store does not answer, and, before anything is moved, when the new store does not return what it
 * was given.
 */
export async function move(options: MoveOptions): Promise<MoveReport> {
  checkOptions('move()', options, ['from', 'to', 'page', 'signal', 'onProgress', 'dryRun', 'clock'])
  const { from, to, signal, onProgress, dryRun = false } = options
  const page = wholeNumber('move()', 'page', options.page, 500)
  const clock = clockOption('move()', options.clock)
  const mover = new Mover(sidesOf('move()', { from, to }), clock, dryRun)
  if (!dryRun) await probe(from, to, clock)
  for (let scan = 0; scan < SCANS; scan += 1) {
    const before = mover.left
    mover.startScan()
    for await (const listings of from.scan({ page, signal })) {
      await mover.movePage(listings)
      onProgress?.(mover.done)
      if (signal?.aborted) break
    }
    if (signal?.aborted || dryRun || mover.left === before || mover.listed === 0) break
  }
  const complete = signal?.aborted !== true
  const [remaining, present] = complete ? [await count(from), await count(to)] : [null, null]
  return { ...mover.tally, permanent: mover.permanent, firstError: mover.firstError, remaining, present, complete }
}

class Mover {
  readonly tally: Record<Outcome, number> = { moved: 0, changed: 0, existing: 0, gone: 0, tooLarge: 0, failed: 0 }
  /** How many entries this scan has listed. */
  listed = 0
  /** How many entries have left the old store: sessions, and what the library itself keeps beside them. */
  left = 0
  permanent = 0
  firstError: string | null = null
  readonly #sides: Sides
  readonly #clock: Clock
  readonly #dryRun: boolean

  constructor(sides: Sides, clock: Clock, dryRun: boolean) {
    this.#sides = sides
    this.#clock = clock
    this.#dryRun = dryRun
  }

  /** How many sessions have left the old store. */
  get done(): number {
    return this.tally.moved + this.tally.existing
  }

  startScan(): void {
    this.listed = 0
    // Only the last scan counts these, because each scan meets them again.
    this.tally.tooLarge = this.tally.failed = this.permanent = 0
    this.firstError = null
  }

  async movePage(listings: readonly Listing[]): Promise<void> {
    this.listed += listings.length
    const queue = [...listings]
    const errors: unknown[] = []
    let succeeded = 0
    const isDown = () => succeeded === 0 && errors.length >= IN_PARALLEL
    const work = async () => {
      for (let listing = queue.pop(); listing !== undefined && !isDown(); listing = queue.pop()) {
        try {
          this.#count(await this.#move(listing.id), listing)
          succeeded += 1
        } catch (error) {
          errors.push(error)
          this.#count('failed', listing)
          if (isPermanent(error)) this.permanent += 1
          // Other errors may contain what must not be shown.
          if (error instanceof StoreError) this.firstError ??= error.message
        }
      }
    }
    await Promise.all(Array.from({ length: IN_PARALLEL }, work))
    // One session that fails may be the cause itself. When all fail, it is the store.
    if (isDown()) throw errors[0]
  }

  #count(outcome: Outcome, listing: Listing): void {
    const stays = outcome === 'failed' || outcome === 'tooLarge'
    if (!stays && outcome !== 'gone') this.left += 1
    // No session, but without it ended ones could come back: it is reported only if it stays.
    if (!isSession(listing) && !stays) return
    this.tally[outcome] += 1
    if (outcome === 'changed') this.tally.moved += 1
  }

  async #move(id: Id): Promise<Outcome> {
    for (let round = 0; round < 20; round += 1) {
      const located = await this.#sides.readOld(id)
      if (!located) return 'gone'
      if (!this.#sides.fits(located.entry)) return 'tooLarge'
      if (this.#dryRun) return (await this.#sides.readNew(id)) ? 'existing' : 'moved'
      let changed = false
      const outcome = await this.#sides.move(id, located, async () => {
        const verdict = await this.#compare(id, located)
        changed = verdict === 'changed'
        return verdict !== 'lost'
      })
      if (outcome === 'refused') return 'failed'
      if (outcome === 'moved') return changed ? 'changed' : 'moved'
      if (outcome === 'existing') return 'existing'
    }
    return 'failed'
  }

  /** `changed`: by its visitor, since it was moved. `lost`: the new store does not have it at all. */
  async #compare(id: Id, { entry }: Located): Promise<'same' | 'changed' | 'lost'> {
    const current = await this.#sides.readNew(id)
    if (!current) return entry.expiresAt <= this.#clock() ? 'changed' : 'lost'
    const same = digestOf(current.entry) === digestOf(entry) && current.entry.expiresAt >= entry.expiresAt
    return same ? 'same' : 'changed'
  }
}

/**
 * Nothing is moved into a store that cannot be written to, or that alters the bytes (a text column, a proxy). Nor into itself: each
 * session would be found there already, and then be deleted.
 */
async function probe(from: Store, to: Store, clock: Clock): Promise<void> {
  const id = randomBytes(32).toString('hex') as Id
  const now = clock()
  const bytes = Uint8Array.from({ length: 256 }, (_, value) => value)
  const entry: Entry = { bytes, label: bytes, owner: null, createdAt: now, expiresAt: now + 60_000 }
  const made = await to.create(id, entry)
  const found = made ? await to.read(id, { fresh: true }) : null
  const isItself = made && (await from.read(id, { fresh: true })) !== null
  await to.delete(id)
  if (isItself) throw new ConfigError('move(): "from" and "to" are the same store; nothing was moved.')
  if (found && digestOf(found.entry) === digestOf(entry)) return
  throw new StoreError('The new store did not return what it was given; nothing was moved.')
}

async function count(store: Store): Promise<number | null> {
  if (!store.scan) return null
  let present = 0
  for await (const page of store.scan()) present += page.filter(isSession).length
  return present
}
