import { Sweeper } from './admin/sweeper.ts'
import type { AdoptionSource } from './adoption/source.ts'
import type { Backing } from './backing/backing.ts'
import { type CreatedBacking, createBacking, type Engine } from './backing/create.ts'
import { OwnEnds } from './backing/ends.ts'
import type { Calls } from './backing/guard.ts'
import { isBuilding } from './base/building.ts'
import { booleanOption, checkOptions, oneOf } from './base/check.ts'
import { type Duration, milliseconds } from './base/duration.ts'
import { isWorker } from './base/worker.ts'
import type { Policy, SessionsContext } from './context.ts'
import { type CredentialOf, createCredentialStamps } from './credential.ts'
import { createLiveKeyring, isRing, type LiveKeyring, type SecretSource } from './crypto/keyring.ts'
import type { CipherName } from './crypto/primitives.ts'
import type { CryptoOption } from './crypto/provider.ts'
import type { SealName } from './crypto/seal.ts'
import { developmentDefaults as madeUp } from './development.ts'
import type { SessionsBackend } from './engines/shared/backend.ts'
import { ConfigError } from './errors.ts'
import { type Emit, emitter, type Listener } from './events.ts'
import type { CookieSettings, CookieTransport } from './http/cookie.ts'
import { type SignedCookies, signedCookies } from './http/signed-cookies.ts'
import type { Parts } from './parts.ts'
import { describeDevice } from './session/device.ts'
import { TOUCH_SHARE } from './session/lifetime.ts'
import { LOGIN_OPTIONS } from './session/login.ts'
import type { Serializer } from './session/serializer.ts'
import type { Clock, Store } from './store.ts'

export interface SessionsOptions {
  /** Where sessions are stored: a store, the cookie engine, or a URL such as `memory:`, `sqlite:./sessions.db`, `cookie:`. */
  readonly store?: Engine | string | undefined
  /** Secrets (the first is current, the others retired), or a function that fetches them. `npx @strongroom/cli keys new` makes one. */
  readonly secrets?: SecretSource | undefined
  readonly cookie?: CookieSettings | undefined
  /**
   * Applications with the same secrets and the same store are strangers to each other if their namespaces differ: cookies, signed
   * ones too, lists, limits and revocations, and what their operators count and end. Default: the name of the cookie. Set it to the
   * old name, with `cookie.formerName`, when the cookie is renamed.
   */
  readonly namespace?: string | undefined
  /** A session ends when it is not used for this long. Default `'30m'`; null is no idle limit. */
  readonly idle?: Duration | null | undefined
  /** A session ends after this long, however much it is used. Default `'12h'`. */
  readonly absolute?: Duration | undefined
  /** How long a session lives whose login said `remember: true`. Default `'14d'`. */
  readonly remember?: Duration | undefined
  /** Do cookies end with the browser? Default true; a login or `setExpiry` can say otherwise for one session. */
  readonly expireAtBrowserClose?: boolean | undefined
  /**
   * Returns the credential that a user's logins belong to, such as the password hash as it is in the database: when it changes,
   * they are over. Called whenever a signed-in session is loaded. Null for a user that is gone.
   */
  readonly credential?: CredentialOf | undefined
  /** Converts the application's values to JSON and back, for Dates and the like. By default values are what JSON can hold. */
  readonly serializer?: Serializer | undefined
  /** Another framework whose visitors stay signed in while the application moves away from it, until a date. Or several. */
  readonly adoptFrom?: AdoptionSource | readonly AdoptionSource[] | undefined
  /** Default `two-key`, and `none` for a store in this process's memory. */
  readonly seal?: SealName | undefined
  /** Default `chacha20-poly1305`, and `aes-256-gcm` where the runtime has no other. What was sealed with either opens. */
  readonly cipher?: CipherName | undefined
  /** What computes the seal. Default `auto`: `sodium-native` where it is installed, and node:crypto elsewhere. */
  readonly crypto?: CryptoOption | undefined
  /** Most bytes of one session. Default 65536. */
  readonly maxSize?: number | undefined
  /** Time limit of one call to the store, to `credential`, to an adoption source, or to a provider of secrets. Default `'2s'`. */
  readonly storeTimeout?: Duration | undefined
  /** Default `throw`; see `get`. */
  readonly onStoreError?: 'throw' | 'anonymous' | undefined
  /** Save changes even when the response's status is 500 or above. Default false. */
  readonly saveOnServerError?: boolean | undefined
  /** Save the session, with a new expiry and its cookie, at every request that carries it. Default false. */
  readonly saveEveryRequest?: boolean | undefined
  /**
   * Bytes of memory in which the sessions that were opened last are remembered in the clear, so that they are not decrypted
   * and parsed again. Default 16 MiB; false remembers nothing.
   */
  readonly memo?: number | false | undefined
  /**
   * How often expired sessions are cleared, in the background. Default `'1h'`, and false for a store that expires them by
   * itself and for sessions in cookies.
   */
  readonly sweep?: Duration | false | undefined
  /** Names a device from a User-Agent, for the user's list of sessions. */
  readonly device?: ((userAgent: string | null) => string | null) | undefined
  /** Called with every event. */
  readonly on?: Listener | undefined
  /** Returns the time in ms; for tests. Stores have a clock of their own. */
  readonly clock?: Clock | undefined
}

const KNOWN = [
  'store',
  'secrets',
  'cookie',
  'namespace',
  'idle',
  'absolute',
  'remember',
  'expireAtBrowserClose',
  'credential',
  'serializer',
  'adoptFrom',
  'seal',
  'cipher',
  'crypto',
  'maxSize',
  'storeTimeout',
  'onStoreError',
  'saveOnServerError',
  'saveEveryRequest',
  'memo',
  'sweep',
  'device',
  'on',
  'clock',
] as const satisfies readonly (keyof SessionsOptions)[]

const LIFETIMES = 'How long sessions live is said by "idle" and "absolute".'
const NOT_NEEDED =
  'Leave it out: a session is saved when it was changed, and a visitor whose session is empty gets none.'

/** What to write instead of options of other places, and of other libraries. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(LOGIN_OPTIONS.map((name) => [name, 'It is an option of login().'])),
  ...Object.fromEntries(['maxAge', 'ttl', 'expires', 'expiresIn', 'rolling'].map((name) => [name, LIFETIMES])),
  ...Object.fromEntries(['resave', 'saveUninitialized'].map((name) => [name, NOT_NEEDED])),
  ...Object.fromEntries(
    ['secret', 'password', 'keys'].map((name) => [name, 'Did you mean "secrets"? Several are an array.']),
  ),
  ...Object.fromEntries(['name', 'cookieName'].map((name) => [name, 'Write cookie: { name }.'])),
}

export interface Created extends Pick<CreatedBacking, 'sealName' | 'aead' | 'store' | 'swept' | 'advice'> {
  readonly context: SessionsContext
  readonly parts: Parts
  readonly developmentDefaults: readonly ('secrets' | 'store')[]
  readonly signedCookies: SignedCookies
  /** For `strongroom doctor`. */
  readonly behind: SessionsBackend
  /** Where somebody can be told of each store call. */
  readonly calls: Calls
  /** Time limit of one store call, in ms. */
  readonly timeout: number
  close(): Promise<void>
}

/** What only a compatible layer decides, and no option of `createSessions` does. */
export interface Layer {
  /** The layer's cookie instead of ours. */
  readonly transport?: CookieTransport | undefined
  readonly resaves?: boolean | undefined
  readonly touchShare?: number | undefined
}

/** Checks every option and makes what requests need. */
export function createContext(options: SessionsOptions, parts: Parts, layer: Layer = {}): Created {
  if (typeof options === 'string') throw new ConfigError(`createSessions() takes options: write ${parts.example}.`)
  checkOptions('createSessions()', options, KNOWN, ELSEWHERE)
  const production = process.env.NODE_ENV === 'production'
  const timeout = milliseconds(options.storeTimeout ?? '2s', 'storeTimeout')
  const { engine, ring, ownsStore, developmentDefaults } = essentials(options, parts, { production, timeout })
  const clock = functionOr('clock', options.clock, Date.now)
  const calls: Calls = { listener: null }
  const common = { ring, clock, timeout, calls, memo: memoOption(options.memo) }
  const { sourceClients, endsRemembered, adoptionOf } = parts.adoption
  const sources = sourceClients(options.adoptFrom, timeout)
  const created = createBacking(engine, options, {
    ...common,
    production,
    remembered: endsRemembered(sources),
    transport: layer.transport,
    parts,
  })
  const { backing, transport, namespace, sealName, aead, store, swept, advice } = created
  const credential = functionOr('credential', options.credential, undefined) ?? null
  const saveEveryRequest = booleanOption('saveEveryRequest', options.saveEveryRequest, false)
  const context: SessionsContext = {
    backing,
    ring,
    namespace,
    transport,
    clock,
    emit: emitter(functionOr('on', options.on, undefined), strangersOf(transport.name, developmentDefaults)),
    ends: new OwnEnds(),
    policy: policyOf(options),
    saveOnServerError: booleanOption('saveOnServerError', options.saveOnServerError, false),
    saveEveryRequest,
    resaves: layer.resaves ?? false,
    touchShare: layer.touchShare ?? TOUCH_SHARE,
    extendsUnused: saveEveryRequest || ('extendsUnused' in engine && engine.extendsUnused === true),
    stamps: credential && createCredentialStamps(ring, credential, timeout),
    serializer: serializerOption(options.serializer),
    userLimit: parts.userLimit,
    adoption: adoptionOf(sources, { clock, backing, transport }),
    onStoreError: oneOf('onStoreError', options.onStoreError ?? 'throw', ['throw', 'anonymous']),
    describeDevice: functionOr('device', options.device, describeDevice),
  }
  const every = sweepOption(options.sweep, created)
  const sweeper = sweeperFor(options.sweep, every, { swept, backing, emit: context.emit })
  const close = async () => {
    await sweeper?.close()
    await context.adoption?.close()
    // The caller closes a store that it passed in.
    if (ownsStore) await swept?.close()
  }
  const { name: sessionCookie } = transport
  const signed = signedCookies({
    ring,
    clock,
    sessionCookie,
    production,
    namespace: namespace ?? sessionCookie,
    secure: options.cookie?.secure,
  })
  const behind = {
    engine: 'backing' in engine ? null : engine,
    setCookie: transport.set('value'),
    isDropIn: layer.transport !== undefined,
    formerName: options.cookie?.formerName ?? null,
    sweep: every,
    usesSodium: aead.crypto === 'sodium',
    adoptFrom: sources,
    hasSecrets: (secrets: string) => ring.hasKeys && isRing(ring, secrets),
  }
  return {
    context,
    parts,
    developmentDefaults,
    signedCookies: signed,
    behind,
    store,
    swept,
    advice,
    sealName,
    aead,
    calls,
    timeout,
    close,
  }
}

/** Store and secrets. In development both may be left out, with one warning that says what production needs. */
function essentials(
  options: SessionsOptions,
  { example, engineOf }: Parts,
  { production, timeout }: { readonly production: boolean; readonly timeout: number },
): Pick<Created, 'developmentDefaults'> & { engine: Engine; ring: LiveKeyring; ownsStore: boolean } {
  // Null counts as left out: a secret that a configuration did not find must not become one that is made up here.
  const missing = (['secrets', 'store'] as const).filter((name) => options[name] == null)
  const refused = missing.length > 0 && production ? new ConfigError(refusal(missing.join(' and '), example)) : null
  if (refused && !isBuilding()) throw refused
  if (missing.length > 0 && !refused)
    madeUp().warn(
      `createSessions() runs without ${missing.join(' and ')}: sessions ${missing.includes('store') ? 'are in memory and ' : ''}end with this process. Production refuses to start like this; there, write ${example}.`,
    )
  // What a build needs of sessions is that they can be created. Who asks for one gets the error that production would have given.
  const withheld = refused && createLiveKeyring(() => Promise.reject(refused), timeout)
  const given = createLiveKeyring(options.secrets ?? madeUp().secret, timeout)
  const ring = withheld ?? given
  return { ...engineOf(options.store), ring, developmentDefaults: missing }
}

const refusal = (missing: string, example: string) =>
  `Production needs ${missing}. Write ${example}, and put the output of \`npx @strongroom/cli keys new\` into STRONGROOM_SECRETS.`

function policyOf({ idle, absolute, remember, expireAtBrowserClose }: SessionsOptions): Policy {
  const policy = {
    idle: idle === null ? 0 : milliseconds(idle ?? '30m', 'idle'),
    // Null is refused: it looks like "no limit", which there is only for `idle`.
    absolute: milliseconds(absolute === undefined ? '12h' : absolute, 'absolute'),
    remember: milliseconds(remember === undefined ? '14d' : remember, 'remember'),
    persistent: !booleanOption('expireAtBrowserClose', expireAtBrowserClose, true),
  }
  warnOfShort({ idle, absolute, remember })
  if (policy.idle > policy.absolute)
    throw new ConfigError(
      `idle is longer than absolute (${absolute === undefined ? "by default '12h'" : JSON.stringify(absolute)}), so no session would ever reach it. Raise absolute, or lower idle.`,
    )
  return policy
}

/** 30 for thirty minutes, or for seconds as in other libraries, would log everybody out immediately, and say nothing. */
function warnOfShort(lifetimes: Pick<SessionsOptions, 'idle' | 'absolute' | 'remember'>): void {
  for (const [name, given] of Object.entries(lifetimes))
    if (given != null && milliseconds(given, name) < 1_000)
      process.emitWarning(
        `createSessions() has ${name}: ${JSON.stringify(given)}, so sessions end in less than a second. A number is milliseconds; write minutes or hours as '30m' or '12h'.`,
        { code: 'STRONGROOM_LIFETIME' },
      )
}

/** Who is told of them: developers, whose applications share localhost, and whose secrets are not made up at each start. */
function strangersOf(name: string, made: Created['developmentDefaults']): (() => void) | undefined {
  if (process.env.NODE_ENV !== 'development' || made.includes('secrets')) return undefined
  let warned = false
  return () => {
    if (warned) return
    warned = true
    process.emitWarning(
      `A browser has sent a cookie ${name} that was made under other secrets. Cookies ignore ports: if another application on this host has a cookie of that name, each signs the visitors of the other out. Give each a name of its own, by cookie: { name }.`,
      {
        code: 'STRONGROOM_COOKIE_NAME',
        detail: 'Shown once, and in development alone. It is harmless after the secrets were changed.',
      },
    )
  }
}

function memoOption(given: number | false | undefined): number {
  if (given === false) return 0
  if (given === undefined) return 16 * 1024 * 1024
  if (Number.isSafeInteger(given) && given >= 0) return given
  throw new ConfigError('memo must be a whole number of bytes, or false.')
}

/** Where nothing has to be swept, what is remembered of expired sessions has to be forgotten all the same. */
function sweeperFor(
  given: Duration | false | undefined,
  every: number | null,
  { swept, backing, emit }: { readonly swept: Store | null; readonly backing: Backing; readonly emit: Emit },
): Sweeper | null {
  if (isWorker) return null
  const remembers = backing.forgetExpired !== undefined || swept?.clearCopies !== undefined
  if (given === false || (every === null && !remembers)) return null
  const forget = (signal: AbortSignal) => {
    backing.forgetExpired?.()
    return swept?.clearCopies?.({ signal })
  }
  return new Sweeper({ store: every === null ? null : swept, forget, every: every ?? HOUR, emit })
}

const HOUR = 3_600_000

const SWEEP_RANGE = "sweep must be at least '1s' and at most '20d', or false."

/** Null for no sweeps. */
function sweepOption(
  given: Duration | false | undefined,
  { swept, advice }: Pick<CreatedBacking, 'swept' | 'advice'>,
): number | null {
  if (given === false || (given === undefined && (!swept || swept.traits.expiresByItself))) return null
  if (isWorker && given === undefined) return null
  if (isWorker)
    throw new ConfigError(
      'A Worker does nothing in the background: leave sweep out, and call sessions.clearExpired() in a scheduled handler.',
    )
  if (!swept) throw new ConfigError(`sweep has nothing to clear: ${advice}`)
  if (typeof given === 'boolean') throw new ConfigError(SWEEP_RANGE)
  const every = milliseconds(given === undefined ? '1h' : given, 'sweep')
  // A timer cannot count further; above that, Node would sweep without a pause.
  if (every >= 1_000 && every <= 20 * 86_400_000) return every
  throw new ConfigError(SWEEP_RANGE)
}

function serializerOption(given: Serializer | undefined): Serializer | null {
  if (given === undefined) return null
  checkOptions('serializer', given, ['toJson', 'fromJson'])
  const { toJson, fromJson } = given
  if (typeof toJson === 'function' && typeof fromJson === 'function') return { toJson, fromJson }
  throw new ConfigError('serializer must have two functions, toJson and fromJson.')
}

function functionOr<T>(name: string, given: T | undefined, standard: T): T {
  if (given === undefined || typeof given === 'function') return given ?? standard
  throw new ConfigError(`${name} must be a function.`)
}
