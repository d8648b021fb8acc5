import type { VisitorAdoption } from '../adoption/visitors.ts'
import type { Loaded } from '../backing/backing.ts'
import { checkOptions } from '../base/check.ts'
import type { SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { SessionGoneError, SessionLimitError, StoreError } from '../errors.ts'
import { type HeaderSource, header } from '../http/headers.ts'
import { Session, stateOf } from '../session/session.ts'
import { State, settle, startOver } from '../session/state.ts'
import { commit, type Plan, planOf } from './commit.ts'
import { load, presented } from './load.ts'

export interface GetOptions {
  /**
   * What happens when the store cannot answer: `throw` (default) rejects with `StoreError`; `anonymous` gives an empty
   * session that keeps nothing. The cookie stays either way: nobody is logged out by an outage.
   */
  readonly onStoreError?: 'throw' | 'anonymous' | undefined
}

/** What the response has to carry. */
export interface Outcome {
  /** The Set-Cookie line to add, or null. A response with one also needs `Cache-Control: no-store`. */
  readonly setCookie: string | null
  /** Set-Cookie lines beside it, which remove the cookies of another framework; see `formerly`. */
  readonly clears?: readonly string[] | undefined
  /** Was the session asked for? Then the response differs by cookie, and needs `Vary: Cookie`. */
  readonly used: boolean
}

const UNUSED: Outcome = { setCookie: null, used: false }
const READ: Outcome = { setCookie: null, used: true }

/** One request's session, from its headers to its response. Nothing is parsed and nothing asked of the store before `get`. */
export class Visit<Data extends object> {
  readonly #core: SessionsContext
  readonly #headers: HeaderSource
  #session: Session<Data> | null = null
  #loading: Promise<Session<Data>> | null = null
  #loaded: Loaded | null = null
  #setCookie: string | null = null
  #clears: readonly string[] = []
  /** Was the session asked for, whether or not the store could tell it? */
  #asked = false
  /** Did the response begin before the session was there? */
  #begun = false
  /** The save that is under way. */
  #saving: Promise<void> | null = null

  constructor(core: SessionsContext, headers: HeaderSource) {
    this.#core = core
    this.#headers = headers
  }

  /** The session, loaded on the first call and the same on every later one. */
  get(options?: GetOptions): Promise<Session<Data>> {
    return options ? this.#getWith(options) : this.#getUnder(this.#core.onStoreError)
  }

  async #getWith(options: GetOptions): Promise<Session<Data>> {
    checkOptions('get()', options, ['onStoreError'])
    const { onStoreError = this.#core.onStoreError } = options
    if (onStoreError !== 'throw' && onStoreError !== 'anonymous')
      throw new TypeError("get: onStoreError is 'throw' or 'anonymous'.")
    return this.#getUnder(onStoreError)
  }

  #getUnder(policy: 'throw' | 'anonymous'): Promise<Session<Data>> {
    this.#asked = true
    this.#loading ??= this.#load()
    return policy === 'throw' ? this.#loading : this.#loading.catch((error) => this.#standIn(error))
  }

  /**
   * Keeps the session before the first byte of the response: a promise only where the store has to be asked. `status` is
   * the response's; from 500 on nothing is kept but a logout. After it, a change of the session throws.
   */
  commit(status = 200): Outcome | Promise<Outcome> {
    const session = this.#session
    if (!session) {
      this.#begun = true
      if (this.#loading) return this.#whenLoaded(this.#loading, status)
      if (this.#asked) return READ
      return this.#core.saveEveryRequest && status < 500 && this.#presented() ? this.#refresh(status) : UNUSED
    }
    if (this.#saving) return this.#whenLoaded(this.#saving, status)
    const state = stateOf(session as never)
    if (state.mode !== 'open') return this.#outcome()
    // Also for the case that the next line throws: the page about that error must not try again.
    state.mode = 'closed'
    const plan = planOf(this.#core, state, this.#loaded, status >= 500)
    return plan ? this.#keep(plan, state).then(() => this.#outcome()) : this.#outcome()
  }

  /** Keeps the session now; the session stays open, and what the response must carry is kept for `commit`. */
  async save(): Promise<void> {
    // One after another: the same changes kept twice at once would count twice.
    while (this.#saving) await this.#saving.catch(() => undefined)
    const session = this.#session
    if (!session) return
    const state = stateOf(session as never)
    if (state.mode !== 'open') return
    const plan = planOf(this.#core, state, this.#loaded, false)
    if (!plan) return
    state.mode = 'saving'
    this.#saving = this.#keep(plan, state)
    try {
      await this.#saving
    } finally {
      this.#saving = null
      state.mode = 'open'
    }
  }

  /** A session that keeps nothing, for where there is no response: a socket's upgrade, a check. Changing it throws. */
  async read(): Promise<Session<Data>> {
    const session = await this.get()
    stateOf(session as never).mode = 'read-only'
    return session
  }

  async #load(): Promise<Session<Data>> {
    const { ring, clock, serializer } = this.#core
    try {
      // Awaited only where there is something to wait for: this is the path of every request.
      const ready = ring.ready()
      if (ready) await ready
      const text = header(this.#headers, 'cookie')
      const first = load(this.#core, text)
      let found = first instanceof Promise ? await first : first
      // A key that another server made a moment ago: ask the provider, at most once in a while.
      if (found === 'unknown-key' && (await ring.refresh())) found = await load(this.#core, text)
      this.#loaded = found === 'unknown-key' ? null : found
      const { adoption: formers } = this.#core
      if (formers !== null && !this.#loaded) await this.#takeOver(formers, text)
      const state = new State({ now: clock(), handleOf, serializer }, this.#loaded)
      if (this.#begun) state.mode = 'closed'
      this.#session = new Session<Data>(state)
      return this.#session
    } catch (error) {
      // The next call asks again: an outage is over when it is over.
      this.#loading = null
      if (error instanceof StoreError) this.#core.emit({ type: 'storeError', error })
      throw error
    }
  }

  /** Did the request carry any cookie of our name, good or bad? */
  #presented(): boolean {
    return presented(this.#core, header(this.#headers, 'cookie'))
  }

  async #takeOver(formers: VisitorAdoption, cookies: string | undefined): Promise<void> {
    const taken = await formers.find(this.#core, cookies, () => this.#device())
    if (!taken) return
    this.#loaded = taken.loaded
    // Its own cookie, until the former session has ended, too.
    if (taken.clear === null) return
    this.#clears = [taken.clear]
    if (taken.loaded) this.#setCookie = this.#cookieOf(taken.loaded)
  }

  #cookieOf({ meta, ref }: Loaded): string {
    const { transport, clock } = this.#core
    return transport.set(ref.cookie.text, meta.persistent ? meta.deadline - clock() : undefined)
  }

  #device(): string | null {
    return this.#core.describeDevice(header(this.#headers, 'user-agent') ?? null)
  }

  /** `saveEveryRequest` for a page that never asked for its session: it must not fail by what it does not need. */
  async #refresh(status: number): Promise<Outcome> {
    this.#loading = this.#load()
    try {
      await this.#loading
    } catch (error) {
      if (error instanceof StoreError) return UNUSED
      throw error
    }
    if (!this.#loaded || !this.#session) return UNUSED
    stateOf(this.#session as never).mode = 'open'
    return this.commit(status)
  }

  #standIn(error: unknown): Session<Data> {
    if (!(error instanceof StoreError)) throw error
    const state = new State({ now: this.#core.clock(), handleOf }, null)
    state.mode = 'read-only'
    return new Session<Data>(state)
  }

  /** The response began while the session was still being fetched or saved: whoever has it may change it no more. */
  async #whenLoaded(loading: Promise<unknown>, status: number): Promise<Outcome> {
    await loading.catch(() => undefined)
    return this.#session ? this.commit(status) : READ
  }

  async #keep(plan: Plan, state: State): Promise<void> {
    const before = this.#loaded
    /** Moves a deadline, and keeps nothing that would be lost. */
    const only = plan.verb === 'touch' || plan.verb === 'refresh'
    const { adoption: formers } = this.#core
    try {
      // First: should it fail, nothing has been done, and the visitor can do it again.
      if (formers !== null && (plan.verb === 'end' || state.intent?.verb === 'login'))
        this.#clears = await formers.end(this.#core, header(this.#headers, 'cookie'))
      const kept = await commit(this.#core, plan, state, before, () => this.#device())
      // A touch that found nothing changes nothing: the session ended, and the next request will see it.
      if (!only || kept) this.#took(kept, before, state)
    } catch (error) {
      if (error instanceof StoreError) this.#core.emit({ type: 'storeError', error })
      // A touch that failed is no reason to refuse a page that only read: the deadline that was promised still holds.
      if (error instanceof StoreError && only) return
      // Who catches these after save() and answers in their own words must not meet them again when the response begins.
      if (error instanceof SessionLimitError) state.intent = state.credentialChange = null
      if (error instanceof SessionGoneError) this.#forget(state)
      throw error
    }
  }

  #took(kept: Loaded | null, before: Loaded | null, state: State): void {
    const { transport, saveEveryRequest } = this.#core
    if (!kept) {
      if (this.#setCookie || this.#presented()) this.#setCookie = transport.clear()
      this.#forget(state)
      return
    }
    this.#loaded = kept
    const { meta, ref } = kept
    if (
      saveEveryRequest ||
      ref.cookie.text !== before?.ref.cookie.text ||
      meta.persistent !== before.meta.persistent ||
      (meta.persistent && meta.deadline !== before.meta.deadline)
    )
      this.#setCookie = this.#cookieOf(kept)
    settle(state, kept)
  }

  #forget(state: State): void {
    this.#loaded = null
    startOver(state)
  }

  #outcome(): Outcome {
    if (this.#clears.length > 0) return { setCookie: this.#setCookie, clears: this.#clears, used: true }
    return this.#setCookie === null ? READ : { setCookie: this.#setCookie, used: true }
  }
}
