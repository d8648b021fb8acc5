import { randomBytes } from 'node:crypto'
import type { Keyring, Master } from '../crypto/keyring.ts'
import { ownerTag } from '../crypto/owner.ts'
import { LoginMoment } from '../session/login.ts'
import type { Clock, Entry, Store, Version } from '../store.ts'
import { EPOCH, isCount, jsonIn, ownId } from './own-entries.ts'

/**
 * A user's epoch, under one master. A random value, and never a time or a counter: clocks differ, and an entry that expired would
 * make a counter begin again, with values that were there before.
 */
export interface Epoch {
  /** Null if nobody has ever ended all of the user's sessions, as far as the store remembers. */
  readonly nonce: string | null
  /** Counts the logins that a limit has admitted. */
  readonly sequence: number
  /** Null while there is none. */
  readonly version: Version | null
  readonly expiresAt: number
}

const ABSENT: Epoch = { nonce: null, sequence: 0, version: null, expiresAt: 0 }

export interface EpochOptions {
  readonly store: Pick<Store, 'read' | 'create' | 'update'>
  readonly ring: Keyring
  readonly namespace: string
  readonly clock: Clock
  /** At least until this moment, at the time `now`, an epoch that was moved is remembered. */
  readonly rememberedUntil: (now: number) => number
}

/** What ends all sessions of a user for good: those that are stored, and those whose login is still under way. */
export class Epochs {
  protected readonly options: EpochOptions

  constructor(options: EpochOptions) {
    this.options = options
  }

  /** Now, as the store sees it. A session whose login began before the user's epoch was moved does not survive it. */
  async moment(userId: string): Promise<LoginMoment> {
    const { ring, clock } = this.options
    const at = clock()
    const nonces = ring.masters.map(async (master) => [master.kid, (await this.read(master, userId)).nonce] as const)
    return new LoginMoment(userId, at, new Map(await Promise.all(nonces)))
  }

  /** Were all sessions of the user ended since this moment? Also if that cannot be told any more. */
  async hasMovedSince({ userId, nonces }: LoginMoment, { kid }: Master): Promise<boolean> {
    if (!nonces.has(kid)) return true
    // Under every master: a server that does not have the newest one yet moves the epochs of the others alone.
    const moved = this.options.ring.masters.map(
      async (master) => (await this.read(master, userId)).nonce !== (nonces.get(master.kid) ?? null),
    )
    return (await Promise.all(moved)).includes(true)
  }

  /** Were all sessions of the user ever ended, as far as that is remembered? */
  async hasEverMoved(userId: string): Promise<boolean> {
    const { nonces } = await this.moment(userId)
    return [...nonces.values()].some((nonce) => nonce !== null)
  }

  /** Of a session that is alive otherwise. For a login, which must not be older than an end, there is `moment`. */
  async nonceOf(master: Master, userId: string): Promise<string | null> {
    return (await this.read(master, userId)).nonce
  }

  /** Resolves to the moment after it; `before` is the one that it replaced. */
  async move(userId: string): Promise<{ readonly before: LoginMoment; readonly after: LoginMoment }> {
    const { ring, clock } = this.options
    const at = clock()
    const moved = await Promise.all(
      ring.masters.map(async (master) => ({ kid: master.kid, ...(await this.#move(master, userId)) })),
    )
    return {
      before: new LoginMoment(userId, at, new Map(moved.map(({ kid, before }) => [kid, before]))),
      after: new LoginMoment(userId, at, new Map(moved.map(({ kid, after }) => [kid, after]))),
    }
  }

  async #move(master: Master, userId: string): Promise<{ before: string | null; after: string }> {
    for (;;) {
      const epoch = await this.read(master, userId)
      const nonce = randomBytes(16).toString('base64url')
      if (await this.write(master, userId, { ...epoch, nonce }, this.options.rememberedUntil(this.options.clock())))
        return { before: epoch.nonce, after: nonce }
    }
  }

  protected async read(master: Master, userId: string): Promise<Epoch> {
    const found = await this.options.store.read(this.#idOf(master, userId), { fresh: true })
    if (!found) return ABSENT
    const [nonce, sequence] = jsonIn(found, isEpoch)
    return { nonce, sequence, version: found.version, expiresAt: found.entry.expiresAt }
  }

  protected async write(master: Master, userId: string, { nonce, sequence, version, expiresAt }: Epoch, until: number) {
    const { store, clock } = this.options
    const entry: Entry = {
      bytes: Buffer.from(JSON.stringify([nonce, sequence])),
      // Never sooner than was promised by an earlier write.
      expiresAt: Math.max(expiresAt, until),
      owner: null,
      label: EPOCH,
      createdAt: clock(),
    }
    const id = this.#idOf(master, userId)
    return version === null ? store.create(id, entry) : (await store.update(id, entry, version)) !== null
  }

  #idOf(master: Master, userId: string) {
    return ownId('epoch', ownerTag(master, this.options.namespace, userId))
  }
}

const isEpoch = (value: unknown): value is [nonce: string | null, sequence: number] =>
  Array.isArray(value) && (value[0] === null || typeof value[0] === 'string') && isCount(value[1])
