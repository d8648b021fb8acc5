import { createHash } from 'node:crypto'
import { latin1Of } from '../base/bytes.ts'
import { LONGEST } from '../base/duration.ts'
import { type Keyring, type Master, ownerTag } from '../crypto/keyring.ts'
import type { Id } from '../crypto/token.ts'
import type { Content } from '../session/content.ts'
import type { Store } from '../store.ts'
import type { BackingOptions, UserIndex } from './backing.ts'
import { guardStore } from './guard.ts'

/** A session in a cookie, as far as its end depends on it. */
export interface RevocableSession {
  readonly id: Id
  /** When the login (or creation) was that the session goes back to: a user's epoch ends what began before it. */
  readonly begunAt: number
  readonly master: Master
  readonly content: Content
}

/** An epoch outlasts the sessions that it ends by this much, for requests that are under way. */
const GRACE = 86_400_000

export const WITHOUT_LIST = "the sessions are in their owners' cookies. Use a store such as sqlite."

/** The id of a tombstone or an epoch. A hash: anyone who reads the store learns that sessions are over, and nothing else. */
export const revocationId = (kind: 'session' | 'epoch', name: string): Id =>
  createHash('sha256').update(`strongroom ${kind}\n${name}`).digest('hex') as Id

/**
 * What makes the end of a session in a cookie final: in a store, a tombstone for each session that ended before its deadline,
 * and for each user an epoch, the moment before which all sessions have ended.
 */
export class Revocations {
  readonly #store: ReturnType<typeof guardStore>
  readonly #ring: Keyring
  readonly #clock: BackingOptions['clock']

  constructor(store: Store, ring: Keyring, { clock, timeout }: BackingOptions) {
    this.#store = guardStore(store, timeout)
    this.#ring = ring
    this.#clock = clock
  }

  readonly users: UserIndex = {
    canExcept: false,
    endAll: async (userId) => {
      const now = this.#clock()
      await Promise.all(this.#ring.masters.map((master) => this.#moveEpoch(master, userId, now)))
      return null
    },
    advice: { list: WITHOUT_LIST, endAll: '' },
  }

  async hasEnded({ id, begunAt, master, content }: RevocableSession): Promise<boolean> {
    const { userId } = content.meta
    const [tombstone, epoch] = await Promise.all([
      this.#store.read(id),
      userId === null ? 0 : this.#epochOf(master, userId),
    ])
    return tombstone !== null || begunAt <= epoch
  }

  /**
   * True if this call ended the session. The tombstone names the session that replaces it, so that a logout that comes too late
   * for the old one (a renewal was faster) ends the new one.
   */
  async end(ended: RevocableSession, successor?: RevocableSession): Promise<boolean> {
    const text = successor ? `${successor.id} ${successor.content.meta.deadline}` : ''
    let [id, deadline] = [ended.id, ended.content.meta.deadline]
    while (!(await this.#store.create(id, this.#entry(text, deadline)))) {
      const found = successor ? null : await this.#store.read(id)
      const next = found && /^([0-9a-f]{64}) (\d+)$/.exec(latin1Of(found.entry.bytes))
      if (!next) return false
      ;[id, deadline] = [next[1] as Id, Number(next[2])]
    }
    return true
  }

  /** The earliest moment at which a new login of this user may begin. */
  async afterEpoch(userId: string | null): Promise<number> {
    return userId === null ? 0 : (await this.#epochOf(this.#ring.current, userId)) + 1
  }

  async #moveEpoch(master: Master, userId: string, now: number): Promise<void> {
    const id = epochId(master, userId)
    for (;;) {
      const found = await this.#store.read(id)
      // Past the last epoch even within one ms, or after the clock was set back: a login since then began at the ms after it.
      const to = Math.max(now, found ? epochIn(found.entry.bytes) + 1 : 0)
      const epoch = this.#entry(`${to}`, to + LONGEST + GRACE)
      if (found ? (await this.#store.update(id, epoch, found.version)) !== null : await this.#store.create(id, epoch))
        return
    }
  }

  async #epochOf(master: Master, userId: string): Promise<number> {
    const found = await this.#store.read(epochId(master, userId))
    return found ? epochIn(found.entry.bytes) : 0
  }

  #entry(text: string, expiresAt: number) {
    return { bytes: Buffer.from(text), expiresAt, owner: null, label: null, createdAt: this.#clock() }
  }
}

const epochId = (master: Master, userId: string) => revocationId('epoch', ownerTag(master, userId))
const epochIn = (bytes: Uint8Array) => Number(latin1Of(bytes))
