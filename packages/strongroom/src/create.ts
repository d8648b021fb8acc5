import { type CreatedBacking, createBacking, type Engine } from './backing/create.ts'
import { OwnEnds } from './backing/ends.ts'
import type { Calls } from './backing/guard.ts'
import { isBuilding } from './base/building.ts'
import { booleanOption, checkOptions, functionOption, oneOf } from './base/check.ts'
import { type Duration, milliseconds } from './base/duration.ts'
import type { Policy, SessionsContext } from './context.ts'
import { createCredentialStamps, lateCredential } from './credential.ts'
import { createLiveKeyring, isRing, type LiveKeyring } from './crypto/keyring.ts'
import { developmentDefaults as madeUp } from './development.ts'
import type { SessionsBackend } from './engines/shared/backend.ts'
import { ConfigError } from './errors.ts'
import { emitter } from './events.ts'
import { type SignedCookies, signedCookies } from './http/signed-cookies.ts'
import type { Transport } from './http/transport.ts'
import { type AllOptions, KNOWN, type SessionsOptions } from './options.ts'
import type { Parts } from './parts.ts'
import type { Preset } from './policy/presets.ts'
import { TOUCH_SHARE } from './session/lifetime.ts'
import type { Serializer } from './session/serializer.ts'

export interface Created extends Pick<CreatedBacking, 'sealName' | 'aead' | 'store' | 'swept' | 'advice'> {
  readonly context: SessionsContext
  readonly parts: Parts
  readonly developmentDefaults: readonly ('secrets' | 'store')[]
  readonly signedCookies: SignedCookies
  /** What the option `preset` says. */
  readonly stated: Preset<Readonly<Record<string, unknown>>>
  /** For `strongroom doctor`. */
  readonly behind: SessionsBackend
  /** Time limit of one store call, in ms. */
  readonly timeout: number
  close(): Promise<void>
}

/** What only a compatible layer decides, and no option of `createSessions` does. */
export interface Layer {
  /** The layer's cookie instead of ours. */
  readonly transport?: Transport | undefined
  readonly resaves?: boolean | undefined
  readonly touchShare?: number | undefined
}

/** Checks every option and makes what requests need. */
export function createContext(given: AllOptions, parts: Parts, layer: Layer = {}): Created {
  if (typeof given === 'string') throw new ConfigError(`createSessions() takes options: write ${parts.example}.`)
  checkOptions('createSessions()', given, KNOWN, parts.otherOptions)
  const production = process.env.NODE_ENV === 'production'
  const timeout = milliseconds(given.storeTimeout ?? '2s', 'storeTimeout')
  const { engine, ring, ownsStore, developmentDefaults } = essentials(given, parts, { production, timeout })
  const inStore = !('kind' in engine)
  const stated = parts.presetOf(given, inStore)
  const { options } = stated
  const clock = functionOption('clock', options.clock, Date.now)
  const calls: Calls = { around: null, call: null }
  const policy = policyOf(options, stated.name !== null)
  const renewal = parts.renewalOf(options, {
    longest: Math.max(policy.absolute, policy.remember),
    inStore,
    isPreset: given.renewEvery === undefined,
  })
  const common = { ring, clock, timeout, calls, memo: memoOption(options.memo), renewal: renewal?.facts }
  const { sourceClients, endsRemembered, adoptionOf } = parts.adoption
  const sources = sourceClients(options.adoptFrom, timeout)
  const created = createBacking(engine, options, {
    ...common,
    production,
    remembered: endsRemembered(sources),
    // As it was passed: with `bearer()`, a preset for cookies is no mistake.
    transport: layer.transport ?? transportOption(given),
    parts,
  })
  const { backing, transport, namespace, sealName, aead, store, swept, advice } = created
  const credential = functionOption('credential', options.credential, undefined) ?? null
  const serializer = serializerOption(options.serializer)
  const saveEveryRequest = booleanOption('saveEveryRequest', options.saveEveryRequest, false)
  const audit = parts.audit(options)
  const addresses = parts.addressesOf(options, { backing, namespace, timeout })
  const emit = emitter(functionOption('on', options.on, undefined), {
    strangers: parts.strangers(transport, developmentDefaults),
    complete: audit?.complete,
  })
  const context: SessionsContext = {
    backing,
    ring,
    namespace,
    transport,
    clock,
    emit,
    audit,
    ends: new OwnEnds(),
    calls,
    policy,
    renewal,
    anonymous: parts.anonymousOf?.(options.anonymous, { policy, clock, emit, namespace, warnOfShort }) ?? null,
    saveOnServerError: booleanOption('saveOnServerError', options.saveOnServerError, false),
    saveEveryRequest,
    resaves: layer.resaves ?? false,
    touchShare: layer.touchShare ?? TOUCH_SHARE,
    extendsUnused: saveEveryRequest || ('extendsUnused' in engine && engine.extendsUnused === true),
    stamps: credential && createCredentialStamps(ring, credential, parts.limitOf(timeout, lateCredential(timeout))),
    serializer,
    dataRules: options.dataSchema === undefined ? null : parts.dataRules(options.dataSchema, serializer),
    userLimit: parts.userLimit,
    proofs: parts.proofs,
    adoption: adoptionOf(sources, { clock, backing, transport }),
    onStoreError: oneOf('onStoreError', options.onStoreError ?? 'throw', ['throw', 'anonymous']),
    describeDevice: functionOption('device', options.device, parts.describeDevice),
    addresses,
    signals: parts.signalsOf?.(options.signals, { namespace, addresses, timeout }) ?? null,
    guessing: parts.guessingOf?.(options) ?? null,
    signIn: parts.signInPolicyOf(options, transport),
    binding: parts.binding(options.deviceBound, {
      ring,
      clock,
      namespace,
      transport,
      store,
      cookie: options.cookie,
    }),
  }
  const sweeps = parts.sweeps(options.sweep, { swept, advice, backing, emit: context.emit })
  const close = async () => {
    await sweeps.close()
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
    setCookie: transport.other ? null : transport.set('value'),
    isDropIn: layer.transport !== undefined,
    formerName: options.cookie?.formerName ?? null,
    sweep: sweeps.every,
    usesSodium: aead.crypto === 'sodium',
    adoptFrom: sources,
    hasSecrets: (secrets: string) => ring.hasKeys && isRing(ring, secrets),
  }
  return {
    context,
    parts,
    developmentDefaults,
    signedCookies: signed,
    stated: { ...stated, options: { ...options } },
    behind,
    store,
    swept,
    advice,
    sealName,
    aead,
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
  // What a build needs of sessions is that they can be created. Code that asks for one gets the error that production would have given.
  const withheld = refused && createLiveKeyring(() => Promise.reject(refused), timeout)
  const given = createLiveKeyring(options.secrets ?? madeUp().secret, timeout)
  const ring = withheld ?? given
  return { ...engineOf(options.store), ring, developmentDefaults: missing }
}

const refusal = (missing: string, example: string) =>
  `Production needs ${missing}. Write ${example}, and put the output of \`npx @strongroom/cli keys new\` into STRONGROOM_SECRETS.`

/** `keepsIdle`: does a remembered session have the idle limit, too? */
function policyOf({ idle, absolute, remember, expireAtBrowserClose }: SessionsOptions, keepsIdle: boolean): Policy {
  const idleMs = idle === null ? 0 : milliseconds(idle ?? '30m', 'idle')
  const policy = {
    idle: idleMs,
    // Null is refused: it looks like "no limit", which there is only for `idle`.
    absolute: milliseconds(absolute === undefined ? '12h' : absolute, 'absolute'),
    remember: milliseconds(remember === undefined ? '14d' : remember, 'remember'),
    rememberIdle: keepsIdle ? idleMs : 0,
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
function warnOfShort(lifetimes: Readonly<Record<string, Duration | null | undefined>>): void {
  for (const [name, given] of Object.entries(lifetimes))
    if (given != null && milliseconds(given, name) < 1_000)
      process.emitWarning(
        `createSessions() has ${name}: ${JSON.stringify(given)}, so sessions end in less than a second. A number is milliseconds; write minutes or hours as '30m' or '12h'.`,
        { code: 'STRONGROOM_LIFETIME' },
      )
}

/** The cookie is checked where it is made. */
function transportOption(options: SessionsOptions): Transport | undefined {
  const { transport } = options
  if (transport === undefined) return undefined
  if (!transport?.other) throw new ConfigError('transport must be bearer().')
  transport.other.check({ ...options })
  return transport
}

function memoOption(given: number | false | undefined): number {
  if (given === false) return 0
  if (given === undefined) return 16 * 1024 * 1024
  if (Number.isSafeInteger(given) && given >= 0) return given
  throw new ConfigError('memo must be a whole number of bytes, or false.')
}

function serializerOption(given: Serializer | undefined): Serializer | null {
  if (given === undefined) return null
  checkOptions('serializer', given, ['toJson', 'fromJson'])
  const { toJson, fromJson } = given
  if (typeof toJson === 'function' && typeof fromJson === 'function') return { toJson, fromJson }
  throw new ConfigError('serializer must have two functions, toJson and fromJson.')
}
