import type { Id } from '../../crypto/token.ts'
import type { Clock, Listing, ListOptions } from '../../store.ts'
import { inPages, STEP } from '../shared/pages.ts'
import { type OnlyIf, packDelete } from './arguments.ts'
import type { RedisConnection } from './connection.ts'
import { decodeHead, decodePreface, type Head, type Keys } from './format.ts'
import { DELETE, DESCRIBE, INDEX_ADD, INDEX_MEMBERS, INDEX_REMOVE } from './scripts.ts'

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

  /** Never rejects: the session has ended, and an id that stays in an index does no harm. */
  async remove(id: Id, { owner, until }: Head): Promise<void> {
    if (owner === null) return
    await this.#connection.run(INDEX_REMOVE, [this.#keys.index(owner)], [id, until]).catch(() => {})
  }

  list(owner: string, options: ListOptions = {}): AsyncIterable<Listing[]> {
    return inPages(options, this.#start(), async (place) => {
      const { ids, next } = await this.#members(owner, place)
      const found = await Promise.all(ids.map((id) => readListing(this.#connection, this.#keys, id)))
      const listings = found.filter((listing) => listing !== null)
      const now = this.#clock()
      return { listings: listings.filter((each) => each.owner === owner && each.expiresAt > now), next }
    })
  }

  async deleteAll(owner: string, except?: Id): Promise<number> {
    let ended = 0
    for (let place: Place | null = this.#start(); place !== null; ) {
      const { ids, next }: Members = await this.#members(owner, place)
      const others = ids.filter((id) => id !== except)
      const done = await Promise.all(others.map((id) => this.#deleteIfOwner(owner, id)))
      ended += done.filter(Boolean).length
      place = next
    }
    return ended
  }

  /**
   * Ends a session and removes it from the index of `owner`, if that is its owner. With a version, ends only that version. `head`
   * is what was ended when it still has to be removed from an index.
   */
  delete(id: Id, owner: string | null, version: number | undefined): Promise<Deleted> {
    return this.#delete(id, owner, { version })
  }

  async #deleteIfOwner(owner: string, id: Id): Promise<boolean> {
    const { ended, head } = await this.#delete(id, owner, { isOfOwner: true })
    if (head) await this.remove(id, head)
    return ended
  }

  async #delete(id: Id, owner: string | null, onlyIf: OnlyIf): Promise<Deleted> {
    const keys = [this.#keys.session(id)]
    if (owner !== null && this.#connection.isOneServer) keys.push(this.#keys.index(owner))
    const packed = packDelete(this.#clock(), owner, onlyIf)
    const reply = await this.#connection.run(DELETE, keys, [packed, this.#channel])
    const head = decodeHead(reply)
    return { ended: head !== null || reply === 1, head }
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

interface Members {
  readonly ids: readonly Id[]
  readonly next: Place | null
}

/** What lists show of a session, live or expired. Its bytes are not read. */
export async function readListing(connection: RedisConnection, keys: Keys, id: Id): Promise<Listing | null> {
  const [start, length] = (await connection.run(DESCRIBE, [keys.session(id)], [])) as [Buffer, number]
  const preface = decodePreface(start)
  if (!preface) return null
  const { expiresAt, createdAt, owner, label } = preface
  return { id, expiresAt, createdAt, owner, label, size: length - preface.start }
}
