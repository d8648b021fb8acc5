import { isLoaded, type Loaded } from '../backing/backing.ts'
import { type Awaitable, after } from '../base/awaitable.ts'
import { booleanOption, checkOptions, oneOf } from '../base/check.ts'
import type { Adoption, SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { SessionGoneError, SessionLimitError, StoreError, StrongroomError } from '../errors.ts'
import { withStoreErrors } from '../events.ts'
import { type HeaderSource, header } from '../http/headers.ts'
import { settle } from '../session/changes.ts'
import { Session, stateOf } from '../session/session.ts'
import { type LimitedLogin, State } from '../session/state.ts'
import type { ReadOptions } from '../store.ts'
import { commit } from './commit.ts'
import { firstReplaced } from './create.ts'
import { csrfTokenOf } from './csrf.ts'
import type { GetOptions } from './get-options.ts'
import { hasCookie, type LoadedCookies, load, loadOne, NO_COOKIE, staleCookies } from './load.ts'
import { type Outcome, READ, UNUSED } from './outcome.ts'
import { movesExpiry, type Plan, planOf } from './plan.ts'
import type { Saved } from './save.ts'
import { checkLimit } from './session-limit.ts'

export type { GetOptions, Outcome }

/** One request's session, from cookie to commit. Before `get`, nothing is parsed and the store is not asked. */
export class Visit<Data extends object> {
  readonly #context: SessionsContext
  readonly #headers: HeaderSource
  #session: Session<Data> | null = null
  #loading: Promise<Session<Data>> | null = null
  #found: LoadedCookies = NO_COOKIE
  #setCookie: string | null = null
  /** Was it decided before the response? Then something may have happened since. */
  #isEarly = false
  #clearCookies: readonly string[] = []
  #wasRequested = false
  /** Was a CSRF token made? Then a cache that ignores Vary must not store the page. */
  #madeToken = false
  /** Did the response begin before the session was loaded? */
  #begun = false
  /** Is there a response that a cookie can be sent with? */
  #responds = true
  #committed = false
  #wasMissed = false
  #failure: StrongroomError | null = null
  #hasSaved = false
  /** The save that is under way. */
  #saving: Promise<void> | null = null

  constructor(context: SessionsContext, headers: HeaderSource) {
    this.#context = context
    this.#headers = headers
  }

  /** Was `commit` called? Then nothing can be changed any more. */
  get isCommitted(): boolean {
    return this.#committed
  }

  /** Was the session requested, whether or not it could be loaded? */
  get wasRequested(): boolean {
    return this.#wasRequested
  }

  /** Was the session found to have ended by the save of a request that did not change it? Then its cookie is worth nothing any more. */
  get wasMissed(): boolean {
    return this.#wasMissed
  }

  /** Why the session could last not be loaded or saved, for frameworks that swallow what a handler throws; null if nothing has failed. */
  get failure(): StrongroomError | null {
    return this.#failure
  }

  /** Has this request changed what is stored, and not only when it expires? Then pages that showed it are out of date. */
  get hasSaved(): boolean {
    return this.#hasSaved
  }

  /** The session: loaded at the first call, and the same object at every later one. */
  get(options?: GetOptions): Promise<Session<Data>> {
    return options ? this.#getWith(options) : this.#getUnder(this.#context.onStoreError)
  }

  async #getWith(options: GetOptions): Promise<Session<Data>> {
    checkOptions('get()', options, ['onStoreError', 'fresh'])
    const { onStoreError = this.#context.onStoreError } = options
    const policy = oneOf('get: onStoreError', onStoreError, ['throw', 'anonymous'])
    return this.#getUnder(policy, booleanOption('get: fresh', options.fresh, false))
  }

  #getUnder(policy: 'throw' | 'anonymous', fresh = false): Promise<Session<Data>> {
    this.#wasRequested = true
    const before = this.#loading
    this.#loading ??= this.#load({ fresh })
    const loading = fresh && before ? before.then((session) => this.#loadAgain(session)) : this.#loading
    return policy === 'throw' ? loading : loading.catch((error) => this.#standIn(error))
  }

  /**
   * Saves the session before the first byte of the response; a promise only if there is something to wait for. Fails by a rejection,
   * or by throwing if it has not waited. `status` is the response's: from 500 on nothing is saved but a logout. Afterwards, a change
   * of the session throws.
   */
  commit(status = 200): Awaitable<Outcome> {
    this.#committed = true
    const session = this.#session
    if (!session) {
      const untouched = !this.#loading && !this.#wasRequested
      if (untouched && this.#context.extendsUnused && status < 500 && this.#hasCookie()) return this.#refresh(status)
      this.#begun = true
      if (this.#loading) return this.#commitAfter(this.#loading, status)
      return untouched ? UNUSED : READ
    }
    if (this.#saving) return this.#commitAfter(this.#saving, status)
    const state = stateOf(session)
    if (!state.isOpen) return this.#outcome()
    // Before the next line, which may throw: the page about that error must not try again.
    state.close()
    const plan = planOf(this.#context, state, this.#found, status >= 500)
    return plan ? after(this.#run(plan, state), () => this.#finish()) : this.#finish()
  }

  /** Saves the session now. It stays open, and `commit` returns what the response needs. */
  async save(): Promise<void> {
    // One after another: the same changes saved twice in parallel would count twice.
    while (this.#saving) await this.#saving.catch(() => undefined)
    const session = this.#session
    if (!session) return
    const state = stateOf(session)
    if (!state.isOpen) return
    const plan = planOf(this.#context, state, this.#found, false)
    if (!plan) return
    state.beginSave()
    try {
      // There before the work begins: a listener of an event that ends the response must wait for it.
      this.#saving = Promise.resolve().then(() => this.#run(plan, state))
      await this.#saving
      this.#isEarly ||= this.#setCookie !== null
    } finally {
      this.#saving = null
      state.endSave()
    }
  }

  /** A token for the forms of this response; see `sessions.csrfToken`. */
  async csrfToken(): Promise<string> {
    this.#madeToken = true
    return csrfTokenOf(this.#context, await this.get())
  }

  /** A session that saves nothing, where there is no response: a WebSocket's upgrade, a check. Changing it throws. */
  async read(options?: GetOptions): Promise<Session<Data>> {
    this.#responds = false
    return this.get(options)
  }

  async #load(options?: ReadOptions): Promise<Session<Data>> {
    const { ring, clock, serializer, backing } = this.#context
    const responds = this.#responds && !this.#begun
    try {
      // First: where there is no visitor, as in a page that a build renders, it throws, and there may be no secrets either.
      const cookies = header(this.#headers, 'cookie')
      // Awaited only if there is something to wait for, because every request comes through here.
      const ready = ring.ready()
      if (ready) await ready
      const first = load(this.#context, cookies, options)
      let found = first instanceof Promise ? await first : first
      // A key that another server made a moment ago: ask the provider, at most once in a while.
      if (found === 'unknown-key' && (await ring.refresh())) found = await load(this.#context, cookies, options)
      this.#found = found === 'unknown-key' ? NO_COOKIE : found
      if (this.#context.adoption !== null && !this.#found.loaded) await this.#adopt(cookies, responds)
      const beginLogin = (userId: string) => backing.users.moment?.(userId) ?? null
      const ask = (login: LimitedLogin) => checkLimit(this.#context, login, this.#found)
      const state = new State({ now: clock(), handleOf, serializer, beginLogin, checkLimit: ask }, this.#found.loaded)
      if (this.#begun) state.close()
      else if (!this.#responds) state.makeReadOnly()
      this.#session = new Session<Data>(state)
      this.#failure = null
      return this.#session
    } catch (error) {
      // The next call tries again: an outage is over when it is over. A store that does not wait is here before #loading is set.
      await undefined
      this.#loading = null
      if (error instanceof StoreError) this.#context.emit({ type: 'storeError', error })
      this.#rethrow(error)
    }
  }

  /**
   * What was loaded may be a copy, of a session that another process has ended, or whose rights it has changed: the session itself
   * becomes what is stored now, because the application may have a reference to it already.
   */
  async #loadAgain(session: Session<Data>): Promise<Session<Data>> {
    const state = stateOf(session)
    // A save that is under way changes what is loaded.
    if (this.#saving || this.#hasChanges(state)) await this.save()
    const before = this.#found.loaded
    if (!before) return session
    const reload = async () => loadOne(this.#context, before.ref.cookie, { fresh: true })
    const found = await withStoreErrors(this.#context.emit, reload)().catch((error) => this.#rethrow(error))
    if (this.#found.loaded !== before || this.#hasChanges(state)) return this.#loadAgain(session)
    if (isLoaded(found)) {
      this.#setLoaded(found)
      settle(state, found)
    } else this.#forget(state)
    return session
  }

  /** Would a save change what is stored, and not only when it expires? */
  #hasChanges(state: State): boolean {
    if (!state.isOpen || !this.#found.loaded) return false
    const plan = planOf(this.#context, state, this.#found, false)
    return plan !== null && !movesExpiry(plan)
  }

  #hasCookie(): boolean {
    return hasCookie(this.#context, header(this.#headers, 'cookie'))
  }

  async #adopt(cookies: string | undefined, responds: boolean): Promise<void> {
    const request = { device: () => this.#device(), responds }
    const adopted = await this.#context.adoption?.find(this.#context, cookies, request)
    if (!adopted) return
    const { found, clear } = adopted
    // The visitor keeps the other framework's cookie until its session has been ended there, too.
    this.#clearCookies = clear
    if (found && 'superseded' in found) this.#found = { ...this.#found, superseded: found }
    else if (found) {
      this.#setLoaded(found)
      this.#setCookie = this.#cookieOf(found)
      this.#isEarly = true
    }
  }

  #cookieOf({ meta, ref }: Loaded): string {
    const { transport, clock } = this.#context
    return transport.set(ref.cookie.text, meta.persistent ? meta.deadline - clock() : undefined)
  }

  #device(): string | null {
    return this.#context.describeDevice(header(this.#headers, 'user-agent') ?? null)
  }

  /** Extends the session of a page that never asked for it: that page must not fail because of what it does not need. */
  async #refresh(status: number): Promise<Outcome> {
    this.#loading = this.#load()
    try {
      await this.#loading
    } catch (error) {
      if (error instanceof StoreError) return UNUSED
      throw error
    }
    if (!this.#found.loaded || !this.#session) return UNUSED
    return this.commit(status)
  }

  #rethrow(error: unknown): never {
    if (error instanceof StrongroomError) this.#failure = error
    throw error
  }

  #standIn(error: unknown): Session<Data> {
    if (!(error instanceof StoreError)) throw error
    this.#failure = null
    const state = new State({ now: this.#context.clock(), handleOf }, null)
    state.makeReadOnly()
    return new Session<Data>(state)
  }

  /** The response began while the session was being loaded or saved: nobody may change it any more. */
  async #commitAfter(pending: Promise<unknown>, status: number): Promise<Outcome> {
    await pending.catch(() => undefined)
    return this.#session ? this.commit(status) : READ
  }

  #run(plan: Plan, state: State): Awaitable<void> {
    const { adoption } = this.#context
    try {
      const running =
        // First: if it fails, nothing has been done, and the visitor can try again.
        adoption !== null && (plan.verb === 'end' || state.intent?.verb === 'login')
          ? this.#endAdopted(adoption).then(() => this.#commitPlan(plan, state))
          : this.#commitPlan(plan, state)
      if (running instanceof Promise) return running.catch((error) => this.#failed(plan, state, error))
    } catch (error) {
      this.#failed(plan, state, error)
    }
  }

  async #endAdopted(adoption: Adoption): Promise<void> {
    const current = this.#found.loaded?.ref.cookie.id ?? null
    this.#clearCookies = await adoption.end(this.#context, header(this.#headers, 'cookie'), current)
  }

  #commitPlan(plan: Plan, state: State): Awaitable<void> {
    const task = { context: this.#context, state, device: () => this.#device(), stamp: null }
    return after(commit(task, plan), (stored) => {
      // What it has replaced itself must not keep its own cookie back.
      if (plan.verb === 'login' || plan.verb === 'end' || (plan.verb === 'create' && plan.replaces))
        this.#found = { ...this.#found, presented: [], ended: [] }
      this.#hasSaved ||= !movesExpiry(plan)
      // A touch that finds nothing changes nothing: the session has ended, and the next request sees it.
      if (!movesExpiry(plan) || stored) this.#settle(state, stored)
      else this.#wasMissed = true
    })
  }

  #failed(plan: Plan, state: State, error: unknown): void {
    if (error instanceof StoreError) this.#context.emit({ type: 'storeError', error })
    // A page that only read is not refused because a touch failed: the expiry that was promised still holds.
    if (error instanceof StoreError && movesExpiry(plan)) return
    // An application that catches these after save() and answers in its own words must not get them again at the response.
    if (error instanceof SessionLimitError) {
      state.takeBackLogin?.()
      state.forgetIntent()
    }
    if (error instanceof SessionGoneError) this.#forget(state)
    this.#rethrow(error)
  }

  #settle(state: State, stored: Saved): void {
    const { transport, saveEveryRequest, backing } = this.#context
    const before = this.#found.loaded
    if (!isLoaded(stored)) {
      // A session that was emptied leaves its cookie alone: the visitor may be signing in at this moment, in another request, whose
      // cookie would be removed. Where a cookie lives on without being asked about, there is no other way.
      const removes = state.loggedOut || !backing.traits.revocable
      if (removes && (this.#setCookie || this.#hasCookie())) this.#setCookie = transport.clear()
      this.#forget(state, stored?.emptied)
      return
    }
    this.#setLoaded(stored)
    const { meta, ref } = stored
    if (
      saveEveryRequest ||
      ref.cookie.text !== before?.ref.cookie.text ||
      meta.persistent !== before.meta.persistent ||
      (meta.persistent && meta.deadline !== before.meta.deadline)
    )
      this.#setCookie = this.#cookieOf(stored)
    settle(state, stored)
  }

  #setLoaded(loaded: Loaded | null): void {
    this.#found = { ...this.#found, loaded }
  }

  /** What this request sets from now on begins a new session, which must respect other requests with the cookie as any other. */
  #forget(state: State, emptied: Loaded | null = null): void {
    const { loaded, superseded, presented, ended, others } = this.#found
    const loggedOut = this.#found.loggedOut || state.loggedOut
    const own = loaded?.ref ?? (state.loggedOut ? superseded?.ends?.ref : null)
    this.#found = {
      loaded: null,
      superseded: state.loggedOut ? null : superseded,
      emptied,
      presented: own ? [...presented, own.cookie] : presented,
      ended: own ? [...ended, own.cookie] : ended,
      loggedOut,
      others: state.loggedOut ? [] : others,
    }
    state.startOver()
  }

  #finish(): Awaitable<Outcome> {
    return this.#isEarly && this.#setCookie !== null ? this.#unlessOvertaken() : this.#outcome()
  }

  /**
   * A cookie that was decided by `save()`, or when a session was adopted, and not by what the response has just saved: it must not
   * overwrite that of a login which was faster.
   */
  async #unlessOvertaken(): Promise<Outcome> {
    const { loaded, presented } = this.#found
    const cookies = loaded ? [loaded.ref.cookie, ...presented] : presented
    // Unknown is no reason to keep it back.
    if (await firstReplaced(this.#context, cookies).catch(() => null)) this.#setCookie = null
    return this.#outcome()
  }

  #outcome(): Outcome {
    const clearCookies = [...this.#clearCookies, ...staleCookies(this.#context, this.#headers, this.#setCookie)]
    if (this.#madeToken) return { setCookie: this.#setCookie, clearCookies, used: true, noStore: true }
    if (clearCookies.length > 0) return { setCookie: this.#setCookie, clearCookies, used: true }
    return this.#setCookie === null ? READ : { setCookie: this.#setCookie, used: true }
  }
}
