import { LONGEST } from '../base/duration.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { ownerTag } from '../crypto/owner.ts'
import type { Clock, Store } from '../store.ts'
import { ENDED, NOTHING, ownId } from './own-entries.ts'

export interface EndedUsersOptions {
  readonly store: Pick<Store, 'read' | 'create'>
  readonly ring: Keyring
  readonly namespace: string
  readonly clock: Clock
  /** How long it is remembered; nothing is, after that. */
  readonly until: number
}

/**
 * The users of whom a session has ended here, for as long as older copies of it may be adopted: a signed cookie of another framework
 * has no identity, so that nobody can tell which session a copy belongs to. No times are compared, because clocks differ.
 */
export class EndedUsers {
  readonly #options: EndedUsersOptions

  constructor(options: EndedUsersOptions) {
    this.#options = options
  }

  /** Before the session is ended: an end that was acknowledged must be remembered. */
  async add(owner: string | null): Promise<void> {
    const { store, clock, until } = this.#options
    const createdAt = clock()
    if (owner === null || createdAt >= until) return
    const expiresAt = Math.min(until, createdAt + LONGEST)
    const entry = { bytes: NOTHING, expiresAt, owner: null, label: ENDED, createdAt }
    await store.create(ownId('ended', owner), entry)
  }

  async addUser(userId: string): Promise<void> {
    const { ring, namespace } = this.#options
    await this.add(ownerTag(ring.current, namespace, userId))
  }

  async has(userId: string): Promise<boolean> {
    const { store, ring, namespace } = this.#options
    const ids = ring.masters.map((master) => ownId('ended', ownerTag(master, namespace, userId)))
    const found = await Promise.all(ids.map((id) => store.read(id, { fresh: true })))
    return found.some((entry) => entry !== null)
  }

  /** The owner of a session that is ended by its id alone; null, without a read, if nothing is remembered. */
  async ownerOf(id: Parameters<Store['read']>[0]): Promise<string | null> {
    const { store, clock, until } = this.#options
    return clock() < until ? ((await store.read(id, { fresh: true }))?.entry.owner ?? null) : null
  }
}
