import { randomBytes } from 'node:crypto'
import { Sweeper } from './admin/sweeper.ts'
import type { AdoptionSource } from './adoption/source.ts'
import { visitorAdoption } from './adoption/visitors.ts'
import type { Backing } from './backing/backing.ts'
import { cookieBacking } from './backing/cookie.ts'
import { serverBacking } from './backing/server.ts'
import { checkOptions } from './base/check.ts'
import type { SessionsContext } from './context.ts'
import { type CredentialOf, createCredentialStamps } from './credential.ts'
import { createLiveKeyring, type LiveKeyring, type SecretSource } from './crypto/keyring.ts'
import type { SealName } from './crypto/seal.ts'
import { type Engine, engineFrom, isBacked, isCookie } from './engine.ts'
import { ConfigError } from './errors.ts'
import { emitter, type Listener } from './events.ts'
import { type CookieSettings, cookieTransport } from './http/cookie.ts'
import { signedCookies } from './http/signed-cookies.ts'
import { describeDevice } from './session/device.ts'
import { type Duration, milliseconds } from './session/lifetime.ts'
import type { Serializer } from './session/serializer.ts'
import type { Clock, Store } from './store.ts'

export interface SessionsOptions {
  /** Where sessions rest: a store, the cookie engine, or a URL: `memory:`, `file:./dir`, `sqlite:./sessions.db`, `cookie:`. */
  readonly store?: Engine | string | undefined
  /** Secrets (the first is current, the others retired), or a function that fetches them. `strongroom keys new` makes one. */
  readonly secrets?: SecretSource | undefined
  readonly cookie?: CookieSettings | undefined
  /** A session that is not used for so long ends. Default `'30m'`; null is no idle limit. */
  readonly idle?: Duration | null | undefined
  /** A session ends after so long, however much it is used. Default `'12h'`. */
  readonly absolute?: Duration | undefined
  /** How long a session lives whose login said `remember: true`. Default `'14d'`. */
  readonly remember?: Duration | undefined
  /** Do cookies end with the browser? Default true; a login or `setExpiry` may say otherwise for one session. */
  readonly expireAtBrowserClose?: boolean | undefined
  /**
   * What a user's logins stand on, such as the password hash as it is in the database: when it changes, they are over. Asked
   * whenever a signed-in session is loaded. Null for a user that is gone.
   */
  readonly credential?: CredentialOf | undefined
  /** Between the application's values and JSON, for Dates and the like. By default values are what JSON can carry. */
  readonly serializer?: Serializer | undefined
  /** Another framework whose visitors stay logged in while the application moves away from it, until a date. Or several. */
  readonly adoptFrom?: AdoptionSource | readonly AdoptionSource[] | undefined
  /** Default `two-key`, and `none` for a store in this process's memory. */
  readonly seal?: SealName | undefined
  /** Most bytes of one session. Default 65536. */
  readonly maxSize?: number | undefined
  /** Time limit of one store call. Default `'2s'`. */
  readonly storeTimeout?: Duration | undefined
  /** Default `throw`; see `get`. */
  readonly onStoreError?: 'throw' | 'anonymous' | undefined
  /** Keep changes also when the response's status is 500 or above. Default false. */
  readonly saveOnServerError?: boolean | undefined
  /** Write the session, with a new deadline and its cookie, at every request that carries it. Default false. */
  readonly saveEveryRequest?: boolean | undefined
  /**
   * Bytes of memory in which sessions that were opened lately are remembered in the clear, so that they are neither
   * decrypted nor parsed again. Default 16 MiB; false remembers nothing.
   */
  readonly memo?: number | false | undefined
  /**
   * Removes expired sessions about so often, in the background. Default `'1h'`, and false for a store that expires them by
   * itself and for sessions that rest in their cookies alone.
   */
  readonly sweep?: Duration | false | undefined
  /** Names a device from a User-Agent, for the user's list of sessions. */
  readonly device?: ((userAgent: string | null) => string | null) | undefined
  /** Called with every event. */
  readonly on?: Listener | undefined
  /** Moments in ms; for tests. Stores have a clock of their own. */
  readonly clock?: Clock | undefined
}

const KNOWN = [
  'store',
  'secrets',
  'cookie',
  'idle',
  'absolute',
  'remember',
  'expireAtBrowserClose',
  'credential',
  'serializer',
  'adoptFrom',
  'seal',
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

const oneOf = <T, K extends T>(name: string, value: T, known: readonly K[]): K => {
  if ((known as readonly T[]).includes(value)) return value as K
  throw new ConfigError(`${name} is one of: ${known.join(', ')}.`)
}

/**
 * Checks every option and builds what requests need. `store` is where sessions rest, null for the cookie engine; `swept` is
 * what holds anything that expires: the store, or the cookie engine's revocations.
 */
export function createContext(options: SessionsOptions): {
  core: SessionsContext
  store: Store | null
  swept: Store | null
  sealName: string
  close(): Promise<void>
} {
  checkOptions('createSessions()', options, KNOWN)
  const production = process.env.NODE_ENV === 'production'
  const { engine, ring, made } = essentials(options, production)
  if (isBacked(engine))
    for (const name of ['seal', 'maxSize', 'cookie'] as const)
      if (options[name] !== undefined) throw new ConfigError(`${name} is not for this engine, which has its own.`)
  const transport = isBacked(engine) ? engine.transport : cookieTransport(options.cookie, production)
  const clock = functionOr('clock', options.clock, Date.now)
  const credential = functionOr('credential', options.credential, undefined) ?? null
  const common = {
    ring,
    clock,
    timeout: milliseconds(options.storeTimeout ?? '2s', 'storeTimeout'),
    memo: memoOf(options.memo),
  }
  let backing: Backing
  let sealName: string
  if (isCookie(engine)) {
    if (options.seal !== undefined)
      throw new ConfigError('seal is for stores; the cookie engine has cookie({ protection }).')
    if (options.maxSize !== undefined) throw new ConfigError('maxSize is for stores; a cookie holds 4096 bytes.')
    sealName = engine.protection
    backing = cookieBacking({ ...common, engine, cookieName: transport.name })
  } else if (isBacked(engine)) {
    sealName = 'none'
    backing = engine.backing(common)
  } else {
    const { traits } = engine
    const standard: SealName = traits.shared === 'process' && traits.durable === 'no' ? 'none' : 'two-key'
    const seal = oneOf('seal', options.seal ?? standard, ['two-key', 'server-key', 'none'])
    sealName = seal
    backing = serverBacking({ ...common, store: engine, seal, maxSize: wholeSize(options.maxSize) })
  }
  const core: SessionsContext = {
    backing,
    ring,
    transport,
    clock,
    emit: emitter(functionOr('on', options.on, undefined)),
    policy: policyOf(options),
    saveOnServerError: flag('saveOnServerError', options.saveOnServerError, false),
    saveEveryRequest: flag('saveEveryRequest', options.saveEveryRequest, false),
    stamps: credential && createCredentialStamps(ring, credential, common.timeout),
    serializer: serializerOf(options.serializer),
    signedCookies: signedCookies({ ring, clock, sessionCookie: transport.name, secure: options.cookie?.secure }),
    adoption: visitorAdoption(options.adoptFrom, { ...common, backing, cookieName: transport.name }),
    onStoreError: oneOf('onStoreError', options.onStoreError ?? 'throw', ['throw', 'anonymous']),
    describeDevice: functionOr('device', options.device, describeDevice),
  }
  const store = isCookie(engine) ? null : isBacked(engine) ? engine.swept : engine
  const swept = isCookie(engine) ? (engine.revocations ?? null) : store
  const every = sweepOf(options.sweep, swept)
  const sweeper = swept && every ? new Sweeper({ store: swept, every, emit: core.emit }) : null
  const close = async () => {
    await sweeper?.close()
    await core.adoption?.close()
    // A store that was handed in belongs to whoever made it.
    if (made) await swept?.close()
  }
  return { core, store, swept, sealName, close }
}

/** Store and secrets; in development both may be left out, with one warning that says what production needs. */
function essentials(
  options: SessionsOptions,
  production: boolean,
): { engine: Engine; ring: LiveKeyring; made: boolean } {
  // Null too: what a configuration did not find must not become a key made on the spot.
  const missing = [options.secrets == null && 'secrets', options.store == null && 'store'].filter(Boolean)
  if (missing.length > 0 && production) throw new ConfigError(refusal(missing.join(' and ')))
  if (missing.length > 0)
    process.emitWarning(
      `createSessions() runs without ${missing.join(' and ')}: sessions ${missing.includes('store') ? 'are in memory and ' : ''}end with this process. Production refuses to start like this; there write createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: 'sqlite:./sessions.db' }).`,
      { code: 'STRONGROOM_DEVELOPMENT' },
    )
  const ring = createLiveKeyring(options.secrets ?? randomBytes(32))
  const made = typeof options.store === 'string' || options.store == null
  return { engine: engineFrom(options.store ?? 'memory:'), ring, made }
}

const refusal = (missing: string) =>
  `Production needs ${missing}. Write createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: 'sqlite:./sessions.db' }) and put the output of \`strongroom keys new\` into STRONGROOM_SECRETS.`

function policyOf({ idle, absolute, remember, expireAtBrowserClose }: SessionsOptions): SessionsContext['policy'] {
  const policy = {
    idle: idle === null ? 0 : milliseconds(idle ?? '30m', 'idle'),
    absolute: milliseconds(absolute ?? '12h', 'absolute'),
    remember: milliseconds(remember ?? '14d', 'remember'),
    persistent: !flag('expireAtBrowserClose', expireAtBrowserClose, true),
  }
  if (policy.idle > policy.absolute)
    throw new ConfigError('idle is longer than absolute, so it would never be reached.')
  return policy
}

function memoOf(given: number | false | undefined): number {
  if (given === false) return 0
  if (given === undefined) return 16 * 1024 * 1024
  if (Number.isSafeInteger(given) && given >= 0) return given
  throw new ConfigError('memo is a whole number of bytes, or false.')
}

/** Null for no sweeps. */
function sweepOf(given: Duration | false | undefined, swept: Store | null): number | null {
  if (given === false || (given === undefined && (!swept || swept.traits.expiresByItself))) return null
  if (!swept) throw new ConfigError('sweep has nothing to do: these sessions rest in their cookies alone.')
  const every = milliseconds(given === undefined ? '1h' : given, 'sweep')
  // The upper end is what a timer can count; above it, Node would sweep without a pause.
  if (every >= 1_000 && every <= 20 * 86_400_000) return every
  throw new ConfigError("sweep is at least '1s' and at most '20d', or false.")
}

function wholeSize(given: number | undefined): number {
  if (given === undefined) return 65_536
  if (Number.isSafeInteger(given) && given >= 256) return given
  throw new ConfigError('maxSize is a whole number of bytes, at least 256.')
}

function serializerOf(given: Serializer | undefined): Serializer | null {
  if (given === undefined) return null
  checkOptions('serializer', given, ['toJson', 'fromJson'])
  const { toJson, fromJson } = given
  if (typeof toJson === 'function' && typeof fromJson === 'function') return { toJson, fromJson }
  throw new ConfigError('serializer has two functions, toJson and fromJson.')
}

function flag(name: string, given: boolean | undefined, standard: boolean): boolean {
  return oneOf(name, given ?? standard, [true, false])
}

function functionOr<T>(name: string, given: T | undefined, standard: T): T {
  if (given === undefined || typeof given === 'function') return given ?? standard
  throw new ConfigError(`${name} is a function.`)
}
