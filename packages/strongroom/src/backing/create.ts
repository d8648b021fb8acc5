import { insteadOf, oneOf } from '../base/check.ts'
import { type Aead, CIPHERS, createAead } from '../crypto/aead.ts'
import { createCopyKeys } from '../crypto/copy-keys.ts'
import type { LiveKeyring } from '../crypto/keyring.ts'
import type { CipherName, Primitives } from '../crypto/primitives.ts'
import { type CryptoOption, primitivesFor } from '../crypto/provider.ts'
import type { SealName } from '../crypto/seal.ts'
import { ConfigError } from '../errors.ts'
import { type CookieSettings, type CookieTransport, cookieTransport } from '../http/cookie.ts'
import { type CookieEngine, isInProcessMemory, type Store, type Traits } from '../store.ts'
import type { Backing, BackingEngine, BackingOptions, RememberedEnds } from './backing.ts'
import { cookieBacking } from './cookie.ts'
import { serverBacking } from './server.ts'

/** What the option `store` may be, once a URL has been opened. */
export type Engine = Store | CookieEngine | BackingEngine

/** Options of `createSessions` that not every engine has. */
export interface EngineOptions {
  readonly seal?: SealName | undefined
  readonly cipher?: CipherName | undefined
  readonly crypto?: CryptoOption | undefined
  readonly maxSize?: number | undefined
  readonly cookie?: CookieSettings | undefined
  readonly namespace?: string | undefined
}

export interface CreatedBacking {
  readonly backing: Backing
  readonly transport: CookieTransport
  /** Null for an engine with ids of its own. */
  readonly namespace: string | null
  readonly sealName: string
  readonly aead: Aead
  /** Where the sessions are; null if they are in their cookies. */
  readonly store: Store | null
  /** What has expired entries to clear: the store, or the cookie engine's revocations; null for none. */
  readonly swept: Store | null
  /** For an error about what takes a list of all sessions, or a sweep: why there is none, and what to use instead. */
  readonly advice: string
}

type CommonOptions = BackingOptions & {
  readonly ring: LiveKeyring
  readonly memo: number
  readonly production: boolean
  readonly remembered: RememberedEnds
  /** Instead of the one that follows from the options. */
  readonly transport: CookieTransport | undefined
}

const IN_COOKIES = 'these sessions are in their cookies, and not on the server.'

const withoutList = ({ engine }: Traits) => `the store ${engine} cannot list what is in it.`

const WITH_LISTS = ' Use memory, file, sqlite, postgres, mysql or redis, or cached over one of them.'

/** Throws `ConfigError` for an option that the engine does not have. */
export function createBacking(engine: Engine, options: EngineOptions, common: CommonOptions): CreatedBacking {
  const { crypto = 'auto' } = options
  const primitives = primitivesFor(oneOf('crypto', crypto, ['auto', 'node', 'sodium']))
  const created = backingFor(engine, options, { ...common, aead: aeadFor(primitives, options) })
  created.swept?.authenticate?.(createCopyKeys(common.ring, primitives, created.namespace ?? created.transport.name))
  return created
}

function backingFor(
  engine: Engine,
  options: EngineOptions,
  common: CommonOptions & { readonly aead: Aead },
): CreatedBacking {
  const { aead } = common
  if (isCookie(engine)) {
    if (options.seal !== undefined)
      throw new ConfigError('seal is for stores; the cookie engine has cookie({ protection }).')
    if (options.maxSize !== undefined) throw new ConfigError('maxSize is for stores; a cookie holds 4096 bytes.')
    if (options.cipher !== undefined && engine.protection === 'signed')
      throw new ConfigError("cipher is for what is sealed, and cookie({ protection: 'signed' }) seals nothing.")
    const transport = common.transport ?? cookieTransport(options.cookie, common.production)
    const namespace = namespaceOption(options, transport.name)
    const backing = cookieBacking({ ...common, engine, namespace, cookieName: transport.name })
    const swept = engine.revocations ?? null
    return { backing, transport, namespace, aead, sealName: engine.protection, store: null, swept, advice: IN_COOKIES }
  }
  if (isBacking(engine)) {
    for (const name of ['seal', 'cipher', 'maxSize', 'cookie', 'namespace'] as const)
      if (options[name] !== undefined)
        throw new ConfigError(`${name} is not an option with ${engine.traits.engine}, which has its own format.`)
    const { transport, swept } = engine
    const advice = swept ? withoutList(engine.traits) : IN_COOKIES
    const format = { transport, namespace: null, aead, sealName: 'none' }
    return { backing: engine.backing(common), ...format, store: swept, swept, advice }
  }
  const standard: SealName = isInProcessMemory(engine.traits) ? 'none' : 'two-key'
  const seal = oneOf('seal', options.seal ?? standard, ['two-key', 'server-key', 'none'])
  const transport = common.transport ?? cookieTransport(options.cookie, common.production)
  const namespace = namespaceOption(options, transport.name)
  const maxSize = sizeOption(options.maxSize)
  const backing = serverBacking({ ...common, store: engine, namespace, seal, maxSize })
  const advice = withoutList(engine.traits) + WITH_LISTS
  return { backing, transport, namespace, aead, sealName: seal, store: engine, swept: engine, advice }
}

function aeadFor(primitives: Primitives, { cipher }: EngineOptions): Aead {
  return createAead(primitives, cipher === undefined ? undefined : oneOf('cipher', cipher, CIPHERS))
}

const METHODS = ['create', 'read', 'update', 'touch', 'delete', 'clearExpired', 'close'] as const

/** Throws `ConfigError` unless this is an engine. */
export function checkEngine(given: Engine): Engine {
  if (typeof given !== 'object' || given === null || typeof given.traits !== 'object')
    throw new ConfigError(
      `store must be a store such as sqlite('./sessions.db'), cookie(), or a URL such as 'sqlite:./sessions.db'.${insteadOf(given) || insteadOfStore(given)}`,
    )
  const missing =
    isCookie(given) || isBacking(given) ? [] : METHODS.filter((method) => typeof given[method] !== 'function')
  if (missing.length > 0)
    throw new ConfigError(`store is not a store: it has no ${missing.map((method) => `${method}()`).join(', ')}.`)
  if (!isCookie(given) && !isBacking(given)) checkTraits(given.traits)
  return given
}

/** By the methods of what people have at hand. The module of each engine takes the client that goes with it. */
function insteadOfStore(given: unknown): string {
  const has = (...names: string[]) => names.every((name) => typeof (given as Anything | null)?.[name] === 'function')
  if (has('open', 'attach', 'read')) return ' It got sessions, which have a store of their own.'
  if (has('prepare', 'exec')) return ' It got a database: pass sqlite({ database }).'
  if (has('getBuffer') || has('evalSha')) return ' It got a client of Redis: pass redis({ client }).'
  if (has('getConnection') || has('execute')) return ' It got a client of MySQL: pass mysql({ client }).'
  if (has('query', 'connect')) return ' It got a client of PostgreSQL: pass postgres({ client }).'
  // A client of node-redis has the three, too.
  if (has('get', 'set', 'destroy')) return ' It got a store of express-session: docs/coming-from.md names our engines.'
  return ''
}

/** Of a store of one's own: without a limit, for example, each write would fail, and say NaN. */
function checkTraits(traits: Traits): void {
  for (const [name, isFine] of Object.entries(TRAITS)) {
    const value: unknown = traits[name as keyof Traits]
    if (!isFine(value))
      throw new ConfigError(`store is not a store: its traits.${name} ${WANTED[name as keyof Traits]}.`)
  }
}

const isBoolean = (value: unknown) => typeof value === 'boolean'
const isPositive = (value: unknown) => typeof value === 'number' && value > 0

const TRAITS: Readonly<Record<keyof Traits, (value: unknown) => boolean>> = {
  engine: (value) => typeof value === 'string' && value !== '',
  durable: (value) => ['no', 'process', 'machine'].includes(value as string),
  shared: (value) => ['process', 'machine', 'network'].includes(value as string),
  expiresByItself: isBoolean,
  granularity: isPositive,
  sizeLimit: (value) => value === null || isPositive(value),
  evicts: isBoolean,
  revocable: isBoolean,
}

const TRUE_OR_FALSE = 'must be true or false'

const WANTED: Readonly<Record<keyof Traits, string>> = {
  engine: 'must be its name',
  durable: 'must be "no", "process" or "machine"',
  shared: 'must be "process", "machine" or "network"',
  expiresByItself: TRUE_OR_FALSE,
  granularity: 'must be a number of ms',
  sizeLimit: 'must be a number of bytes, or null for no limit',
  evicts: TRUE_OR_FALSE,
  revocable: TRUE_OR_FALSE,
}

type Anything = Readonly<Record<string, unknown>>

const isCookie = (engine: Engine): engine is CookieEngine => 'kind' in engine && engine.kind === 'cookie'
const isBacking = (engine: Engine): engine is BackingEngine => 'kind' in engine && engine.kind === 'backing'

function sizeOption(given: number | undefined): number {
  if (given === undefined) return 65_536
  if (Number.isSafeInteger(given) && given >= 256) return given
  throw new ConfigError('maxSize must be a whole number of bytes, at least 256.')
}

function namespaceOption({ namespace: given, cookie }: EngineOptions, cookieName: string): string {
  if (given === undefined && cookie?.formerName !== undefined)
    throw new ConfigError(
      `cookie.formerName needs the namespace of the old cookies, or none of them would open. Write namespace: '${cookie.formerName}', which was theirs unless you had set one.`,
    )
  if (given === undefined) return cookieName
  if (typeof given === 'string' && /^[\x21-\x7e]{1,256}$/.test(given)) return given
  throw new ConfigError('namespace must be a string of 1 to 256 printable ASCII characters, without spaces.')
}
