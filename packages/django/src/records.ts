import type { Clock } from 'strongroom'
import {
  type AskedLifetime,
  type Content,
  type Held,
  type Keeping,
  LONGEST,
  type Loaded,
  type Meta,
  milliseconds,
  type Refused,
  refuseOver,
  type Values,
} from 'strongroom/internal'
import { changedText, EXPIRY, readDocument, userIn, valuesOf } from './document.ts'
import { type Ages, endOf, endsWithBrowser, expiryIn, isoOf } from './expiry.ts'
import type { ObjectNode } from './json/read.ts'
import type { Logins } from './logins.ts'
import type { SessionCodec } from './session-data.ts'

export interface RecordSettings extends Ages {
  readonly codec: SessionCodec
  readonly logins: Logins
  /** Most bytes of JSON: what is written must be read again. */
  readonly maxSize: number
  readonly clock: Clock
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

/** Between Django's documents and what this library's sessions are made of. */
export class Records {
  readonly #settings: RecordSettings

  constructor(settings: RecordSettings) {
    this.#settings = settings
  }

  /** A session that was read; refused when its user's password is another by now, or the user is gone. */
  async read(document: ObjectNode, expiresAt: number, held: Held): Promise<Loaded | Refused> {
    const userId = userIn(document)
    const stamp = userId === null ? 'current' : await this.#settings.logins.check(userId, document)
    if (stamp === null) return { refused: 'credential' }
    const meta = this.#metaOf(document, expiresAt, userId)
    const values = valuesOf(document)
    const data = JSON.stringify(values)
    const kept: DjangoHeld = { ...held, document, content: { meta, data }, restamp: stamp === 'fallback' }
    return { meta, values, shared: values, data, ref: kept }
  }

  /** What to put down. `was` is what lies there, or what is renewed. */
  async write({ meta, data, asked }: Keeping, was: DjangoHeld | null): Promise<Written> {
    const { codec, clock, logins, maxSize } = this.#settings
    const own = { ...(await logins.change(meta.userId, was)), ...this.#expiryChange(data, asked, was) }
    const json = changedText({ data, was: was?.document ?? null, own })
    refuseOver(maxSize, json.length, data, 'maxSize')
    const document = readDocument(json)
    return { text: codec.encode(json), content: { meta, data }, document, expiresAt: this.endOf(document, clock()) }
  }

  /** When a session ends that is saved at this moment. */
  endOf({ entries }: ObjectNode, savedAt: number): number {
    return endOf(expiryIn(entries.get(EXPIRY)), savedAt, this.#settings)
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
    const savedAt = Math.floor(
      Math.max(expiry.kind === 'moment' ? now : Math.min(now, expiresAt - age), now - cookieAge + 1),
    )
    return {
      createdAt: savedAt,
      authenticatedAt: userId === null ? null : savedAt,
      deadline: Math.floor(slides ? now + LONGEST : expiresAt),
      idle: slides ? age : 0,
      userId,
      persistent: !endsWithBrowser(expiry, this.#settings),
      label: null,
    }
  }

  /** `setExpiry`, `remember` and Django's own key as what `_session_expiry` is to say. */
  #expiryChange(data: string, asked: AskedLifetime | undefined, was: DjangoHeld | null) {
    const value = asked && this.#expiryOf(asked, was)
    if (value !== undefined) return { [EXPIRY]: value }
    if (!was) return {}
    const valueIn = (text: string) => JSON.stringify((JSON.parse(text) as Values)[EXPIRY])
    // What an earlier save of this request put there is not among the values that the application has.
    const node = was.document.entries.get(EXPIRY)
    const untouched = valueIn(data) === valueIn(was.content.data)
    return untouched && node?.kind === 'scalar' ? { [EXPIRY]: node.value as string | number } : {}
  }

  /** Null for the site's defaults, undefined where all stays as it is. Django has one form at a time: the narrowest counts. */
  #expiryOf({ remember, change }: AskedLifetime, was: DjangoHeld | null): string | number | null | undefined {
    const { idle = 0, deadline, persistent } = change?.named ?? {}
    if (deadline !== undefined) return isoOf(deadline)
    if (idle > 0) return Math.ceil(idle / 1000)
    if (persistent !== undefined) {
      const now = expiryIn(was?.document.entries.get(EXPIRY))
      const same = !change?.defaults && persistent !== endsWithBrowser(now, this.#settings)
      return same ? undefined : this.#closing(!persistent)
    }
    if (change?.defaults) return null
    if (typeof remember === 'boolean') return this.#closing(!remember)
    return remember === undefined ? undefined : Math.ceil(milliseconds(remember, 'login: remember') / 1000)
  }

  /** The site's age, with a cookie that ends with the browser, or that does not although the site's do. */
  #closing(withBrowser: boolean): number | null {
    const { cookieAge, expireAtBrowserClose } = this.#settings
    if (withBrowser) return 0
    return expireAtBrowserClose ? Math.ceil(cookieAge / 1000) : null
  }
}

/** When a session ends by what its text says, which may be anybody's, or a pickle: such a one ends by the site's defaults. */
export function endOfText(
  sessionData: string,
  savedAt: number,
  settings: Ages & { readonly codec: SessionCodec },
): number {
  try {
    const data = settings.codec.decode(sessionData)
    if ('document' in data) return endOf(expiryIn(data.document.entries.get(EXPIRY)), savedAt, settings)
  } catch {
    // `Unsupported`: told to whoever reads the session, and no business of a sweep.
  }
  return savedAt + settings.cookieAge
}
