import type { Clock } from 'strongroom'
import {
  type Content,
  type ContentToSave,
  LONGEST,
  type Loaded,
  type Meta,
  milliseconds,
  parseJson,
  type Refused,
  type RequestedLifetime,
  refuseOver,
  type SessionRef,
  type Values,
} from 'strongroom/internal'
import type { Logins } from './auth.ts'
import { changedJson, EXPIRY, readDocument, userIn, valuesOf } from './document.ts'
import { type Ages, endOf, endsWithBrowser, expiryIn, isoOf } from './expiry.ts'
import type { ObjectNode } from './json/read.ts'
import { proofChange, proofsIn } from './proofs.ts'
import type { SessionCodec } from './session-data.ts'

export interface RecordSettings extends Ages {
  readonly codec: SessionCodec
  readonly logins: Logins
  /** The most bytes of JSON to write, so that everything that is written can be read again. */
  readonly maxSize: number
  readonly clock: Clock
  /** SESSION_SAVE_EVERY_REQUEST: using a session extends it. */
  readonly saveEveryRequest: boolean
}

/** A session in Django's storage, or in its cookie. */
export interface DjangoRef extends SessionRef {
  readonly document: ObjectNode
  /** The content that was read from the document, or that it was written from. */
  readonly content: Content
  /** Whether its `_auth_user_hash` was made with an older key. Then the next write replaces it. */
  readonly hashIsOutdated: boolean
}

export interface Written {
  /** `session_data`. */
  readonly text: string
  readonly content: Content
  readonly document: ObjectNode
  readonly expiresAt: number
}

/** Translates between Django's documents and the content of this library's sessions. */
export class Records {
  readonly #settings: RecordSettings

  constructor(settings: RecordSettings) {
    this.#settings = settings
  }

  /** Returns a session that was read. Refused when its user's password has changed since, or the user is gone. */
  async read(document: ObjectNode, expiresAt: number, ref: SessionRef): Promise<Loaded | Refused> {
    const userId = userIn(document)
    const login = userId === null ? 'current' : await this.#settings.logins.check(userId, document)
    if (login === null) return { refused: 'credential' }
    const meta = this.#metaOf(document, expiresAt, userId)
    const values = valuesOf(document)
    const data = JSON.stringify(values)
    const full: DjangoRef = { ...ref, document, content: { meta, data }, hashIsOutdated: login === 'fallback' }
    return { meta, values, shared: values, data, ref: full }
  }

  /** Returns what to write. `before` is the stored session, or the one that is renewed. */
  async write(content: ContentToSave, before: DjangoRef | null): Promise<Written> {
    const { codec, clock, logins, maxSize } = this.#settings
    const { meta, data, requested } = content
    const login = await logins.changes(meta.userId, loginBefore(content, before))
    const own = { ...login, ...proofChange(meta), ...this.#expiryChange(data, requested, before) }
    const json = changedJson({ data, before: before?.document ?? null, own })
    refuseOver(maxSize, json.length, data, 'maxSize')
    const document = readDocument(json)
    return { text: codec.encode(json), content: { meta, data }, document, expiresAt: this.endOf(document, clock()) }
  }

  /** Returns when a session ends that is saved at `savedAt`. */
  endOf({ entries }: ObjectNode, savedAt: number): number {
    return endOf(expiryIn(entries.get(EXPIRY)), savedAt, this.#settings)
  }

  /** How long the cookie lives from now on, in whole seconds. Null means until the browser closes. */
  cookieLifetime(document: ObjectNode): number | null {
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
    const proofs = userId === null ? undefined : proofsIn(document, userId)
    // Django does not store when a session began. Its deadline tells when it was last saved. The limit below keeps that recent
    // enough that the site's default age, counted from there, is not over yet.
    const savedAt = Math.floor(
      Math.max(expiry.kind === 'moment' ? now : Math.min(now, expiresAt - age), now - cookieAge + 1),
    )
    return {
      createdAt: savedAt,
      authenticatedAt: userId === null ? null : (proofs?.at(-1)?.[0] ?? null),
      deadline: Math.floor(slides ? now + LONGEST : expiresAt),
      idle: slides ? age : 0,
      userId,
      persistent: !endsWithBrowser(expiry, this.#settings),
      label: null,
      ...(proofs && { proofs }),
    }
  }

  /** The new `_session_expiry`, from `setExpiry`, `remember` and what the application wrote under that key itself. */
  #expiryChange(data: string, requested: RequestedLifetime | undefined, before: DjangoRef | null) {
    const value = requested && this.#expiryOf(requested, before)
    if (value !== undefined) return { [EXPIRY]: value }
    if (!before) return {}
    const valueIn = (json: string) => JSON.stringify((parseJson(json) as Values)[EXPIRY])
    // An earlier save of this request may have written the key, and then the application's values do not have it.
    const node = before.document.entries.get(EXPIRY)
    const untouched = valueIn(data) === valueIn(before.content.data)
    return untouched && node?.kind === 'scalar' ? { [EXPIRY]: node.value as string | number } : {}
  }

  /**
   * Null for the site's defaults, undefined when nothing changes. Django stores one form at a time, so of several that were
   * requested, the narrowest counts.
   */
  #expiryOf({ remember, change }: RequestedLifetime, before: DjangoRef | null): string | number | null | undefined {
    const { idle = 0, deadline, persistent } = change?.named ?? {}
    if (deadline !== undefined) return isoOf(deadline)
    if (idle > 0) return Math.ceil(idle / 1000)
    if (persistent !== undefined) {
      const now = expiryIn(before?.document.entries.get(EXPIRY))
      const same = !change?.defaults && persistent !== endsWithBrowser(now, this.#settings)
      return same ? undefined : this.#closing(!persistent)
    }
    if (change?.defaults) return null
    if (typeof remember === 'boolean') return this.#closing(!remember)
    return remember === undefined ? undefined : Math.ceil(milliseconds(remember, 'login: remember') / 1000)
  }

  /** The site's age, with a cookie that ends with the browser, or with one that stays although the site's cookies do not. */
  #closing(withBrowser: boolean): number | null {
    const { cookieAge, expireAtBrowserClose } = this.#settings
    if (withBrowser) return 0
    return expireAtBrowserClose ? Math.ceil(cookieAge / 1000) : null
  }
}

/** The stored login that goes on. The password may have changed since, and not only by `credentialChanged()`. */
function loginBefore({ isLogin, credentialChanged }: ContentToSave, before: DjangoRef | null) {
  if (isLogin || !before) return null
  return credentialChanged ? { ...before, hashIsOutdated: true } : before
}

/**
 * Returns when a session ends according to its `session_data`. If that cannot be read, because it is forged or a pickle, the
 * site's defaults apply.
 */
export function endOfSessionData(
  sessionData: string,
  savedAt: number,
  settings: Ages & { readonly codec: SessionCodec },
): number {
  try {
    const data = settings.codec.decode(sessionData)
    if ('document' in data) return endOf(expiryIn(data.document.entries.get(EXPIRY)), savedAt, settings)
  } catch {
    // `UnsupportedError` for a pickle: reading the session reports it, and a sweep does not care.
  }
  return savedAt + settings.cookieAge
}
