import { type Held, type Loaded, type Refused, refuseOver } from '../../backing.ts'
import type { Content, Meta, Values } from '../../codec/json.ts'
import { StoreError, StrongroomError, Unsupported } from '../../errors.ts'
import { LONGEST } from '../../lifetime.ts'
import type { Clock } from '../../store.ts'
import { type AuthKeys, sessionAuthHash, verifySessionAuthHash } from './auth.ts'
import {
  changedText,
  EXPIRY,
  readDocument,
  scalarIn,
  USER_BACKEND,
  USER_HASH,
  USER_ID,
  userIn,
  valuesOf,
} from './document.ts'
import { type Ages, endOf, endsWithBrowser, expiryIn, isoOf } from './expiry.ts'
import type { ObjectNode } from './json/read.ts'
import type { SessionCodec } from './session-data.ts'

/** The user's password field, as it stands in Django's table; null when there is no such user any more. */
export type PasswordOf = (userId: string) => string | null | Promise<string | null>

export interface RecordSettings extends Ages {
  readonly codec: SessionCodec
  /** Most bytes of JSON: what is written must be read again. */
  readonly maxSize: number
  readonly keys: AuthKeys
  readonly clock: Clock
  /** False: the application itself looks after `_auth_user_hash`. */
  readonly password: PasswordOf | false
  readonly authBackend: string
  /** SESSION_SAVE_EVERY_REQUEST: a session that is used lives on. */
  readonly saveEveryRequest: boolean
}

/** A session as it lies in Django's storage, or in its cookie, by now. */
export interface DjangoHeld extends Held {
  readonly document: ObjectNode
  /** What the document was read as, or written from. */
  readonly content: Content
  /** Was its `_auth_user_hash` made with an older secret? Then the next write makes it anew. */
  readonly restamp: boolean
}

export interface Written {
  /** `session_data`. */
  readonly text: string
  readonly content: Content
  readonly document: ObjectNode
  readonly expiresAt: number
}

/**
 * Marks, by its fraction of a ms, a deadline that was read and that no application has asked for: what `setExpiry` makes of it is
 * a whole number, or what `null` makes of the marked `createdAt`.
 */
const READ = 0.5
const READ_CREATED = 0.25

/** Between Django's documents and what this library's sessions are made of. */
export class Records {
  readonly #settings: RecordSettings

  constructor(settings: RecordSettings) {
    this.#settings = settings
  }

  /** A session that was read; refused when its user's password is another by now, or the user is gone. */
  async read(document: ObjectNode, expiresAt: number, held: Held): Promise<Loaded | Refused> {
    const userId = userIn(document)
    const stamp = userId === null ? 'current' : await this.#stampOf(userId, document)
    if (stamp === null) return { refused: 'credential' }
    const meta = this.#metaOf(document, expiresAt, userId)
    const values = valuesOf(document)
    const data = JSON.stringify(values)
    const kept: DjangoHeld = { ...held, document, content: { meta, data }, restamp: stamp === 'fallback' }
    return { meta, values, shared: values, data, held: kept }
  }

  /** What to put down. `was` is what lies there, or what is renewed. */
  async write({ meta, data }: Content, was: DjangoHeld | null): Promise<Written> {
    const { codec, clock, maxSize } = this.#settings
    const own = { ...(await this.#userChange(meta, was)), ...this.#expiryChange(meta, data, was) }
    const json = changedText({ data, was: was?.document ?? null, own })
    refuseOver(maxSize, json.length, data, 'maxSize')
    const document = readDocument(json)
    return { text: codec.encode(json), content: { meta, data }, document, expiresAt: this.endOf(document, clock()) }
  }

  /** When a session ends that is saved at this moment. */
  endOf({ entries }: ObjectNode, savedAt: number): number {
    return endOf(expiryIn(entries.get(EXPIRY)), savedAt, this.#settings)
  }

  /** The same of a text that may be anybody's, or a pickle: such a one ends by the site's defaults. */
  endOfText(sessionData: string, savedAt: number): number {
    const { codec, cookieAge } = this.#settings
    try {
      const data = codec.decode(sessionData)
      return 'refused' in data ? savedAt + cookieAge : this.endOf(data.document, savedAt)
    } catch {
      return savedAt + cookieAge
    }
  }

  /** Length of the cookie's life from now on, in whole seconds; null ends it with the browser. */
  cookieLife(document: ObjectNode): number | null {
    const expiry = expiryIn(document.entries.get(EXPIRY))
    if (endsWithBrowser(expiry, this.#settings)) return null
    const now = this.#settings.clock()
    return Math.floor((endOf(expiry, now, this.#settings) - now) / 1000)
  }

  #metaOf(document: ObjectNode, expiresAt: number, userId: string | null): Meta {
    const { clock, cookieAge, saveEveryRequest } = this.#settings
    const expiry = expiryIn(document.entries.get(EXPIRY))
    const slides = saveEveryRequest && expiry.kind !== 'moment'
    const age = expiry.kind === 'seconds' ? expiry.ms : cookieAge
    const now = clock()
    // Django does not keep when a session began. The last save is what its deadline tells; not so long ago, though, that the
    // site's defaults, counted from there, would be over.
    const savedAt = Math.max(expiry.kind === 'moment' ? now : Math.min(now, expiresAt - age), now - cookieAge + 1)
    return {
      createdAt: Math.floor(savedAt) + READ_CREATED,
      authenticatedAt: userId === null ? null : Math.floor(savedAt),
      deadline: Math.floor(slides ? now + LONGEST : expiresAt) + READ,
      idle: slides ? age : 0,
      userId,
      persistent: !endsWithBrowser(expiry, this.#settings),
      label: null,
    }
  }

  async #stampOf(userId: string, document: ObjectNode): Promise<'current' | 'fallback' | null> {
    const { password, keys } = this.#settings
    if (password === false) return 'current'
    const field = await this.#passwordOf(password, userId)
    return field === null ? null : verifySessionAuthHash(scalarIn(document, USER_HASH), field, keys)
  }

  async #passwordOf(password: PasswordOf, userId: string): Promise<string | null> {
    try {
      return await password(userId)
    } catch (cause) {
      // Not known is not "wrong": nobody is signed out by a database that does not answer.
      throw cause instanceof StrongroomError ? cause : new StoreError('The option "password" failed.', { cause })
    }
  }

  async #userChange({ userId }: Meta, was: DjangoHeld | null): Promise<Record<string, string>> {
    const { password, keys, authBackend } = this.#settings
    const same = was !== null && userIn(was.document) === userId
    if (userId === null || (same && !was.restamp)) return {}
    if (password === false)
      throw new Unsupported(
        'login() stamps the session with a hash of the password field, or Django would not take it: give createDjangoSessions() the option "password".',
      )
    const field = await this.#passwordOf(password, userId)
    if (field === null) throw new Unsupported('login(): the option "password" knows no such user.')
    const hash = { [USER_HASH]: sessionAuthHash(field, keys) }
    return same ? hash : { [USER_ID]: userId, [USER_BACKEND]: authBackend, ...hash }
  }

  /** `setExpiry`, `remember` and Django's own key as what `_session_expiry` is to say. */
  #expiryChange(meta: Meta, data: string, was: DjangoHeld | null): Record<string, string | number | null> {
    const asked = was ? changedLifetime(meta, was.content.meta) : this.#firstLifetime(meta)
    if (asked !== 'same') return { [EXPIRY]: this.#expiryValue(meta, asked) }
    if (!was) return {}
    const valueIn = (text: string) => JSON.stringify((JSON.parse(text) as Values)[EXPIRY])
    // What an earlier save of this request put there is not among the values that the application has.
    const node = was.document.entries.get(EXPIRY)
    const untouched = valueIn(data) === valueIn(was.content.data)
    return untouched && node?.kind === 'scalar' ? { [EXPIRY]: node.value as string | number } : {}
  }

  #firstLifetime(meta: Meta): Lifetime {
    const { cookieAge, saveEveryRequest } = this.#settings
    const [idle, standard] = saveEveryRequest ? [cookieAge, LONGEST] : [0, cookieAge]
    const length = meta.deadline - meta.createdAt
    if (meta.persistent) return length === cookieAge || length === standard ? 'persistent' : 'length'
    if (meta.idle !== idle) return meta.idle > 0 ? 'idle' : 'moment'
    return length === standard ? 'same' : 'moment'
  }

  #expiryValue(meta: Meta, asked: Lifetime): string | number | null {
    const { cookieAge, expireAtBrowserClose } = this.#settings
    switch (asked) {
      case 'idle':
        return Math.ceil(meta.idle / 1000)
      case 'length':
        return Math.ceil((meta.deadline - meta.createdAt) / 1000)
      case 'moment':
        return isoOf(meta.deadline)
      case 'browser':
        return 0
      case 'persistent':
        return expireAtBrowserClose ? Math.ceil(cookieAge / 1000) : null
      default:
        return null
    }
  }
}

type Lifetime = 'same' | 'defaults' | 'idle' | 'length' | 'moment' | 'browser' | 'persistent'

/** What an application has asked of the lifetime since the session was read. */
function changedLifetime(meta: Meta, before: Meta): Lifetime {
  if (meta.deadline !== before.deadline && meta.deadline % 1 === READ_CREATED) return 'defaults'
  if (meta.idle !== before.idle && meta.idle > 0) return 'idle'
  if (meta.deadline !== before.deadline) return 'moment'
  if (meta.persistent !== before.persistent) return meta.persistent ? 'persistent' : 'browser'
  return 'same'
}
