import { insteadOf } from '../../base/check.ts'
import type { Id } from '../../crypto/token.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import {
  type Entry,
  isInProcessMemory,
  type ReadOptions,
  type ScannableStore,
  type Store,
  type Version,
} from '../../store.ts'
import { freeze, isFrozen, isTombstone, thaw } from './tombstones.ts'

/** How far a move is: `prepare` while some servers do not know the new store yet, then `move`. */
export type Phase = 'prepare' | 'move'

/** A session, and the side on which it was found. */
export interface Located {
  readonly side: 'from' | 'to'
  readonly entry: Entry
  /** The version in that store. */
  readonly version: Version
  /** In the old store, and being moved. */
  readonly isFrozen: boolean
  /** In the new store, and a tombstone. */
  readonly isEnded: boolean
  /** By the clock of `performance`. */
  readonly readAt: number
}

/** A copy that is older than this, in ms, is read again before it is moved. */
const STALE = 5_000

/** More rounds than any bad luck explains: each means that another node changed this very session at this very moment. */
const ROUNDS = 50

/** Of a store that is `cached`, a copy could be older than a change or a move that another node has finished. */
const FRESH = { fresh: true } as const

/** Makes attempts until one resolves to something other than undefined. Rejects with `StoreError` after too many. */
export async function inRounds<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const done = await attempt()
    if (done !== undefined) return done
  }
  throw new StoreError(`A session could not be changed: others changed it in each of ${ROUNDS} attempts.`)
}

/**
 * The old store (`from`), the new one (`to`), and the one way from the old to the new. A session that is not frozen in
 * the old store is nowhere else. It is frozen there (a compare-and-set, after which nobody changes it in the old
 * store), created in the new store, and deleted in the old one. A node that finds it half way finishes the move. What
 * is in the new store takes precedence over what is in the old one.
 */
export class Sides {
  readonly from: Store
  readonly to: Store
  readonly phase: Phase

  constructor(from: Store, to: Store, phase: Phase) {
    this.from = from
    this.to = to
    this.phase = phase
  }

  async readOld(id: Id, options: ReadOptions = FRESH): Promise<Located | null> {
    const readAt = performance.now()
    const found = await this.from.read(id, options)
    if (!found) return null
    const frozen = isFrozen(found.entry)
    const entry = frozen ? thaw(found.entry) : found.entry
    return { side: 'from', entry, version: found.version, isFrozen: frozen, isEnded: false, readAt }
  }

  async readNew(id: Id, options: ReadOptions = FRESH): Promise<Located | null> {
    const readAt = performance.now()
    const found = await this.to.read(id, options)
    return found && { side: 'to', ...found, isFrozen: false, isEnded: isTombstone(found.entry), readAt }
  }

  /** Reads, and changes nothing. Asks the store in which this phase writes first, because most sessions are there. */
  async locate(id: Id, options: ReadOptions = FRESH): Promise<Located | null> {
    if (this.phase === 'move') {
      const found = await this.readNew(id, options)
      if (found) return found
    }
    const here = await this.readOld(id, options)
    if (here && !here.isFrozen) return here
    // Even if the new store was asked before: the session may have been moved since.
    return (await this.readNew(id, options)) ?? here
  }

  /**
   * Where the session may be changed: in the new store, unless it belongs in the old one. Moves it first if it must.
   */
  settle(id: Id): Promise<Located | null> {
    return inRounds(async () => {
      const located = await this.locate(id)
      if (!located || located.side === 'to' || !this.#mustMove(located)) return located
      await this.move(id, located)
      return undefined
    })
  }

  /** An entry that is too large for the new store stays in the old one until it shrinks or ends. */
  fits({ bytes }: Entry): boolean {
    const { sizeLimit } = this.to.traits
    return sizeLimit === null || bytes.length <= sizeLimit
  }

  /**
   * Moves a session out of the old store. Resolves to `moved`; to `there` if it is already in the new store; or to
   * `changed` if it is no longer as it was read. `verify` is called before the original is deleted. If it resolves to
   * false the original stays, and the result is `refused`.
   */
  async move(
    id: Id,
    { entry, version, isFrozen, readAt }: Located,
    verify: () => Promise<boolean> = async () => true,
  ): Promise<'moved' | 'existing' | 'changed' | 'refused'> {
    // A node that was suspended may hold a session that was moved, ended and forgotten since.
    if (performance.now() - readAt > STALE) return 'changed'
    const frozen = isFrozen ? version : await this.from.update(id, freeze(entry), version)
    if (frozen === null) return 'changed'
    const moved = await this.to.create(id, { ...entry, expiresAt: this.#deadline(entry) })
    if (moved && !(await verify())) return 'refused'
    await this.from.delete(id, frozen)
    return moved ? 'moved' : 'existing'
  }

  /** Rounded up, so that a store that counts in seconds does not end a session early. */
  #deadline({ expiresAt }: Entry): number {
    const { granularity } = this.to.traits
    return Math.ceil(expiresAt / granularity) * granularity
  }

  #mustMove({ entry, isFrozen }: Located): boolean {
    return isFrozen || (this.phase === 'move' && this.fits(entry))
  }
}

/** Throws `ConfigError`, naming `where`, for two stores between which sessions cannot be moved. */
export function sidesOf(
  where: string,
  { from, to, phase = 'move' }: { from: ScannableStore; to: Store; phase?: Phase | undefined },
): Sides {
  for (const [name, store] of Object.entries({ from, to })) {
    if (typeof store !== 'object' || store === null || typeof store.traits !== 'object')
      throw new ConfigError(`Option "${name}" of ${where} must be a store, such as sqlite(...).${insteadOf(store)}`)
  }
  if (from === to) throw new ConfigError(`Options "from" and "to" of ${where} are the same store.`)
  if (phase !== 'prepare' && phase !== 'move')
    throw new ConfigError(`Option "phase" of ${where} must be "prepare" or "move".`)
  // By default, sessions in memory are not sealed, and others are. Once moved, they could not be opened, or would be on
  // disk unsealed.
  if (isInProcessMemory(from.traits) !== isInProcessMemory(to.traits))
    throw new ConfigError(
      `${where} cannot move sessions between this process's memory and a store outside it: only the latter is sealed.`,
    )
  if (!from.scan)
    throw new ConfigError(
      `${where} cannot move sessions out of ${from.traits.engine}, because that store cannot be scanned.`,
    )
  return new Sides(from, to, phase)
}
