import { oneOf } from '../base/check.ts'
import type { LimitOf } from '../base/time-limit.ts'
import { type Aead, CIPHERS, createAead } from '../crypto/aead.ts'
import type { LiveKeyring } from '../crypto/keyring.ts'
import type { CipherName, Primitives } from '../crypto/primitives.ts'
import type { CryptoOption } from '../crypto/provider.ts'
import type { SealName } from '../crypto/seal.ts'
import { ConfigError } from '../errors.ts'
import { type CookieSettings, cookieTransport } from '../http/cookie.ts'
import { type Transport, tokenNamespace } from '../http/transport.ts'
import type { CookieEngine, CopyKeys, Store } from '../store.ts'
import type { Backing, BackingEngine, BackingOptions, RememberedEnds } from './backing.ts'
import { cookieBacking } from './cookie.ts'
import type { RenewalTimes } from './succession.ts'

/** What the option `store` may be, once a URL has been opened. */
export type Engine = Store | CookieEngine | BackingEngine

/** Options of `createSessions` that not every engine has. */
export interface EngineOptions {
  readonly seal?: SealName | undefined
  readonly cipher?: CipherName | undefined
  readonly crypto?: CryptoOption | undefined
  readonly maxSize?: number | undefined
  readonly cookie?: CookieSettings | undefined
  readonly transport?: Transport | undefined
  readonly namespace?: string | undefined
}

export interface CreatedBacking {
  readonly backing: Backing
  readonly transport: Transport
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

export type CommonOptions = BackingOptions & {
  readonly ring: LiveKeyring
  readonly memo: number
  readonly production: boolean
  readonly remembered: RememberedEnds | undefined
  readonly renewal: RenewalTimes | undefined
  /** Instead of the cookie that follows from the options. */
  readonly transport: Transport | undefined
}

/** For every engine but that of cookies. */
export type CreateStored = (
  engine: Exclude<Engine, CookieEngine>,
  options: EngineOptions,
  common: CommonOptions & { readonly aead: Aead },
) => CreatedBacking

/** What is there only where sessions in stores are. */
export interface BackingParts {
  readonly createStored: CreateStored
  /** For a store that keeps copies. */
  copyKeys(ring: LiveKeyring, primitives: Primitives, namespace: string): CopyKeys
  primitivesFor(option: CryptoOption): Primitives
  /** For calls of the store of revocations, and of the option `credential`. */
  readonly limitOf: LimitOf
}

export const IN_COOKIES = 'these sessions are in their cookies, and not on the server.'

/** Throws `ConfigError` for an option that the engine does not have. */
export function createBacking(
  engine: Engine,
  options: EngineOptions,
  { parts, ...common }: CommonOptions & { readonly parts: BackingParts },
): CreatedBacking {
  const { crypto = 'auto' } = options
  const primitives = parts.primitivesFor(oneOf('crypto', crypto, ['auto', 'node', 'sodium']))
  const aead = aeadFor(primitives, options)
  const created = isCookie(engine)
    ? createCookie(engine, options, { ...common, aead, limitOf: parts.limitOf })
    : parts.createStored(engine, options, { ...common, aead })
  created.swept?.authenticate?.(parts.copyKeys(common.ring, primitives, created.namespace ?? created.transport.name))
  return created
}

function createCookie(
  engine: CookieEngine,
  options: EngineOptions,
  common: CommonOptions & { readonly aead: Aead; readonly limitOf: LimitOf },
): CreatedBacking {
  const { aead } = common
  if (options.seal !== undefined)
    throw new ConfigError('seal is for stores; the cookie engine has cookie({ protection }).')
  if (options.maxSize !== undefined) throw new ConfigError('maxSize is for stores; a cookie holds 4096 bytes.')
  if (options.cipher !== undefined && engine.protection === 'signed')
    throw new ConfigError("cipher is for what is sealed, and cookie({ protection: 'signed' }) seals nothing.")
  const transport = common.transport ?? cookieTransport(options.cookie, common.production)
  const namespace = namespaceOption(options, transport.name)
  const bound = { namespace, tokenNamespace: tokenNamespace(namespace, transport) }
  const backing = cookieBacking({ ...common, ...bound, engine, cookieName: transport.name })
  const swept = engine.revocations ?? null
  return { backing, transport, namespace, aead, sealName: engine.protection, store: null, swept, advice: IN_COOKIES }
}

function aeadFor(primitives: Primitives, { cipher }: EngineOptions): Aead {
  return createAead(primitives, cipher === undefined ? undefined : oneOf('cipher', cipher, CIPHERS))
}

export const isCookie = (engine: Engine): engine is CookieEngine => 'kind' in engine && engine.kind === 'cookie'

export function namespaceOption({ namespace: given, cookie }: EngineOptions, cookieName: string): string {
  if (given === undefined && cookie?.formerName !== undefined)
    throw new ConfigError(
      `cookie.formerName needs the namespace of the old cookies, or none of them would open. Write namespace: '${cookie.formerName}', which was theirs unless you had set one.`,
    )
  if (given === undefined) return cookieName
  if (typeof given === 'string' && /^[\x21-\x7e]{1,256}$/.test(given)) return given
  throw new ConfigError('namespace must be a string of 1 to 256 printable ASCII characters, without spaces.')
}
