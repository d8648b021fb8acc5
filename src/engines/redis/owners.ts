import type { Clock, Listing } from '../../store.ts'
import type { Id } from '../../token.ts'
import type { Keys } from './keys.ts'
import type { Link } from './link.ts'
import { look } from './look.ts'
import { forgetIn } from './moments.ts'
import { decodeHead, type Head, packedOwner } from './record.ts'
import { DELETE, INDEX, MEMBERS, UNINDEX } from './scripts.ts'

/** How many sessions of an owner are asked for at once. */
const STEP = 100

/**
 * A sorted set of each owner's ids, by the moment until when it is sure to hold them. It is told of a session before there is
 * one, and of its end after it: whatever dies in between, a live session is in it. It may hold ids of dead ones; what is
 * true is what the session itself says.
 */
export class Owners {
  readonly #link: Link
  readonly #keys: Keys
  readonly #clock: Clock
  readonly #channel: string

  constructor(link: Link, keys: Keys, { clock, channel }: { readonly clock: Clock; readonly channel: string }) {
    this.#link = link
    this.#keys = keys
    this.#clock = clock
    this.#channel = channel
  }

  async tell(owner: string, id: Id, until: number): Promise<void> {
    const now = this.#clock()
    await this.#link.run(INDEX, [this.#keys.index(owner)], [now, id, until, forgetIn(until, now)])
  }

  /** Never rejects: the session has ended, and an id too many in an index does no harm. */
  async forget(id: Id, { owner, until }: Head): Promise<void> {
    if (owner === null) return
    await this.#link.run(UNINDEX, [this.#keys.index(owner)], [id, until]).catch(() => {})
  }

  async list(owner: string): Promise<Listing[]> {
    const found: Listing[] = []
    for await (const ids of this.#members(owner)) {
      const listings = await Promise.all(ids.map((id) => look(this.#link, this.#keys, id)))
      for (const listing of listings)
        if (listing && listing.owner === owner && listing.expiresAt > this.#clock()) found.push(listing)
    }
    return found
  }

  async deleteAll(owner: string, except?: Id): Promise<number> {
    let ended = 0
    for await (const ids of this.#members(owner)) {
      const those = ids.filter((id) => id !== except)
      const done = await Promise.all(those.map((id) => this.#end(id, owner)))
      ended += done.filter(Boolean).length
    }
    return ended
  }

  async #end(id: Id, owner: string): Promise<boolean> {
    const args = [this.#clock(), '', packedOwner(owner), id, this.#channel]
    const head = decodeHead(await this.#link.run(DELETE, [this.#keys.session(id)], args))
    if (head) await this.forget(id, head)
    return head !== null
  }

  async *#members(owner: string): AsyncGenerator<Id[]> {
    const found = (await this.#link.run(MEMBERS, [this.#keys.index(owner)], [this.#clock()])) as Buffer[]
    for (let at = 0; at < found.length; at += STEP)
      yield found.slice(at, at + STEP).map((id) => id.toString('latin1') as Id)
  }
}
