import { type EverybodyOptions, type EverybodyReport, revokeEverybody } from './admin/everybody.ts'
import type { KeyUse, SessionInfo, StoreStats } from './admin/inspect.ts'
import { type AnyUser, type UserEpoch, type UserSessions, userKeyOf, userSessions } from './admin/users.ts'
import type { AdoptOptions, AdoptReport } from './adoption/adopt.ts'
import { addObserver, type CallObserver, guardEntries } from './backing/guard.ts'
import type { Awaitable } from './base/awaitable.ts'
import { checkOptions } from './base/check.ts'
import { printedAs } from './base/print.ts'
import type { RenewalPolicy } from './context.ts'
import type { Created } from './create.ts'
import type { Secrets } from './crypto/keyring.ts'
import type { CipherName, CryptoName } from './crypto/primitives.ts'
import { withSessionsBackend } from './engines/shared/backend.ts'
import { ConfigError } from './errors.ts'
import { type EventObserver, withStoreErrors } from './events.ts'
import type { CsrfPolicy, CsrfRequest } from './http/csrf.ts'
import { type HeaderSource, headersOf, type RequestSource } from './http/headers.ts'
import type { OwnRequests } from './http/own-requests.ts'
import type { ResponseTarget } from './http/response.ts'
import type { GetSignedCookieOptions, SetSignedCookieOptions } from './http/signed-cookies.ts'
import type { PolicyReport } from './policy/report.ts'
import { attachedVisits } from './request/attached.ts'
import type { LoginAttempt } from './request/audit.ts'
import { checkCsrf } from './request/csrf.ts'
import { currentRequests } from './request/current.ts'
import type { TimeLeft } from './request/peek.ts'
import { type GetOptions, Visit } from './request/visit.ts'
import type { SessionWatcher, WatcherOptions } from './request/watcher.ts'
import type { Session } from './session/session.ts'
import { type ClearOptions, isInProcessMemory, type Schema, type Store, type Traits } from './store.ts'

/** Plain facts about how sessions are stored and how long they live, for people, logs, tests and auditors. */
export interface PolicyFacts extends PolicyReport {
  readonly engine: string
  readonly seal: string
  /** What is sealed is sealed with this. */
  readonly cipher: CipherName
  /** What computes it. */
  readonly crypto: CryptoName
  readonly traits: Traits
  /** How tokens come with requests: in the session cookie, or in the header Authorization. */
  readonly transport: 'cookie' | 'bearer'
  /** '' with `bearer()`. */
  readonly cookieName: string
  /** Null for an engine with the format of another framework. */
  readonly namespace: string | null
  /** In ms; idle 0 is no limit. */
  readonly idle: number
  readonly absolute: number
  readonly remember: number
  /** Without use, when the user asked to be remembered; 0 is no limit. */
  readonly rememberIdle: number
  /** Do cookies outlive the browser by default? */
  readonly persistent: boolean
  /** Of tokens that are renewed by time, in ms; null without `renewEvery`. */
  readonly renewal: RenewalPolicy | null
  /** For sessions without a user, where the option `anonymous` has set it; `perMinute` is how many a process creates at most. */
  readonly anonymous?: {
    readonly idle: number
    readonly absolute: number
    readonly perMinute: number | null
  }
  /** What was left out, and exists only in this process: a random secret, or a store in memory. Empty in production. */
  readonly developmentDefaults: readonly ('secrets' | 'store')[]
}

/** Watches what happens, without a cost that would be felt. What `event` and `call` throw becomes a warning. */
export interface SessionsObserver extends EventObserver, CallObserver {}

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
  /**
   * The session of the request whose work this is: the same as `get(request)`, for code that is not handed the request, such as a service.
   * Works after an `await`, in a timer and in a promise that the request has begun. Rejects with `NotAttachedError` outside of a request.
   */
  current(options?: GetOptions): Promise<Session<Data>>
  /**
   * What stands for that request: `get`, `save` and `csrfToken` take it. Null outside of a request. What it is depends on the adapter, and
   * is mostly what handlers get.
   */
  currentRequest(): object | null
  /**
   * How long the session of a signed-in visitor still lives, to warn of its end; null for everybody else. The request extends nothing and
   * gets no cookie, whatever else reads the session in it, unless it changes the session; but if `get` is called in it, too, one that comes
   * with a token that `renewEvery` has replaced is sent the new one. Asks the store itself. An ordinary request, whose handler calls `get`,
   * extends the session.
   */
  peek(request: object): Promise<TimeLeft | null>
  /** Saves the session now instead of when the response begins: to handle its errors, or before work that takes long. */
  save(request: object): Promise<void>
  /** A read-only session from headers alone, where there is no response: a WebSocket's upgrade, a check by a proxy. */
  read(headers: HeaderSource | { readonly headers: HeaderSource }): Promise<Session<Data>>
  /**
   * Tells that somebody could not sign in, for the event `loginFailed` and the option `onLoginFailed`: the application alone knows. Stores
   * nothing and asks nobody, so it works for a request without a session, and without any (null). Throws `TypeError` for anything but
   * `userId`, as it was typed, and `reason`: a password has no place in a log.
   */
  loginFailed(request: object | null, attempt?: LoginAttempt): void
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
  /**
   * Requests that browsers make by themselves, for the option `deviceBound`; null without it. Adapters respond to these before anything
   * else.
   */
  readonly ownRequests: OwnRequests | null
  /** Opens one request's session by hand. Adapters do this; an application has `get`. No I/O. */
  open(headers: HeaderSource): Visit<Data>
  /**
   * Makes `get(request)` work. Instead of a visit, a function may be passed that begins one: it is called at the first `get`, so
   * a request that never asks costs nothing. `alias` is another object that stands for the same request. False, and nothing is
   * attached, if the request has a visit already: the adapter is mounted twice, and only the outer one commits.
   */
  attach(request: object, begin: Visit<Data> | (() => Visit<Data>), alias?: object): boolean
  /**
   * Makes `current()` work in what is done from here on: calls `work` with the arguments, and returns what it returns. Adapters do this,
   * around the handler, after `attach`.
   */
  within<Args extends unknown[], T>(request: object, work: (...args: Args) => T, ...args: Args): T
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
  const { context, parts, signedCookies, store, swept, sealName, aead, developmentDefaults, close } = created
  const { visitOf, isAttached, attach } = attachedVisits<Data>(context.extendsUnused, parts.notAttached)
  const { within, currentRequest, requireRequest } = currentRequests(parts.notAttached)

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
    current: async (options) => visitOf(requireRequest()).get(options),
    currentRequest,
    peek: async (request) => parts.peek(visitOf(request), context.clock),
    save: async (request) => visitOf(request).save(),
    csrfToken: async (request) => visitOf(request).csrfToken(),
    checkCsrf: (request, facts, policy) =>
      // At a WebSocket's upgrade, there is no visit.
      checkCsrf(context.audit?.ofRequest(context, request) ?? context, facts, policy, () =>
        isAttached(request)
          ? visitOf(request).get({ onStoreError: 'throw' })
          : new Visit<Data>(context, facts.headers).read(),
      ),
    read: async (given) => new Visit<Data>(context, headersOf(given)).read(),
    loginFailed: (request, attempt) => parts.loginFailed(context, request, attempt),
    open: (headers) => new Visit<Data>(context, headers),
    ownRequests: context.binding?.ownRequests(context) ?? null,
    attach,
    within,
    getSignedCookie: signedCookies.get,
    setSignedCookie: signedCookies.set,
    of: (userId) => userSessions(context, userId, parts.userDevices),
    clearExpired: watched(async (options: ClearOptions = {}) => {
      checkOptions('clearExpired()', options, ['batch', 'signal', 'onProgress', 'dryRun'])
      const began = context.emit.now()
      if (!options.dryRun) backing.forgetExpired?.()
      const count = swept ? await swept.clearExpired(options) : 0
      if (!options.dryRun) context.emit({ type: 'cleared', count }, { began })
      return count
    }),
    ...parts.operators(context, created),
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
    forgetKey: watched(async (kid: number) => {
      if (!Number.isInteger(kid) || kid < 0 || kid > 255)
        throw new TypeError('forgetKey() takes a key id: a whole number from 0 to 255.')
      await ring.ready()
      if (ring.get(kid))
        throw new ConfigError(`forgetKey(): the secret with key id ${kid} is in use. Remove it from the secrets first.`)
      return ((await backing.forgetKeys?.((one) => one === kid)) ?? 0) > 0
    }),
    revokeEverybody: watched((options?: EverybodyOptions) => revokeEverybody(context, store, options, parts.removeOld)),
    reloadSecrets: (secrets) => ring.reload(secrets),
    observe(observer) {
      const stopEvents = context.emit.observe(observer)
      const stopCalls = addObserver(context.calls, observer)
      const isLasting = swept !== null && namespace !== null && !isInProcessMemory(swept.traits)
      return {
        store: swept,
        entries: isLasting ? guardEntries(swept, { timeout: created.timeout, limitOf: parts.limitOf }) : null,
        namespace: namespace ?? transport.name,
        stop() {
          stopEvents()
          stopCalls()
        },
      }
    },
    watcher: (options) => parts.watcher(context, options, swept?.changes ?? null),
    policy: withReport(parts.policyReport(context, created), {
      engine: backing.traits.engine,
      seal: sealName,
      cipher: aead.cipher,
      crypto: aead.crypto,
      traits: backing.traits,
      transport: transport.other ? 'bearer' : 'cookie',
      cookieName: transport.name,
      namespace,
      ...policy,
      renewal: context.renewal?.facts ?? null,
      ...(context.anonymous && { anonymous: context.anonymous.facts }),
      developmentDefaults,
    }),
    schema: swept?.schema ?? null,
    close,
    [Symbol.asyncDispose]: close,
  } satisfies BaseSessions<Data> & { of(userId: string): AnyUser }
  const { engine, seal, cookieName, idle, absolute } = sessions.policy
  printedAs(sessions, 'Sessions', () => ({ engine, seal, cookieName, idle, absolute }))
  return withSessionsBackend(sessions, created.behind)
}

/** What prints is no fact: `JSON.stringify`, a comparison and a clone have the rest. */
function withReport<Facts extends object>({ table, ...report }: PolicyReport, facts: Facts): Facts & PolicyReport {
  return Object.defineProperty({ ...facts, ...report, table }, 'table', { enumerable: false })
}
