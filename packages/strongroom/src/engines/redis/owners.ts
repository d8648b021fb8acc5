import type { Id } from '../../crypto/token.ts'
import type { Clock, Listing } from '../../store.ts'
import type { Argument } from './driver.ts'
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
      const done = await Promise.all(those.map((id) => this.#endOf(owner, id)))
      ended += done.filter(Boolean).length
    }
    return ended
  }

  /**
   * Ends a session, with its place in the index of `owner` where that is whose it is; only of this version, where one is given.
   * `head` is what was ended, when an index still has to be told.
   */
  async end(id: Id, owner: string | null, version: Buffer | null): Promise<{ ended: boolean; head: Head | null }> {
    return this.#end(id, owner, [version ?? '', ''])
  }

  async #endOf(owner: string, id: Id): Promise<boolean> {
    const { ended, head } = await this.#end(id, owner, ['', packedOwner(owner)])
    if (head) await this.forget(id, head)
    return ended
  }

  async #end(id: Id, owner: string | null, onlyIf: readonly [version: Argument, owner: Argument]) {
    const keys = [this.#keys.session(id)]
    if (owner !== null && !(await this.#link.isSplit())) keys.push(this.#keys.index(owner))
    const told = owner === null ? '' : packedOwner(owner)
    const reply = await this.#link.run(DELETE, keys, [this.#clock(), ...onlyIf, id, this.#channel, told])
    const head = decodeHead(reply)
    return { ended: head !== null || reply === 1, head }
  }

  async *#members(owner: string): AsyncGenerator<Id[]> {
    const found = (await this.#link.run(MEMBERS, [this.#keys.index(owner)], [this.#clock()])) as Buffer[]
    for (let at = 0; at < found.length; at += STEP)
      yield found.slice(at, at + STEP).map((id) => id.toString('latin1') as Id)
  }
}
