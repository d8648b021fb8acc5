import { withoutOperators } from './admin/operators.ts'
import { withoutDevices } from './admin/users.ts'
import { withoutSweeps } from './admin/without-sweeps.ts'
import { NEEDS_STORE } from './adoption/origin.ts'
import { type BaseSessions, sessionsOf } from './assemble.ts'
import { limitEach } from './base/time-limit.ts'
import { createContext } from './create.ts'
import { nodeOnly } from './crypto/checked.ts'
import { ConfigError, UnsupportedError } from './errors.ts'
import type { AllOptions } from './options.ts'
import type { Parts } from './parts.ts'
import { rulesFor } from './session/data-rules.ts'
import { keptKeys } from './session/kept-keys.ts'
import type { createSessions as createAnySessions } from './sessions.ts'

export * from './index.ts'

const EXAMPLE = 'createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: cookie() })'

function refuseStored(): never {
  throw new ConfigError(`In a Worker, write ${EXAMPLE}. For a store, import createSessions from 'strongroom/stores'.`)
}

const ELSEWHERE = "by createSessions from 'strongroom/stores'."

function refuseCall(): never {
  throw new UnsupportedError(`This is done ${ELSEWHERE}`)
}

const STORED = [
  'address',
  'adoptFrom',
  'anonymous',
  'clearSiteData',
  'deviceBound',
  'eventUserIds',
  'guessing',
  'keep',
  'onLogin',
  'onLoginFailed',
  'onLogout',
  'onReuse',
  'place',
  'preset',
  'renewEvery',
  'renewGrace',
  'requestId',
  'signals',
] as const satisfies readonly (keyof AllOptions)[]

const NOT_ATTACHED =
  'This request did not come through an adapter of these sessions: write withSessions(sessions, handler), or use sessions.read(request).'

const parts: Parts = {
  example: EXAMPLE,
  otherOptions: {},
  primitivesFor(option) {
    if (option !== 'sodium') return nodeOnly()
    throw new ConfigError("A Worker has no native addons: leave out crypto: 'sodium'.")
  },
  engineOf: (given) => ({
    engine: typeof given === 'object' && given !== null ? given : refuseStored(),
    ownsStore: false,
  }),
  presetOf: (options) => ({ name: null, options, deviations: [] }),
  policyReport: () => ({ preset: null, deviations: [], table: refuseCall }),
  limitOf: limitEach,
  createStored: refuseStored,
  copyKeys() {
    throw new ConfigError('Revocations are never read from a copy: give cookie() the durable store of cached().')
  },
  notAttached: { of: () => NOT_ATTACHED, outside: NOT_ATTACHED },
  adoption: {
    sourceClients: () => [],
    endsRemembered: () => ({ all: 0, one: 0 }),
    adoptionOf: () => null,
    adopt: async () => {
      throw new UnsupportedError(NEEDS_STORE)
    },
  },
  dataRules(given, serializer) {
    // Checked by name, because a check by its own function would bring all of it into every bundle.
    const rules = rulesFor(given)
    if (rules) return rules(serializer)
    throw new ConfigError("In a Worker, wrap it in dataSchema() from 'strongroom/data-schema'.")
  },
  renewalOf: () => null,
  userLimit: null,
  proofs: {
    checkStepUp: refuseCall,
    checkLogin: refuseCall,
    requireFresh: refuseCall,
    of: () => [],
    noted: (meta) => meta,
    deviceProvedAt: () => null,
  },
  peek: refuseCall,
  userDevices: withoutDevices,
  describeDevice: () => null,
  addressesOf: () => null,
  signInPolicyOf: () => ({
    keep: 'all',
    keptBy: keptKeys,
    siteDataOf: (options) => (options ? refuseCall() : null),
  }),
  binding: () => null,
  sweeps: withoutSweeps,
  strangers: () => undefined,
  audit: () => null,
  loginFailed: refuseCall,
  watcher: refuseCall,
  operators: withoutOperators,
}

/**
 * What 'strongroom' is where a bundler sets the condition "workerd", as Cloudflare's does. `strongroom/stores` has the other
 * `createSessions`, there as everywhere.
 */
export const createSessions = ((options: AllOptions = {}): BaseSessions<Record<string, unknown>> => {
  // Here already, because no store is made up: the warning about one that is would be wrong.
  if (options?.store == null && process.env.NODE_ENV !== 'production') refuseStored()
  for (const name of STORED)
    if ((options?.[name] ?? false) !== false) throw new ConfigError(`The option ${name} is understood ${ELSEWHERE}`)
  return sessionsOf(createContext(options, parts))
}) as typeof createAnySessions
