import type { Id } from '../../crypto/token.ts'
import type { Clock, Listing, ListOptions } from '../../store.ts'
import { inPages, STEP } from '../shared/pages.ts'
import { packDelete, packOwner } from './arguments.ts'
import type { RedisConnection } from './connection.ts'
import { decodeHead, decodePreface, type Head, type Keys } from './format.ts'
import { DELETE, DELETE_OWNED, DESCRIBE, INDEX_ADD, INDEX_MEMBERS, INDEX_REMOVE } from './scripts.ts'

/**
 * The index of each owner: a sorted set of session ids, scored by the moment until when it is sure to contain them. A session is
 * added before it is created and removed after it has ended: whatever crashes in between, a live session is in its index. An index
 * may also contain ids of ended sessions. It is a hint, and the session itself decides.
 */
export class OwnerSets {
  readonly #connection: RedisConnection
  readonly #keys: Keys
  readonly #clock: Clock
  readonly #channel: string

  constructor(
    connection: RedisConnection,
    keys: Keys,
    { clock, channel }: { readonly clock: Clock; readonly channel: string },
  ) {
    this.#connection = connection
    this.#keys = keys
    this.#clock = clock
    this.#channel = channel
  }

  async add(owner: string, id: Id, until: number): Promise<void> {
    await this.#connection.run(INDEX_ADD, [this.#keys.index(owner)], [this.#clock(), id, until])
  }

  /** Never rejects: the sessions have ended, and an id that stays in an index does no harm. */
  async remove(ended: readonly Ended[]): Promise<void> {
    const owned = ended.flatMap(({ id, head: { owner, until } }) => (owner === null ? [] : [{ id, owner, until }]))
    await inBatch(this.#connection, owned, (some) =>
      this.#connection.run(
        INDEX_REMOVE,
        some.map(({ owner }) => this.#keys.index(owner)),
        some.flatMap(({ id, until }) => [id, until]),
      ),
    ).catch(() => {})
  }

  list(owner: string, options: ListOptions = {}): AsyncIterable<Listing[]> {
    return inPages(options, this.#start(), async (place) => {
      const { ids, next } = await this.#members(owner, place)
      const listings = await readListings(this.#connection, this.#keys, ids)
      const now = this.#clock()
      return { listings: listings.filter((each) => each.owner === owner && each.expiresAt > now), next }
    })
  }

  async deleteAll(owner: string, except?: Id): Promise<number> {
    let ended = 0
    for (let place: Place | null = this.#start(); place !== null; ) {
      const { ids, next }: Members = await this.#members(owner, place)
      ended += await this.#deleteOwned(
        owner,
        ids.filter((id) => id !== except),
      )
      place = next
    }
    return ended
  }

  /**
   * Ends a session and removes it from the index of `owner`, if that is its owner. With a version, ends only that version. `head`
   * is what was ended when it still has to be removed from an index.
   */
  async delete(id: Id, owner: string | null, version: number | undefined): Promise<Deleted> {
    const keys = [this.#keys.session(id)]
    if (owner !== null && this.#connection.isOneServer) keys.push(this.#keys.index(owner))
    const packed = packDelete(this.#clock(), owner, version)
    const reply = await this.#connection.run(DELETE, keys, [packed, this.#channel])
    const head = decodeHead(reply)
    return { ended: head !== null || reply === 1, head }
  }

  async #deleteOwned(owner: string, ids: readonly Id[]): Promise<number> {
    const index = this.#connection.isOneServer ? [this.#keys.index(owner)] : []
    const replies = await inBatch(this.#connection, ids, async (some) => {
      const keys = [...some.map((id) => this.#keys.session(id)), ...index]
      const args = [packOwner(this.#clock(), owner), this.#channel, index.length]
      return (await this.#connection.run(DELETE_OWNED, keys, args)) as readonly unknown[]
    })
    const ended = headsOf(ids, replies)
    if (index.length === 0) await this.remove(ended)
    return ended.length
  }

  #start(): Place {
    return { least: `(${this.#clock()}`, ties: 0, seen: new Set() }
  }

  /**
   * The next ids of an index, each once. In the order of their scores, which only grow: what is touched meanwhile moves to a place
   * that is still to come, so that it may be met again and is never missed, not even when another server takes over. A cursor of
   * ZSCAN would mean nothing to that one.
   */
  async #members(owner: string, { least, ties, seen }: Place): Promise<Members> {
    const limit = STEP + ties
    const found = (await this.#connection.run(INDEX_MEMBERS, [this.#keys.index(owner)], [least, limit])) as Buffer[]
    const texts = found.map((each) => each.toString('latin1'))
    const ids = texts.filter((_, at) => at % 2 === 0 && !seen.has(texts[at] as Id)) as Id[]
    for (const id of ids) seen.add(id)
    const last = texts.at(-1)
    if (last === undefined || texts.length < 2 * limit) return { ids, next: null }
    // From this score on, and past those that have it: the next of them may have it, too.
    return { ids, next: { least: last, ties: texts.filter((text, at) => at % 2 === 1 && text === last).length, seen } }
  }
}

interface Deleted {
  readonly ended: boolean
  readonly head: Head | null
}

/** How far the ids of an index have been read. */
interface Place {
  /** The score to continue from: the one of the last id, because others may have the same. */
  readonly least: string
  /** How many ids with that score have been read. */
  readonly ties: number
  readonly seen: Set<Id>
}

/** A session that has ended. */
interface Ended {
  readonly id: Id
  readonly head: Head
}

interface Members {
  readonly ids: readonly Id[]
  readonly next: Place | null
}

/** What lists show of sessions, live or expired, of those that are there. Their bytes are not read. */
export async function readListings(connection: RedisConnection, keys: Keys, ids: readonly Id[]): Promise<Listing[]> {
  const found = await inBatch(connection, ids, async (some) => {
    const sessions = some.map((id) => keys.session(id))
    return (await connection.run(DESCRIBE, sessions, [])) as readonly [start: Buffer, length: number][]
  })
  return found.flat().flatMap(([start, length], at): Listing[] => {
    const preface = decodePreface(start)
    if (!preface) return []
    const { expiresAt, createdAt, owner, label } = preface
    return [{ id: ids[at] as Id, expiresAt, createdAt, owner, label, size: length - preface.start }]
  })
}

/** From the replies of a script that returns a head or nil for each of these sessions. */
export function headsOf(ids: readonly Id[], replies: readonly (readonly unknown[])[]): readonly Ended[] {
  return replies.flat().flatMap((reply, at) => {
    const head = decodeHead(reply)
    return head ? [{ id: ids[at] as Id, head }] : []
  })
}

/**
 * Runs a script for all of them at a time, because a run costs several times as much as what it does for one. In a cluster, for
 * each by itself: they are on many servers, and a script may only use what is on one.
 */
export async function inBatch<T, R>(
  connection: RedisConnection,
  all: readonly T[],
  run: (some: readonly T[]) => Promise<R>,
): Promise<R[]> {
  if (all.length === 0) return []
  return connection.isOneServer ? [await run(all)] : Promise.all(all.map((one) => run([one])))
}
