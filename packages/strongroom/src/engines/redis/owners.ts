import type { Id } from '../../crypto/token.ts'
import type { Clock, Listing } from '../../store.ts'
import type { RedisConnection } from './connection.ts'
import type { Argument } from './driver.ts'
import { decodeHead, decodePreface, expireIn, type Head, type Keys, packOwner } from './format.ts'
import { DELETE, DESCRIBE, INDEX_ADD, INDEX_MEMBERS, INDEX_REMOVE } from './scripts.ts'

/** How many sessions of an owner are processed in parallel. */
const STEP = 100

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
    const now = this.#clock()
    await this.#connection.run(INDEX_ADD, [this.#keys.index(owner)], [now, id, until, expireIn(until, now)])
  }

  /** Never rejects: the session has ended, and an id that stays in an index does no harm. */
  async remove(id: Id, { owner, until }: Head): Promise<void> {
    if (owner === null) return
    await this.#connection.run(INDEX_REMOVE, [this.#keys.index(owner)], [id, until]).catch(() => {})
  }

  async list(owner: string): Promise<Listing[]> {
    const found: Listing[] = []
    for await (const ids of this.#members(owner)) {
      const listings = await Promise.all(ids.map((id) => readListing(this.#connection, this.#keys, id)))
      for (const listing of listings)
        if (listing && listing.owner === owner && listing.expiresAt > this.#clock()) found.push(listing)
    }
    return found
  }

  async deleteAll(owner: string, except?: Id): Promise<number> {
    let ended = 0
    for await (const ids of this.#members(owner)) {
      const others = ids.filter((id) => id !== except)
      const done = await Promise.all(others.map((id) => this.#deleteIfOwner(owner, id)))
      ended += done.filter(Boolean).length
    }
    return ended
  }

  /**
   * Ends a session and removes it from the index of `owner`, if that is its owner. With a version, ends only that version. `head`
   * is what was ended when it still has to be removed from an index.
   */
  async delete(id: Id, owner: string | null, version: Buffer | null): Promise<{ ended: boolean; head: Head | null }> {
    return this.#delete(id, owner, [version ?? '', ''])
  }

  async #deleteIfOwner(owner: string, id: Id): Promise<boolean> {
    const { ended, head } = await this.#delete(id, owner, ['', packOwner(owner)])
    if (head) await this.remove(id, head)
    return ended
  }

  async #delete(id: Id, owner: string | null, onlyIf: readonly [version: Argument, owner: Argument]) {
    const keys = [this.#keys.session(id)]
    if (owner !== null && !(await this.#connection.isCluster())) keys.push(this.#keys.index(owner))
    const indexed = owner === null ? '' : packOwner(owner)
    const reply = await this.#connection.run(DELETE, keys, [this.#clock(), ...onlyIf, id, this.#channel, indexed])
    const head = decodeHead(reply)
    return { ended: head !== null || reply === 1, head }
  }

  async *#members(owner: string): AsyncGenerator<Id[]> {
    const index = this.#keys.index(owner)
    const found = (await this.#connection.run(INDEX_MEMBERS, [index], [this.#clock()])) as Buffer[]
    for (let at = 0; at < found.length; at += STEP)
      yield found.slice(at, at + STEP).map((id) => id.toString('latin1') as Id)
  }
}

/** What lists show of a session, live or expired. Its bytes are not read. */
export async function readListing(connection: RedisConnection, keys: Keys, id: Id): Promise<Listing | null> {
  const [start, length] = (await connection.run(DESCRIBE, [keys.session(id)], [])) as [Buffer, number]
  const preface = decodePreface(start)
  if (!preface) return null
  const { expiresAt, createdAt, owner, label } = preface
  return { id, expiresAt, createdAt, owner, label, size: length - preface.start }
}
