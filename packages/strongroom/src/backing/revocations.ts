import { LONGEST } from '../base/duration.ts'
import type { LimitOf } from '../base/time-limit.ts'
import type { LiveKeyring, Master } from '../crypto/keyring.ts'
import type { Content } from '../session/content.ts'
import type { LoginMoment } from '../session/login.ts'
import type { Entry, Found, Store } from '../store.ts'
import type { BackingOptions } from './backing.ts'
import { Epochs } from './epochs.ts'
import { guardEntries } from './guard.ts'
import { KeyRegistry } from './key-registry.ts'
import { isCount, jsonIn, MARGIN, ownId, TOMBSTONE } from './own-entries.ts'

/** A session in a cookie, as far as its end depends on it. */
export interface RevocableSession {
  readonly sid: string
  /** The master under which it began. */
  readonly master: Master
  /** How often it had been renewed. */
  readonly generation: number
  /** The user's epoch when the login began; null for one that was never moved, and while anonymous. */
  readonly nonce: string | null
  /** No cookie of the session that was ever handed out is valid later than this. */
  readonly until: number
  readonly content: Content
}

/** What the store says of a session: nothing, for as long as it is alive and was never renewed. */
interface Mark {
  readonly state: 'live' | 'ended' | 'replaced'
  /** Cookies of an earlier generation were superseded. */
  readonly floor: number
  /** When the mark was last changed. */
  readonly at: number
}

/** A mark, with what the user's epoch says. */
interface Standing extends Mark {
  /** Does the mark say nothing, and have all sessions of the user been ended since its login? */
  readonly isOutdated: boolean
}

const NO_MARK: Mark = { state: 'live', floor: 0, at: 0 }

export interface RevocationsOptions extends BackingOptions {
  readonly store: Store
  readonly ring: LiveKeyring
  readonly namespace: string
  readonly limitOf: LimitOf
}

/**
 * What makes the end of a session in a cookie final: in a store, a tombstone for each session that ended or was renewed, and for
 * each user an epoch. Both outlive every cookie that they refuse.
 */
export class Revocations {
  readonly epochs: Epochs
  readonly registry: KeyRegistry
  readonly #store: ReturnType<typeof guardEntries>
  readonly #clock: BackingOptions['clock']

  constructor({ store, timeout, calls, limitOf, ...options }: RevocationsOptions) {
    this.#store = guardEntries(store, { timeout, calls, limitOf })
    this.#clock = options.clock
    const common = { ...options, store: this.#store }
    this.epochs = new Epochs({ ...common, rememberedUntil: (now) => now + LONGEST + MARGIN })
    this.registry = new KeyRegistry(common)
  }

  /**
   * The mark of a session; `ended` too for one whose user has ended all sessions since its login. Never from a copy, which may be
   * older than the end. Little is lost by that: of most sessions and users the store has nothing, and of that there are no copies.
   */
  async markOf(session: RevocableSession): Promise<Standing> {
    const { userId } = session.content.meta
    const [found, nonce] = await Promise.all([
      this.#store.read(ownId('session', session.sid), { fresh: true }),
      userId === null ? null : this.epochs.nonceOf(session.master, userId),
    ])
    const mark = found ? markIn(found) : NO_MARK
    // One that outlived an end of all others was renewed with the new epoch: then this cookie is superseded, and not ended.
    if (mark.state !== 'live' || mark.floor > session.generation) return { ...mark, isOutdated: false }
    // Absent means never moved: an epoch outlives the sessions that it ends.
    const isOutdated = nonce !== null && nonce !== session.nonce
    return { ...mark, state: isOutdated ? 'ended' : mark.state, isOutdated }
  }

  /** False if the session had ended already; with `isCurrent`, also if this cookie was superseded. */
  end(session: RevocableSession, as: 'ended' | 'replaced' = 'ended', isCurrent = false): Promise<boolean> {
    return this.#set(session, session.until, ({ state, floor }) =>
      state === 'live' && !(isCurrent && floor > session.generation) ? { state: as, floor, at: this.#clock() } : null,
    )
  }

  /** For a moment, requests with its cookie must create nothing: somebody has signed in who had it. */
  async replaceEnded(session: RevocableSession): Promise<void> {
    await this.#set(session, session.until, ({ floor }) => ({ state: 'replaced', floor, at: this.#clock() }))
  }

  /** Supersedes this cookie and all before it. False if the session has ended, or it was superseded already. */
  renew(session: RevocableSession): Promise<boolean> {
    return this.#set(session, session.until, ({ state, floor }) =>
      state === 'live' && floor <= session.generation
        ? { state, floor: session.generation + 1, at: this.#clock() }
        : null,
    )
  }

  /**
   * Before a cookie is handed out that lives longer than all before it: anyone who ends the session with an older cookie does not know
   * of it. False if the session has ended, or this cookie was superseded.
   */
  extend(session: RevocableSession, until: number): Promise<boolean> {
    return this.#set(session, until, (mark) =>
      mark.state === 'live' && mark.floor <= session.generation ? mark : null,
    )
  }

  async endedSince(moment: LoginMoment, { master }: RevocableSession): Promise<boolean> {
    return this.epochs.hasMovedSince(moment, master)
  }

  async #set(
    { sid }: RevocableSession,
    until: number,
    next: (before: Mark) => Pick<Mark, 'state' | 'floor' | 'at'> | null,
  ): Promise<boolean> {
    const id = ownId('session', sid)
    for (;;) {
      const found = await this.#store.read(id, { fresh: true })
      const mark = next(found ? markIn(found) : NO_MARK)
      if (!mark) return false
      const entry: Entry = {
        bytes: Buffer.from(JSON.stringify([mark.state, mark.floor, mark.at])),
        expiresAt: Math.max(found?.entry.expiresAt ?? 0, until + MARGIN),
        owner: null,
        label: TOMBSTONE,
        createdAt: this.#clock(),
      }
      if (found ? (await this.#store.update(id, entry, found.version)) !== null : await this.#store.create(id, entry))
        return true
    }
  }
}

function markIn(found: Found): Mark {
  const [state, floor, at] = jsonIn(found, isMark)
  return { state, floor, at }
}

const isMark = (value: unknown): value is [state: Mark['state'], floor: number, at: number] =>
  Array.isArray(value) &&
  ['live', 'ended', 'replaced'].includes(value[0]) &&
  isCount(value[1]) &&
  Number.isFinite(value[2])
