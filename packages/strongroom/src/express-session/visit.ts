import { randomBytes } from 'node:crypto'
import { type Awaitable, after } from '../base/awaitable.ts'
import { LONGEST } from '../base/duration.ts'
import { parseJson } from '../base/json.ts'
import type { SessionsContext } from '../context.ts'
import { SessionClosedError } from '../errors.ts'
import { header } from '../http/headers.ts'
import { type GetOptions, type Outcome, Visit } from '../request/visit.ts'
import type { Values } from '../session/content.ts'
import { setInternal } from '../session/internal.ts'
import { type Session, stateOf } from '../session/session.ts'
import type { State } from '../session/state.ts'
import { own, put } from '../session/values.ts'
import { COOKIE, endOf, NO_ATTRIBUTES, type OwnAttributes, ownAttributes } from './attributes.ts'
import { Cookie, type CookieAttributes } from './cookie.ts'
import { copyOf, type Edit, editsBetween, isSame, isShown } from './edits.ts'
import { type Settings, warn } from './options.ts'
import { type Callback, isSecure, type SessionRequest } from './request.ts'
import { type Owner, RequestSession, retire } from './request-session.ts'
import { StoredSession } from './stored.ts'

/** One `req.session` after another of a request, over the one session of ours that it shows. */
export class ExpressVisit extends Visit<Values> implements Owner {
  readonly request: SessionRequest
  readonly #context: SessionsContext
  readonly #settings: Settings
  #session: Session<Values> | null = null
  /** What `req.session` is, or was before it was unset. */
  #shown: RequestSession | null = null
  /** What it showed when it was compared last: changes are relative to that, so that ours of the same request are not undone. */
  #known: Values = {}
  /** Did `regenerate` begin it? Then it is saved although it is empty. */
  #regenerated = false
  /** Was it found to have been changed, at any time in this request? */
  #modified = false
  /** Attributes to remove its cookie with. */
  #ended: Cookie | null = null
  /** What is under way: one after another. */
  #working: Promise<unknown> | null = null
  #begun = false
  /** The `originalMaxAge` of `req.session.cookie`, until the application sets another. */
  #shownMaxAge: number | null | undefined = null
  /** Of a new session's cookie. */
  #attributes: CookieAttributes | null = null
  /** Of the session that this request has destroyed: applications tell others by it which one is over. */
  #destroyedId: string | null = null
  /** An id for the application, where sessions have none before they are stored. */
  #provisional: string | null = null
  #storedSession: StoredSession | null = null
  /** The save of the response, while it is under way. */
  #committing: Promise<unknown> | null = null
  /** Could the session not be saved with the response? Then that is an error page. */
  hasFailed = false
  /** Called with an error after the response was sent all the same. */
  readonly #late: (error: unknown) => void

  constructor(context: SessionsContext, settings: Settings, request: SessionRequest, late: (error: unknown) => void) {
    super(context, request.headers)
    this.request = request
    this.#context = context
    this.#settings = settings
    this.#late = late
  }

  /** Loads the session, and shows it as `req.session`. */
  async start(): Promise<void> {
    this.#session = await super.get()
    this.#show()
  }

  override get(options?: GetOptions): Promise<Session<Values>> {
    if (!this.#session || this.#begun) return super.get(options)
    // What was set on `req.session` until now is seen, too.
    return this.#idle()
      .then(() => this.#compare())
      .then(() => super.get(options))
  }

  override async save(): Promise<void> {
    await this.#idle()
    const work = this.#saveNow()
    this.#working = work
    await work
  }

  async #saveNow(): Promise<void> {
    this.#compare()
    await super.save()
  }

  /** Waits for what is under way; its own caller gets its errors. */
  async #idle(): Promise<void> {
    while (this.#working) {
      const working = this.#working
      await working.catch(() => undefined)
      if (this.#working === working) this.#working = null
    }
  }

  override commit(status = 200): Awaitable<Outcome> {
    if (this.#working) return this.#idle().then(() => this.commit(status))
    if (!this.#session) return super.commit(status)
    // A second time for the page about an error, which has the cookie of what was saved before.
    if (this.#begun) return after(super.commit(status), (outcome) => this.#withCookie(outcome, this.#shown))
    this.#begun = true
    try {
      const outcome = this.#commitShown(status)
      if (!(outcome instanceof Promise)) return outcome
      const committing = outcome.catch((error) => this.#failed(error))
      this.#committing = committing
      return committing
    } catch (error) {
      return this.#failed(error)
    }
  }

  #failed(error: unknown): Outcome {
    if (!this.#settings.quirks.has('sends-unsaved')) {
      this.hasFailed = true
      throw error
    }
    this.#late(error)
    return { setCookie: null, used: true, leavesCaching: this.#settings.quirks.has('no-cache-headers') }
  }

  #commitShown(status: number): Awaitable<Outcome> {
    const shown = this.#compare(true)
    return after(super.commit(status), (outcome) => this.#withCookie(outcome, shown))
  }

  /** The Set-Cookie line as express-session writes it. */
  #withCookie(given: Outcome, shown: RequestSession | null): Outcome {
    const { quirks, rolling, name } = this.#settings
    const outcome = quirks.has('no-cache-headers') ? { ...given, leavesCaching: true } : given
    const ref = this.#state.ref
    if (!ref) {
      if (outcome.setCookie === null) return outcome
      if (quirks.has('keeps-cookie')) return { ...outcome, setCookie: null }
      return { ...outcome, setCookie: (this.#ended ?? this.#newCookie()).clearing(name) }
    }
    const { text } = ref.cookie
    const cookie = shown?.cookie ?? this.#newCookie()
    const isKnown = header(this.request.headers, 'cookie')?.includes(text) === true
    const isExtended = shown !== null && (rolling || (this.#modified && cookie.expires != null))
    // A handler that has saved a session and unsets it does not want its visitor to have it.
    const isUnset = shown === null && this.#shown !== null
    const isDue = isKnown ? isExtended : outcome.setCookie !== null && !isUnset
    if (!isDue) return { ...outcome, setCookie: null }
    if (cookie.secure && !isSecure(this.request, this.#settings.proxy)) {
      warnOfSecure(name)
      return { ...outcome, setCookie: null }
    }
    const end = endOf(this.#state.meta)
    if (end) cookie._expires = end
    else cookie.reset()
    return { ...outcome, setCookie: cookie.serialize(name, text) }
  }

  get #stored(): StoredSession {
    this.#storedSession ??= new StoredSession(this.#context, this.#settings.name, {
      ref: () => this.#session && this.#state.ref,
      cookie: () => this.#newCookie(),
    })
    return this.#storedSession
  }

  get #state(): State {
    return stateOf(this.#session as Session<Values>)
  }

  #newCookie(): Cookie {
    this.#attributes ??= this.#settings.attributes(this.request)
    return new Cookie(this.#attributes)
  }

  /** Makes `req.session` of the session as it is now. */
  #show(state = this.#state): void {
    const cookie = this.#newCookie()
    const shown = new RequestSession(this, cookie)
    if (state.meta !== null) {
      const attributes = own(state.values, COOKIE) as OwnAttributes | undefined
      if (attributes) Object.assign(cookie, attributes)
      const end = endOf(state.meta)
      if (end) cookie._expires = end
      else if (typeof cookie.originalMaxAge === 'number') cookie._expires = new Date(state.expiresAt)
      else if (attributes) cookie._expires = null
    }
    this.#shownMaxAge = cookie.originalMaxAge
    // What this request changes in the session itself must not count as changed on `req.session`.
    const isShared = state.values === state.shared
    const copy = copyOf(state.values, isShared ? state.base : null)
    for (const key of Object.keys(copy)) if (isShown(key)) put(shown, key, copy[key])
    this.#known = isShared ? state.values : copyOf(state.values)
    this.#shown = shown
    this.request.session = shown
  }

  /**
   * Brings what was changed on `req.session` since the last time into the session of ours. Returns it; null if the application has
   * unset it. With `ends`, the response begins.
   */
  #compare(ends = false): RequestSession | null {
    const given = this.request.session
    const state = this.#state
    if (given == null) {
      if (ends && this.#shown && this.#settings.destroysUnset) this.#end()
      return null
    }
    const shown = this.#shown
    if (given !== shown || !shown) throw new TypeError(REPLACED)
    const isNew = state.meta === null
    const edits = editsBetween(this.#known, shown)
    // A stand-in while the store is down: what was only read needs no store.
    if (state.isReadOnly && edits.length === 0) return shown
    if (edits.length > 0 || (isNew && this.#regenerated)) this.#modified = true
    if (isNew && !this.#modified && !this.#settings.saveUninitialized) return shown
    this.#setCookie(state, shown.cookie, isNew || this.#modified)
    this.#carryOver(edits, this.#session as Session<Values>)
    return shown
  }

  #carryOver(edits: readonly Edit[], session: Session<Values>): void {
    if (edits.length === 0) return
    const known = { ...this.#known }
    for (const { key, text } of edits) {
      if (text === undefined) {
        session.delete(key)
        delete known[key]
      } else {
        session.set(key, parseJson(text))
        // Another copy: the session lends its own to who asks it.
        put(known, key, parseJson(text))
      }
    }
    this.#known = known
  }

  /** Stores the attributes of the cookie that are the session's own, and how long it lives by them. */
  #setCookie(state: State, cookie: Cookie, isSaved: boolean): void {
    const { meta } = state
    const attributes = ownAttributes(cookie, this.#settings.keepsAttributes ? null : this.#newCookie())
    const before = own(state.values, COOKIE)
    // All others have what is stored here, or had a login of ours.
    const isAdopted = before === undefined && meta !== null && meta.authenticatedAt === null
    if (!isSame(attributes, before ?? NO_ATTRIBUTES) || (before === undefined && isSaved) || isAdopted)
      setInternal(state, COOKIE, attributes)
    this.#setLifetime(state, cookie, isAdopted)
  }

  /**
   * A `maxAge` is how long the session lives without use. Where the application has set it through the session of ours, as
   * `login(userId, { remember: true })` does, that counts.
   */
  #setLifetime({ meta, lifetime }: State, { originalMaxAge }: Cookie, isAdopted: boolean): void {
    const isSet = originalMaxAge !== this.#shownMaxAge
    if (!isSet && (lifetime !== null || (meta !== null && !isAdopted))) return
    const idle = typeof originalMaxAge === 'number' ? originalMaxAge : this.#settings.idle
    if (idle <= 0) {
      this.#end()
      return
    }
    const { policy } = this.#context
    const wanted = Math.min(idle, LONGEST)
    // The end of an adopted session is that of its time elsewhere, where use would have moved it.
    if (isAdopted) this.#session?.setExpiry({ idle: wanted, absolute: policy.absolute })
    else if (Math.abs((meta?.idle ?? policy.idle) - wanted) >= 1) this.#session?.setExpiry({ idle: wanted })
  }

  /** Ends the session when the response begins, or at `super.save()`. */
  #end(): void {
    this.#ended = this.#shown?.cookie ?? null
    this.#session?.logout()
  }

  /** The session's handle. One that is not stored yet has its identity from now on. */
  get id(): string {
    const state = this.#state
    if (this.#destroyedId !== null && !state.ref && this.request.session == null) return this.#destroyedId
    if (!state.ref) state.identity ??= this.#context.backing.newIdentity?.() ?? null
    const id = state.ref?.cookie.id ?? state.identity?.id
    if (id !== undefined) {
      const handle = state.handleOf(id)
      this.#settings.store.know(handle, this.#stored)
      return handle
    }
    this.#provisional ??= randomBytes(12).toString('base64url')
    return this.#provisional
  }

  onSave(shown: RequestSession, callback?: Callback): void {
    this.#run(callback, async () => {
      if (shown !== this.#shown) throw new SessionClosedError(OVER)
      if (!this.#begun) return this.#saveNow()
      await this.#saveLater(shown)
    })
  }

  /** What was changed after the response began. */
  async #saveLater(shown: RequestSession): Promise<void> {
    const visit = await this.#stored.visit()
    this.#carryOver(editsBetween(this.#known, shown), await visit.get())
    await visit.save()
  }

  /**
   * Before the response ends: saves what the handler has changed since its first byte. Null where there is nothing to save. False once
   * the response has failed, and its end is not to be sent.
   */
  beforeEnd(): Promise<boolean> | null {
    const shown = this.#shown
    if (!this.#begun || !shown || this.request.session !== shown || !this.#session) return null
    if (editsBetween(this.#known, shown).length === 0) return null
    return this.#saveBeforeEnd(shown)
  }

  async #saveBeforeEnd(shown: RequestSession): Promise<boolean> {
    await this.#committing?.catch(() => undefined)
    if (this.hasFailed) return false
    await this.#idle()
    await this.#saveLater(shown)
    return true
  }

  onReload(shown: RequestSession, callback?: Callback): void {
    this.#run(callback, async () => {
      if (shown !== this.#shown) throw new SessionClosedError(OVER)
      const visit = await this.#stored.visit()
      this.#show(stateOf(await visit.get()))
    })
  }

  onDestroy(shown: RequestSession, callback?: Callback): void {
    const isCurrent = shown === this.#shown
    if (this.request.session === shown) delete this.request.session
    this.#run(callback, async () => {
      if (!isCurrent) return
      this.#destroyedId = this.id
      retire(shown, this.#destroyedId)
      this.#shown = null
      if (!this.#begun) {
        this.#ended = shown.cookie
        this.#session?.logout()
        return super.save()
      }
      await this.#stored.end()
    })
  }

  onRegenerate(shown: RequestSession, callback?: Callback): void {
    this.#run(callback, async () => {
      if (this.#begun) throw new SessionClosedError(TOO_LATE)
      retire(shown, this.id)
      this.#ended = shown.cookie
      this.#session?.logout()
      await super.save()
      this.#state.identity = this.#provisional = null
      this.#regenerated = true
      this.#show()
    })
  }

  /** One after another. Without a callback, what failed is tried again when the response begins. */
  #run(callback: Callback | undefined, work: () => Promise<void>): void {
    const before = this.#working
    const running = (before ?? Promise.resolve()).catch(() => undefined).then(work)
    this.#working = running
    // In a turn of its own: what a callback throws is not a failure of the session.
    running.then(
      () => callback && process.nextTick(callback),
      (error) => callback && process.nextTick(callback, error),
    )
  }
}

const REPLACED =
  'req.session was set to something that is no session. Set properties of req.session instead, unset it with null, or call regenerate().'
const OVER =
  'This session object is over: regenerate(), reload() or destroy() has put another in its place. Use req.session.'
const TOO_LATE =
  'The response has begun, so the cookie of a new session can no longer be sent. Call regenerate() before the first byte is written.'

function warnOfSecure(name: string): void {
  warn(
    `The cookie ${name} is secure, and a request came without TLS, so it was not sent, and its visitor gets a new session each time. Behind a proxy that ends TLS, set Express' "trust proxy", or proxy: true.`,
  )
}
