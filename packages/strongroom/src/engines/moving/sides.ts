import type { Id } from '../../crypto/token.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import type { Entry, ScannableStore, Store, Version } from '../../store.ts'
import { freeze, isFrozen, isTombstone, thaw } from './marks.ts'

export type Phase = 'prepare' | 'move'

/** Where a session was found, and what it is there. */
export interface Place {
  readonly side: 'from' | 'to'
  readonly entry: Entry
  /** The version in that store. */
  readonly version: Version
  /** In the old store, and on its way. */
  readonly frozen: boolean
  /** In the new store, and a tombstone. */
  readonly ended: boolean
  /** On the clock of `performance`. */
  readonly seenAt: number
}

/** A copy that is older than this is read again before it is written. */
const STALE = 5_000

/** More rounds than any run of bad luck: each means that somebody else changed this very session at this very moment. */
const ROUNDS = 50

/**
 * The old store and the new one, and the one way from here to there. A session that is not frozen in the old store is nowhere
 * else. It is frozen there (a compare-and-set, from which on nobody changes it in the old store), created in the new one,
 * and deleted in the old one; whoever finds it half way goes on. What the new store has wins over what the old one has.
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

  async here(id: Id): Promise<Place | null> {
    const seenAt = performance.now()
    const found = await this.from.read(id)
    if (!found) return null
    const frozen = isFrozen(found.entry)
    const entry = frozen ? thaw(found.entry) : found.entry
    return { side: 'from', entry, version: found.version, frozen, ended: false, seenAt }
  }

  async there(id: Id): Promise<Place | null> {
    const seenAt = performance.now()
    const found = await this.to.read(id)
    return found && { side: 'to', ...found, frozen: false, ended: isTombstone(found.entry), seenAt }
  }

  /** Looks, and changes nothing. Most are where this phase writes, so that is asked first. */
  async find(id: Id): Promise<Place | null> {
    if (this.phase === 'move') {
      const there = await this.there(id)
      if (there) return there
    }
    const here = await this.here(id)
    if (here && !here.frozen) return here
    // Also after a first look there: it may just have been moved.
    return (await this.there(id)) ?? here
  }

  /** Where the session may be changed: in the new store, unless it belongs into the old one. */
  async settle(id: Id): Promise<Place | null> {
    for (let round = 0; round < ROUNDS; round += 1) {
      const place = await this.find(id)
      if (!place || place.side === 'to' || !this.#mustMove(place)) return place
      await this.carry(id, place)
    }
    throw new StoreError('A session changed too often to be moved.')
  }

  /** What is too large for the new store stays in the old one, until it shrinks or ends. */
  fits({ bytes }: Entry): boolean {
    const { sizeLimit } = this.to.traits
    return sizeLimit === null || bytes.length <= sizeLimit
  }

  /**
   * Takes a session over from the old store: `moved`, `there` when it is in the new store already, `changed` when it is not
   * as it was seen any more. `verify` is asked before the original goes, and keeps it by answering false: `kept`.
   */
  async carry(
    id: Id,
    place: Place,
    verify: () => Promise<boolean> = async () => true,
  ): Promise<'moved' | 'there' | 'changed' | 'kept'> {
    // Whoever slept over it may hold what was moved, ended and forgotten meanwhile.
    if (performance.now() - place.seenAt > STALE) return 'changed'
    const version = place.frozen ? place.version : await this.from.update(id, freeze(place.entry), place.version)
    if (version === null) return 'changed'
    const moved = await this.to.create(id, { ...place.entry, expiresAt: this.#deadline(place.entry) })
    if (moved && !(await verify())) return 'kept'
    await this.from.delete(id, version)
    return moved ? 'moved' : 'there'
  }

  /** A store that counts in seconds must not end a session early. */
  #deadline({ expiresAt }: Entry): number {
    const { granularity } = this.to.traits
    return Math.ceil(expiresAt / granularity) * granularity
  }

  #mustMove({ entry, frozen }: Place): boolean {
    return frozen || (this.phase === 'move' && this.fits(entry))
  }
}

/** Throws `ConfigError`, in the name of `where`, for what cannot be one store. */
export function sidesOf(
  where: string,
  { from, to, phase = 'move' }: { from: ScannableStore; to: Store; phase?: Phase | undefined },
): Sides {
  for (const [name, store] of Object.entries({ from, to })) {
    if (typeof store !== 'object' || store === null || typeof store.traits !== 'object')
      throw new ConfigError(`Option "${name}" of ${where} must be a store.`)
  }
  if (from === to) throw new ConfigError(`Options "from" and "to" of ${where} are the same store.`)
  if (phase !== 'prepare' && phase !== 'move')
    throw new ConfigError(`Option "phase" of ${where} must be "prepare" or "move".`)
  // By default these are not sealed, and the others are: what is moved would open no more, or lie on a disk unsealed.
  if (isOwn(from) !== isOwn(to))
    throw new ConfigError(`Sessions in this process's memory are not moved, by ${where}, to or from where others rest.`)
  if (!from.scan)
    throw new ConfigError(
      `The store ${from.traits.engine} cannot be walked, so its sessions cannot be moved out of it.`,
    )
  return new Sides(from, to, phase)
}

const isOwn = ({ traits }: Store) => traits.shared === 'process' && traits.durable === 'no'
