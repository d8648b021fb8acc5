import { type EverybodyOptions, type EverybodyReport, revokeEverybody } from './admin/everybody.ts'
import { isScannable, type KeyUse, type SessionInfo, type StoreStats } from './admin/inspect.ts'
import { type AnyUser, type UserEpoch, type UserSessions, userKeyOf, userSessions } from './admin/users.ts'
import type { AdoptOptions, AdoptReport } from './adoption/adopt.ts'
import { addListener, guardStore } from './backing/guard.ts'
import type { Awaitable } from './base/awaitable.ts'
import { checkOptions } from './base/check.ts'
import type { Created } from './create.ts'
import type { Secrets } from './crypto/keyring.ts'
import type { CipherName, CryptoName } from './crypto/primitives.ts'
import { withSessionsBackend } from './engines/shared/backend.ts'
import { ConfigError, UnsupportedError } from './errors.ts'
import { type SessionEvent, withStoreErrors } from './events.ts'
import type { CsrfPolicy, CsrfRequest } from './http/csrf.ts'
import { type HeaderSource, headersOf, type RequestSource } from './http/headers.ts'
import type { ResponseTarget } from './http/response.ts'
import type { GetSignedCookieOptions, SetSignedCookieOptions } from './http/signed-cookies.ts'
import type { Parts } from './parts.ts'
import { attachedVisits } from './request/attached.ts'
import { checkCsrf } from './request/csrf.ts'
import { type GetOptions, Visit } from './request/visit.ts'
import type { SessionWatcher, WatcherOptions } from './request/watcher.ts'
import type { Session } from './session/session.ts'
import {
  type ClearOptions,
  isInProcessMemory,
  type ScannableStore,
  type Schema,
  type Store,
  type Traits,
} from './store.ts'

/** Plain facts about how sessions are stored, for people, logs and tests. */
export interface PolicyFacts {
  readonly engine: string
  readonly seal: string
  /** What is sealed is sealed with this. */
  readonly cipher: CipherName
  /** What computes it. */
  readonly crypto: CryptoName
  readonly traits: Traits
  readonly cookieName: string
  /** In ms; idle 0 is no limit. */
  readonly idle: number
  readonly absolute: number
  readonly remember: number
  /** Do cookies outlive the browser by default? */
  readonly persistent: boolean
  /** What was left out, and exists only in this process: a random secret, or a store in memory. Empty in production. */
  readonly developmentDefaults: readonly ('secrets' | 'store')[]
}

/** Counts what happens, without a cost that would be felt. Neither may throw. */
export interface SessionsObserver {
  /** Each event of these sessions alone. Handles may be empty: they are computed for listeners. */
  event(event: SessionEvent): void
  /** Each call of the store: the method, how long it took in ms, and whether it failed. */
  call(method: string, ms: number, failed: boolean): void
}

/** What `observe` returns. */
export interface Observation {
  stop(): void
  /** Where the sessions are, or what makes their ends final; null for nothing on the server. */
  readonly store: Store | null
  /** The same, for entries beside the sessions: null where it ends with the process, or has the format of another framework. */
  readonly entries: Pick<Store, 'read' | 'create' | 'update'> | null
  /** To whom such entries belong. */
  readonly namespace: string
}

/** Everything an application and its adapters need; made by `createSessions`. */
export interface BaseSessions<Data extends object> {
  /**
   * The session of a request that came through an adapter. One store call (two with `revocations`, and for a cookie that
   * opens nothing although something is stored; more while `adoptFrom` finds a cookie), and none without a cookie.
   */
  get(request: object, options?: GetOptions): Promise<Session<Data>>
  /** Saves the session now instead of when the response begins: to handle its errors, or before work that takes long. */
  save(request: object): Promise<void>
  /** A read-only session from headers alone, where there is no response: a WebSocket's upgrade, a check by a proxy. */
  read(headers: HeaderSource | { readonly headers: HeaderSource }): Promise<Session<Data>>
  /**
   * A CSRF token for the forms of this response, or for a header that its scripts send: needed by browsers from before 2020 alone; see
   * `csrf(sessions)`. It belongs to the session, and is worthless after the next login or logout.
   */
  csrfToken(request: object): Promise<string>
  /**
   * Lets a request pass that no other site's page has made; otherwise throws, or rejects with, `CsrfError`. The function `csrf` of each
   * adapter calls this; an application has that.
   */
  checkCsrf(request: object, facts: CsrfRequest, policy: CsrfPolicy): Awaitable<void>
  /**
   * The value of a cookie that `setSignedCookie` made; undefined when there is none. Throws `CookieRefusedError` for one that was
   * altered, signed for another name, salt or namespace, or is too old, unless there is a `default`. Has nothing to do with the session.
   */
  getSignedCookie<D>(
    request: RequestSource,
    name: string,
    options: GetSignedCookieOptions<D> & { readonly default: D },
  ): string | D
  getSignedCookie(request: RequestSource, name: string, options?: GetSignedCookieOptions): string | undefined
  /** Adds a signed cookie to a response; null removes it. The browser can read it, but nobody can alter it. */
  setSignedCookie(response: ResponseTarget, name: string, value: string | null, options?: SetSignedCookieOptions): void
  /** Opens one request's session by hand. Adapters do this; an application has `get`. No I/O. */
  open(headers: HeaderSource): Visit<Data>
  /**
   * Makes `get(request)` work. Instead of a visit, a function may be passed that begins one: it is called at the first `get`, so
   * a request that never asks costs nothing. `alias` is another object that stands for the same request. False, and nothing is
   * attached, if the request has a visit already: the adapter is mounted twice, and only the outer one commits.
   */
  attach(request: object, begin: Visit<Data> | (() => Visit<Data>), alias?: object): boolean
  /** Removes expired sessions in bounded batches, and resolves to how many. */
  clearExpired(options?: ClearOptions): Promise<number>
  /** Counts the sessions of this namespace. Walks the store. */
  stats(): Promise<StoreStats>
  /**
   * The session of this namespace with a public handle, or null. Walks the store; a user's own sessions are found with `of(userId)`.
   */
  find(handle: string): Promise<SessionInfo | null>
  /** Ends the session of this namespace with a public handle; false if there is none. Walks the store. */
  revoke(handle: string): Promise<boolean>
  /**
   * Adopts a session of another framework before its visitor returns: see `adoptFrom`. `npx @strongroom/cli move` does this for
   * all of them.
   */
  adopt(options: AdoptOptions): Promise<AdoptReport>
  /**
   * What an event calls this user: `user` of a `revoked` that stands for several sessions. Nobody can compute it without the secrets. It
   * changes with the current secret, so compare it when the event comes.
   */
  userKey(userId: string): string
  /** Resolves when the secrets are available; only a provider of secrets takes time. */
  ready(): Promise<void>
  /** Key ids of the ring, the current one first. */
  keys(): Promise<readonly number[]>
  /**
   * Which secrets the live sessions of this namespace need. Reads every live record. Secrets that several applications share can be
   * removed when none of them needs them.
   */
  keyUse(): Promise<KeyUse>
  /**
   * Forgets that there may be sessions under a secret that was removed for good, so that `revokeAll` does not ask for it; false if
   * that was not known.
   */
  forgetKey(kid: number): Promise<boolean>
  /**
   * For the day of a breach, after all secrets were replaced, which ended every session: removes what is stored of those in
   * this namespace. Walks the store. `npx @strongroom/cli revoke-everybody` guides through it.
   */
  revokeEverybody(options?: EverybodyOptions): Promise<EverybodyReport>
  /** Sets new secrets, or asks the provider again. Sessions under secrets that are still in the ring go on. */
  reloadSecrets(secrets?: Secrets): Promise<void>
  /** For `figures(sessions)`, which is what an application has. */
  observe(observer: SessionsObserver): Observation
  /** For `strongroom/ws`, which is what an application has. */
  watcher(options: WatcherOptions): SessionWatcher
  readonly policy: PolicyFacts
  /** The tables that the store needs; null if it needs none. `npx @strongroom/cli migrate` creates them. */
  readonly schema: Schema | null
  /** Stops the scheduled sweep. Closes adoption sources, and the store if `createSessions` opened it from a URL. */
  close(): Promise<void>
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Sessions on a store that finds a user's sessions. */
export interface Sessions<Data extends object = Record<string, unknown>> extends BaseSessions<Data> {
  of(userId: string): UserSessions
}

/** Sessions in cookies, with a store for revocations. */
export interface RevocableCookieSessions<Data extends object> extends BaseSessions<Data> {
  of(userId: string): UserEpoch
}

/** The sessions of a context, for `createSessions` and for what is compatible with other libraries. */
export function sessionsOf<Data extends object>(created: Created): BaseSessions<Data> {
  const { context, parts, signedCookies, store, swept, advice, sealName, aead, developmentDefaults, close } = created
  const { visitOf, isAttached, attach } = attachedVisits<Data>(context.extendsUnused)

  function listable(): readonly [NonNullable<Parts['operators']>, ScannableStore] {
    if (parts.operators && store && isScannable(store)) return [parts.operators, store]
    throw new UnsupportedError(`Sessions cannot be counted, or found by handle: ${advice}`)
  }

  const { backing, transport, policy, ring, namespace } = context
  const watched = <Args extends unknown[], T>(work: (...args: Args) => Promise<T>) =>
    withStoreErrors(context.emit, work)
  const sessions = {
    get(request, options) {
      // Not an async function: every request would wait for one more turn of the promise queue.
      try {
        return visitOf(request).get(options)
      } catch (error) {
        return Promise.reject(error)
      }
    },
    save: async (request) => visitOf(request).save(),
    csrfToken: async (request) => visitOf(request).csrfToken(),
    checkCsrf: (request, facts, policy) =>
      // At a WebSocket's upgrade, there is no visit.
      checkCsrf(context, facts, policy, () =>
        isAttached(request)
          ? visitOf(request).get({ onStoreError: 'throw' })
          : new Visit<Data>(context, facts.headers).read(),
      ),
    read: async (given) => new Visit<Data>(context, headersOf(given)).read(),
    open: (headers) => new Visit<Data>(context, headers),
    attach,
    getSignedCookie: signedCookies.get,
    setSignedCookie: signedCookies.set,
    of: (userId) => userSessions(context, userId, parts.userDevices),
    clearExpired: watched(async (options: ClearOptions = {}) => {
      checkOptions('clearExpired()', options, ['batch', 'signal', 'onProgress', 'dryRun'])
      if (!options.dryRun) backing.forgetExpired?.()
      const count = swept ? await swept.clearExpired(options) : 0
      if (!options.dryRun) context.emit({ type: 'cleared', count })
      return count
    }),
    stats: watched(async () => {
      const [{ statsOf }, store] = listable()
      return statsOf(store, namespace)
    }),
    find: watched(async (handle: string) => {
      const [{ findByHandle }, store] = listable()
      const found = await findByHandle(store, namespace, handle)
      if (!found) return null
      const { id: _, ...info } = found
      return info
    }),
    revoke: watched(async (handle: string) => {
      const [{ findByHandle }, store] = listable()
      const found = await findByHandle(store, namespace, handle)
      const ended = found && backing.users.endOne ? await backing.users.endOne(found.id) : false
      if (!found || !ended) return false
      context.ends.tell({ id: found.id, reason: 'revoke' })
      context.emit({ type: 'revoked', handle, count: 1, reason: 'revoke' })
      return true
    }),
    async adopt(options) {
      await ring.ready()
      return parts.adoption.adopt(context, options)
    },
    userKey: (userId) => userKeyOf(context, userId),
    ready: async () => ring.ready(),
    async keys() {
      await ring.ready()
      return ring.masters.map(({ kid }) => kid)
    },
    keyUse: watched(async () => {
      const [{ keyUseOf }, store] = listable()
      return keyUseOf(store, namespace)
    }),
    forgetKey: watched(async (kid: number) => {
      if (!Number.isInteger(kid) || kid < 0 || kid > 255)
        throw new TypeError('forgetKey() takes a key id: a whole number from 0 to 255.')
      await ring.ready()
      if (ring.get(kid))
        throw new ConfigError(`forgetKey(): the secret with key id ${kid} is in use. Remove it from the secrets first.`)
      return ((await backing.forgetKeys?.((one) => one === kid)) ?? 0) > 0
    }),
    revokeEverybody: watched((options?: EverybodyOptions) =>
      revokeEverybody(context, store, options, parts.operators?.removeOld),
    ),
    reloadSecrets: (secrets) => ring.reload(secrets),
    observe(observer) {
      const stopEvents = context.emit.observe((event) => observer.event(event))
      const stopCalls = addListener(created.calls, (method, ms, failed) => observer.call(method, ms, failed))
      const isLasting = swept !== null && namespace !== null && !isInProcessMemory(swept.traits)
      return {
        store: swept,
        entries: isLasting ? guardStore(swept, created.timeout) : null,
        namespace: namespace ?? transport.name,
        stop() {
          stopEvents()
          stopCalls()
        },
      }
    },
    watcher: (options) => parts.watcher(context, options, swept?.changes ?? null),
    policy: {
      engine: backing.traits.engine,
      seal: sealName,
      cipher: aead.cipher,
      crypto: aead.crypto,
      traits: backing.traits,
      cookieName: transport.name,
      ...policy,
      developmentDefaults,
    },
    schema: swept?.schema ?? null,
    close,
    [Symbol.asyncDispose]: close,
  } satisfies BaseSessions<Data> & { of(userId: string): AnyUser }
  return withSessionsBackend(sessions, created.behind)
}
