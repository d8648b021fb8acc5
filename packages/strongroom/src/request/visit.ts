import { isLoaded, type Loaded } from '../backing/backing.ts'
import { type Awaitable, after } from '../base/awaitable.ts'
import { INSPECT } from '../base/print.ts'
import type { Adoption, LoadedCookies, SessionsContext, SignalSource } from '../context.ts'
import { SessionGoneError, SessionLimitError, StoreError, StrongroomError } from '../errors.ts'
import { withStoreErrors } from '../events.ts'
import { type HeaderSource, header } from '../http/headers.ts'
import type { Outcome } from '../http/outcome.ts'
import { readBy, unusedBy } from '../http/transport.ts'
import { settle } from '../session/changes.ts'
import { Session, stateOf } from '../session/session.ts'
import type { State } from '../session/state.ts'
import type { ReadOptions } from '../store.ts'
import { commit } from './commit.ts'
import { isOvertaken, needsCookie } from './cookie.ts'
import { csrfTokenOf } from './csrf.ts'
import { fittedCookies, loadFresh } from './fit.ts'
import { checkedGet, type GetOptions } from './get-options.ts'
import { afterEnd, hasToken, load, NO_COOKIE, tokenHeader } from './load.ts'
import { newState } from './new-state.ts'
import { cookieOf, outcomeOf } from './outcome.ts'
import { movesExpiry, type Plan, planOf } from './plan.ts'
import type { Saved } from './save.ts'
import { standIn } from './stand-in.ts'
import type { Task } from './task.ts'

export type { GetOptions, Outcome }

/** One request's session, from cookie to commit. Before `get`, nothing is parsed and the store is not asked. */
export class Visit<Data extends object> {
  #context: SessionsContext
  readonly #headers: HeaderSource
  /** What the framework hands to handlers, as it was attached; null without an adapter. It knows what headers do not tell. */
  frameworkRequest: object | null = null
  #session: Session<Data> | null = null
  #loading: Promise<Session<Data>> | null = null
  #found: LoadedCookies = NO_COOKIE
  #setCookie: string | null = null
  /** Was it decided before the response? Then something may have happened since. */
  #isEarly = false
  #clearCookies: readonly string[] = []
  /** What the browser is to clear, after a logout that has taken effect. */
  #clearSiteData: string | null = null
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
  /** Does this request move no deadline, because it asks for it? */
  #isStill = false
  #signedIn = false
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

  /** The last error of loading, saving or `requireFresh`, for frameworks that swallow what a handler throws; or null. */
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
    const { policy, fresh } = checkedGet(options, this.#context.onStoreError)
    return this.#getUnder(policy, fresh)
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
      if (untouched && this.#context.extendsUnused && status < 500 && hasToken(this.#context, this.#headers))
        return this.#refresh(status)
      this.#begun = true
      if (this.#loading) return this.#commitAfter(this.#loading, status)
      return (untouched ? unusedBy : readBy)(this.#context.transport)
    }
    if (this.#saving) return this.#commitAfter(this.#saving, status)
    const state = stateOf(session)
    if (!state.isOpen) return this.#outcome()
    // Before the next line, which may throw: the page about that error must not try again.
    state.close()
    const plan = this.#plan(state, status >= 500, status < 500)
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
    const plan = this.#plan(state, false)
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

  /** For `peek`: another visit of the same visitor. This one moves no deadline any more, unless it has changes to save. */
  aside(): Visit<Data> {
    this.#wasRequested = this.#isStill = true
    return Object.assign(new Visit<Data>(this.#context, this.#headers), { frameworkRequest: this.frameworkRequest })
  }

  /** For `console.log`, which would show the framework's request, and the cookies in it. */
  [INSPECT](): string {
    return 'Visit {}'
  }

  async #load(options?: ReadOptions): Promise<Session<Data>> {
    const { ring, proofs, audit, guessing, renewal } = this.#context
    const responds = this.#responds && !this.#begun
    if (audit) this.#context = audit.ofRequest(this.#context, this.frameworkRequest)
    if (guessing) this.#context = guessing.ofRequest(this.#context, this.frameworkRequest)
    const began = this.#context.emit.now()
    try {
      // First: where there is no visitor, as in a page that a build renders, it throws, and there may be no secrets either.
      const cookies = tokenHeader(this.#context, this.#headers)
      // Awaited only if there is something to wait for, because every request comes through here.
      const ready = ring.ready()
      if (ready) await ready
      const first = load(this.#context, cookies, options)
      let found = first instanceof Promise ? await first : first
      // A key that another server made a moment ago: ask the provider, at most once in a while.
      if (found === 'unknown-key' && (await ring.refresh())) found = await load(this.#context, cookies, options)
      this.#found = found === 'unknown-key' ? NO_COOKIE : found
      if (this.#context.adoption !== null && !this.#found.loaded) await this.#adopt(cookies, responds)
      const held = this.#context.guesses?.settle(this.#context, this.#found.loaded !== null)
      if (held) await held
      const now = this.#context.signals?.check?.(this.#found, { context: this.#context, ...this.#source() })
      if (now) this.#setFound(await now)
      this.#found = fittedCookies(this.#context, this.#found)
      const resent = renewal && (await renewal.meet(this.#context, this.#found, this.#headers))
      if (resent && responds) this.#sendEarly(resent)
      const refused = (error: StrongroomError) => this.#rethrow(error)
      const state = newState(this.#context, () => this.#found, refused, this.#headers)
      if (this.#begun) state.close()
      else if (!this.#responds) state.makeReadOnly()
      this.#session = new Session<Data>(state, proofs)
      this.#failure = null
      return this.#session
    } catch (error) {
      // The next call tries again: an outage is over when it is over. A store that does not wait is here before #loading is set.
      await undefined
      this.#loading = null
      if (error instanceof StoreError) this.#context.emit({ type: 'storeError', error }, { began })
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
    const reload = withStoreErrors(this.#context.emit, async () => loadFresh(this.#context, before.ref))
    const found = await reload().catch((error) => this.#rethrow(error))
    if (this.#found.loaded !== before || this.#hasChanges(state)) return this.#loadAgain(session)
    if (isLoaded(found)) {
      this.#setLoaded(found)
      settle(state, found)
    } else this.#forget(state)
    return session
  }

  #plan(state: State, failed: boolean, responds = false): Plan | null {
    const plan = planOf(this.#context, state, this.#found, failed)
    if (this.#isStill) return plan && movesExpiry(plan) ? null : plan
    const { renewal } = this.#context
    return renewal && responds ? renewal.planned(this.#context, plan, this.#found.loaded) : plan
  }

  /** Would a save change what is stored, and not only when it expires? */
  #hasChanges(state: State): boolean {
    const plan = state.isOpen && this.#found.loaded ? this.#plan(state, false) : null
    return plan !== null && !movesExpiry(plan)
  }

  async #adopt(cookies: string | undefined, responds: boolean): Promise<void> {
    const adopted = await this.#context.adoption?.find(this.#context, cookies, { ...this.#source(), responds })
    if (!adopted) return
    const { found, clear } = adopted
    // The visitor keeps the other framework's cookie until its session has been ended there, too.
    this.#clearCookies = clear
    if (found && 'superseded' in found) this.#found = { ...this.#found, superseded: found }
    else if (found) this.#setFound({ ...this.#found, loaded: found })
  }

  #source(): SignalSource {
    return { headers: this.#headers, request: this.frameworkRequest }
  }

  /** Before the application has seen the session. If it has another cookie now, that is sent. */
  #setFound(found: LoadedCookies): void {
    const before = this.#found.loaded?.ref.cookie
    this.#found = found
    if (found.loaded && found.loaded.ref.cookie.text !== before?.text) this.#sendEarly(found.loaded)
  }

  #sendEarly(loaded: Loaded): void {
    this.#setCookie = cookieOf(this.#context, loaded)
    this.#isEarly = true
  }

  /** Extends the session of a page that never asked for it: that page must not fail because of what it does not need. */
  async #refresh(status: number): Promise<Outcome> {
    this.#loading = this.#load()
    try {
      await this.#loading
    } catch (error) {
      if (error instanceof StoreError) return unusedBy(this.#context.transport)
      throw error
    }
    return this.#found.loaded && this.#session ? this.commit(status) : unusedBy(this.#context.transport)
  }

  #rethrow(error: unknown): never {
    if (error instanceof StrongroomError) this.#failure = error
    throw error
  }

  #standIn(error: unknown): Session<Data> {
    if (!(error instanceof StoreError)) throw error
    this.#failure = null
    return standIn<Data>(this.#context)
  }

  /** The response began while the session was being loaded or saved: nobody may change it any more. */
  async #commitAfter(pending: Promise<unknown>, status: number): Promise<Outcome> {
    await pending.catch(() => undefined)
    return this.#session ? this.commit(status) : readBy(this.#context.transport)
  }

  #run(plan: Plan, state: State): Awaitable<void> {
    const { adoption, emit } = this.#context
    const task = { context: this.#context, state, stamp: null, began: emit.now(), ...this.#source() }
    try {
      const running =
        // First: if it fails, nothing has been done, and the visitor can try again.
        adoption !== null && (plan.verb === 'end' || state.intent?.verb === 'login')
          ? this.#endAdopted(adoption, task).then(() => this.#commitPlan(plan, task))
          : this.#commitPlan(plan, task)
      if (running instanceof Promise) return running.catch((error) => this.#failed(plan, task, error))
    } catch (error) {
      this.#failed(plan, task, error)
    }
  }

  async #endAdopted(adoption: Adoption, task: Task): Promise<void> {
    const current = this.#found.loaded?.ref.cookie.id ?? null
    this.#clearCookies = await adoption.end(task, header(this.#headers, 'cookie'), current)
  }

  #commitPlan(plan: Plan, task: Task): Awaitable<void> {
    const { state } = task
    return after(commit(task, plan), (stored) => {
      if (plan.verb === 'end') this.#clearSiteData = state.siteData
      // What it has replaced itself must not keep its own cookie back.
      if (plan.verb === 'login' || plan.verb === 'end' || (plan.verb === 'create' && plan.replaces))
        this.#found = { ...this.#found, presented: [], ended: [] }
      this.#hasSaved ||= !movesExpiry(plan)
      this.#signedIn ||= state.intent?.verb === 'login'
      // A touch that finds nothing changes nothing: the session has ended, and the next request sees it.
      if (!movesExpiry(plan) || stored) this.#settle(state, stored)
      else this.#wasMissed = true
    })
  }

  #failed(plan: Plan, { state, began }: Task, error: unknown): void {
    if (error instanceof StoreError) this.#context.emit({ type: 'storeError', error }, { began })
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
    const { transport, backing } = this.#context
    const before = this.#found.loaded
    if (!isLoaded(stored)) {
      // A session that was emptied leaves its cookie alone: the visitor may be signing in at this moment, in another request, whose
      // cookie would be removed. Where a cookie lives on without being asked about, there is no other way.
      const removes = state.loggedOut || !backing.traits.revocable
      if (removes && (this.#setCookie || hasToken(this.#context, this.#headers))) this.#setCookie = transport.clear()
      this.#forget(state, stored?.emptied)
      return
    }
    this.#setLoaded(stored)
    if (needsCookie(this.#context, stored, before)) this.#setCookie = cookieOf(this.#context, stored)
    settle(state, stored)
  }

  #setLoaded(loaded: Loaded | null): void {
    this.#found = { ...this.#found, loaded }
  }

  /** What this request sets from now on begins a new session, which must respect other requests with the cookie as any other. */
  #forget(state: State, emptied: Loaded | null = null): void {
    this.#found = afterEnd(this.#found, state, emptied)
    state.startOver()
  }

  #finish(): Awaitable<Outcome> {
    return this.#isEarly && this.#setCookie !== null ? this.#unlessOvertaken() : this.#outcome()
  }

  async #unlessOvertaken(): Promise<Outcome> {
    if (await isOvertaken(this.#context, this.#found)) this.#setCookie = null
    return this.#outcome()
  }

  #outcome(): Outcome {
    const sent = { setCookie: this.#setCookie, clearCookies: this.#clearCookies, clearSiteData: this.#clearSiteData }
    const outcome = outcomeOf(this.#context, this.#headers, sent, this.#madeToken)
    const { binding } = this.#context
    if (!binding) return outcome
    const state = this.#session && stateOf(this.#session)
    const request = { headers: this.#headers, loaded: this.#found.loaded, state, signedIn: this.#signedIn }
    return binding.outcome(outcome, request)
  }
}
