import { randomBytes } from 'node:crypto'
import { failAfter, type Responding } from '../adapters/node/fail.ts'
import { type Awaitable, after } from '../base/awaitable.ts'
import type { SessionsContext } from '../context.ts'
import type { Id } from '../crypto/token.ts'
import { SessionClosedError, SessionGoneError } from '../errors.ts'
import { type GetOptions, type Outcome, Visit } from '../request/visit.ts'
import type { Values } from '../session/content.ts'
import { type Session, stateOf } from '../session/session.ts'
import type { State } from '../session/state.ts'
import { put } from '../session/values.ts'
import { carriedOver, copyOf, editsBetween, isShown } from './edits.ts'
import type { Settings } from './options.ts'
import type { Callback, SessionRequest } from './request.ts'
import { type Owner, RequestSession, retire } from './request-session.ts'
import { SessionCookies } from './session-cookies.ts'
import { NOT_STORED, StoredSession } from './stored.ts'

/** One `req.session` after another of a request, over the one session of ours that it shows. */
export class ExpressVisit extends Visit<Values> implements Owner {
  readonly request: SessionRequest
  readonly #context: SessionsContext
  readonly #settings: Settings
  readonly #cookies: SessionCookies
  #session: Session<Values> | null = null
  /** What `req.session` is, or was before it was unset. */
  #shown: RequestSession | null = null
  /** What it showed when it was compared last: changes are relative to that, so that ours of the same request are not undone. */
  #known: Values = {}
  /** Did `regenerate` begin it? Then it is saved although it is empty. */
  #regenerated = false
  /** Was it found to have been changed, at any time in this request? */
  #modified = false
  /** What is under way: one after another. */
  #working: Promise<unknown> | null = null
  #begun = false
  /** Of the session that this request has destroyed: applications tell others by it which one is over. */
  #destroyedId: string | null = null
  /** What `req.sessionStore` knows of this request. */
  #named: Map<string, StoredSession> | null = null
  /** An id for the application, where sessions have none before they are stored. */
  #provisional: string | null = null
  #reloading = false
  /** What failed where nobody was told: the response tells it. */
  #lost: { readonly error: unknown } | null = null
  /** The save of the response, while it is under way. */
  #committing: Promise<unknown> | null = null
  /** Could the session not be saved with the response? Then that is an error page. */
  hasFailed = false
  readonly #responding: Responding

  constructor(context: SessionsContext, settings: Settings, request: SessionRequest, responding: Responding) {
    super(context, request.headers)
    this.request = request
    this.#context = context
    this.#settings = settings
    this.#cookies = new SessionCookies(settings, request, context.policy)
    this.#responding = responding
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
    // Called by a load that must not be older than what this request has changed, and that is a turn of its own already.
    if (this.#reloading) return super.save()
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
    if (this.#lost) return this.#failed(this.#lost.error)
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
    failAfter(this.#responding, error)
    return { setCookie: null, used: true, leavesCaching: this.#settings.quirks.has('no-cache-headers') }
  }

  #commitShown(status: number): Awaitable<Outcome> {
    const shown = this.#compare(true)
    return after(super.commit(status), (outcome) => this.#withCookie(outcome, shown))
  }

  #withCookie(outcome: Outcome, shown: RequestSession | null): Outcome {
    const { rolling } = this.#settings
    const cookie = shown?.cookie ?? null
    // A handler that has saved a session and unsets it does not want its visitor to have it.
    const isUnset = shown === null && this.#shown !== null
    const isExtended = !this.wasMissed && (rolling || (this.#modified && cookie?.expires != null))
    return this.#cookies.send(outcome, this.#state, { cookie, isUnset, isExtended })
  }

  /** The session as it is stored, whatever becomes of the request. */
  get #stored(): StoredSession {
    return this.#storedAs(() => true)
  }

  #storedAs(isStill: (id: Id) => boolean): StoredSession {
    const ref = () => {
      const found = this.#state.ref
      return found && isStill(found.cookie.id) ? found : null
    }
    return new StoredSession(this.#context, this.#settings.name, { ref, cookie: () => this.#cookies.fresh() })
  }

  /** Is nothing stored of what `req.session` shows? Also after `generate`, before the session that it replaces has ended. */
  get #isNew(): boolean {
    const { meta, loggedOut } = this.#state
    return meta === null || loggedOut
  }

  get #state(): State {
    return stateOf(this.#session as Session<Values>)
  }

  /** Makes `req.session` of the session as it is now. */
  #show(state = this.#state): void {
    const shown = new RequestSession(this, this.#cookies.of(state))
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
    // A session() with another cookie may have put its own in the place of one that was unset.
    if (given == null || (given !== this.#shown && given instanceof RequestSession)) {
      if (ends && this.#shown && this.#settings.destroysUnset) this.#end()
      return null
    }
    const shown = this.#shown
    if (given !== shown || !shown) throw new TypeError(REPLACED)
    const isNew = this.#isNew
    const edits = editsBetween(this.#known, shown)
    // A stand-in while the store is down: what was only read needs no store.
    if (state.isReadOnly && edits.length === 0) return shown
    if (edits.length > 0 || (isNew && this.#regenerated)) this.#modified = true
    if (isNew && !this.#modified && !this.#settings.saveUninitialized) return shown
    if (!this.#cookies.store(this.#session as Session<Values>, shown.cookie, isNew || this.#modified)) {
      // What else was changed ends with it.
      this.#end()
      return shown
    }
    this.#known = carriedOver(edits, this.#session as Session<Values>, this.#known)
    return shown
  }

  /** Ends the session when the response begins, or at `super.save()`. */
  #end(): void {
    this.#cookies.ended = this.#shown?.cookie ?? null
    this.#session?.logout()
  }

  /** `req.sessionID`; undefined while nothing was loaded, as for the error handler of a store that is down. */
  get sessionId(): string | undefined {
    return this.#session ? this.id : undefined
  }

  /** The session's handle. One that is not stored yet has its identity from now on. */
  get id(): string {
    if (this.#destroyedId !== null && !this.#state.ref && this.request.session == null) return this.#destroyedId
    const handle = this.#handle()
    if (handle !== this.#provisional) this.#makeKnown(handle)
    return handle
  }

  /** To `req.sessionStore`: as this session alone, and not as the one that regenerate() or a login puts in its place. */
  #makeKnown(handle: string): void {
    const isNew = this.#isNew
    const key = `${handle} ${isNew}`
    this.#named ??= new Map()
    if (this.#named.has(key)) return
    const { handleOf } = this.#state
    const session = this.#storedAs((id) => handleOf(id) === handle)
    // Kept here: the store holds it only as long as this request is there.
    this.#named.set(key, session)
    this.#settings.store.know(handle, session, !isNew)
  }

  #handle(): string {
    const state = this.#state
    const ref = this.#isNew ? null : state.ref
    if (!ref) state.identity ??= this.#context.backing.newIdentity?.() ?? null
    const id = ref?.cookie.id ?? state.identity?.id
    if (id !== undefined) return state.handleOf(id)
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
    await this.#committing?.catch(() => undefined)
    const edits = editsBetween(this.#known, shown)
    let known = this.#known
    await this.#stored.change((session) => {
      known = carriedOver(edits, session, this.#known)
    })
    // Only now: if that failed, they are tried again.
    this.#known = known
  }

  /**
   * Before the response ends: saves what the handler has changed since its first byte. Null where there is nothing to save. False once
   * the response has failed, and its end is not to be sent.
   */
  beforeEnd(): Promise<boolean> | null {
    const shown = this.#shown
    if (!this.#begun || !shown || !this.#session) return null
    if (this.request.session == null && this.#settings.destroysUnset) {
      this.#shown = null
      return this.#beforeEnd(() => this.#stored.end())
    }
    if (this.request.session !== shown || editsBetween(this.#known, shown).length === 0) return null
    return this.#beforeEnd(() => this.#saveLater(shown))
  }

  async #beforeEnd(work: () => Promise<void>): Promise<boolean> {
    await this.#committing?.catch(() => undefined)
    if (this.hasFailed) return false
    await this.#idle()
    await work()
    return true
  }

  onReload(shown: RequestSession, callback?: Callback): void {
    this.#run(callback, async () => {
      if (shown !== this.#shown) throw new SessionClosedError(OVER)
      if (this.#begun) {
        const visit = await this.#stored.visit()
        this.#show(stateOf(await visit.get()))
        return
      }
      if (!this.#state.ref) throw new SessionClosedError(NOT_STORED)
      await this.#loadFresh()
      if (!this.#state.ref) throw new SessionGoneError()
      this.#show()
    })
  }

  async #loadFresh(): Promise<void> {
    this.#reloading = true
    try {
      await super.get({ fresh: true })
    } finally {
      this.#reloading = false
    }
  }

  onDestroy(shown: RequestSession, callback?: Callback): void {
    // Also of an object from before reload(), which stands for the same session.
    const wasCurrent = shown === this.#shown || (this.#shown !== null && shown.id === this.#handle())
    if (this.request.session === shown) delete this.request.session
    const isToldLater = callback === undefined
    this.#run(callback, async () => {
      // If regenerate() was called before: what that has begun.
      const current = this.#shown
      if (!wasCurrent || !current) return
      if (this.request.session === current) delete this.request.session
      this.#destroyedId = this.#handle()
      retire(current, this.#destroyedId)
      this.#shown = null
      try {
        if (this.#begun) await this.#stored.end()
        else await this.#endNow(current)
      } catch (error) {
        if (isToldLater) this.#tell(error)
        throw error
      }
    })
  }

  async #endNow({ cookie }: RequestSession): Promise<void> {
    this.#cookies.ended = cookie
    this.#session?.logout()
    await super.save()
  }

  /** An end that failed, and that no callback is told. What has not even begun to end, the response cannot try again. */
  #tell(error: unknown): void {
    if (this.#begun) failAfter(this.#responding, error)
    else if (!this.#state.loggedOut) this.#lost = { error }
  }

  onRegenerate(shown: RequestSession, callback?: Callback): void {
    this.#run(callback, async () => {
      if (this.#begun) throw new SessionClosedError(TOO_LATE)
      retire(shown, this.#handle())
      await this.#endNow(shown)
      this.#state.identity = this.#provisional = null
      this.#regenerated = true
      this.#show()
    })
  }

  /** Begins another session immediately, as `sessionStore.generate` does. The one before it ends with the response. */
  generate(): void {
    if (this.#begun || !this.#session) throw new SessionClosedError(this.#begun ? TOO_LATE : NOT_STORED)
    const before = this.#shown
    if (before) {
      retire(before, this.#handle())
      this.#cookies.ended = before.cookie
    }
    this.request.session = null
    this.#session.logout()
    this.#state.identity = this.#provisional = null
    this.#regenerated = true
    this.#show()
  }

  /** The same, once the one before it has ended. */
  regenerate(callback?: Callback): void {
    if (this.#shown) {
      this.onRegenerate(this.#shown, callback)
      return
    }
    this.#run(callback, async () => this.generate())
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
