import { withoutDevices } from './admin/users.ts'
import { NEEDS_STORE } from './adoption/origin.ts'
import { type BaseSessions, sessionsOf } from './assemble.ts'
import { createContext, type SessionsOptions } from './create.ts'
import { nodeOnly } from './crypto/checked.ts'
import { ConfigError, UnsupportedError } from './errors.ts'
import type { Parts } from './parts.ts'
import type { createSessions as createAnySessions } from './sessions.ts'

export * from './index.ts'

const EXAMPLE = 'createSessions({ secrets: process.env.STRONGROOM_SECRETS, store: cookie() })'

function refuseStored(): never {
  throw new ConfigError(
    `In a Worker, 'strongroom' has sessions in cookies alone, to be small: write ${EXAMPLE}. For a store, or a URL, import createSessions from 'strongroom/stores'.`,
  )
}

const parts: Parts = {
  example: EXAMPLE,
  primitivesFor(option) {
    if (option !== 'sodium') return nodeOnly()
    throw new ConfigError("crypto: 'sodium' cannot be used in a Worker, which loads no native addons. Leave it out.")
  },
  engineOf: (given) => ({
    engine: typeof given === 'object' && given !== null ? given : refuseStored(),
    ownsStore: false,
  }),
  createStored: refuseStored,
  adoption: {
    sourceClients(given) {
      if (given === undefined) return []
      throw new ConfigError(`adoptFrom needs a store. ${NEEDS_STORE}`)
    },
    endsRemembered: () => ({ all: 0, one: 0 }),
    adoptionOf: () => null,
    adopt: async () => {
      throw new UnsupportedError(NEEDS_STORE)
    },
  },
  userLimit: null,
  userDevices: withoutDevices,
  watcher() {
    throw new ConfigError("Connections are watched by the other createSessions: import it from 'strongroom/stores'.")
  },
  operators: null,
}

/**
 * What 'strongroom' is where a bundler sets the condition "workerd", as Cloudflare's does. `strongroom/stores` has the other
 * `createSessions`, there as everywhere.
 */
export const createSessions = ((options: SessionsOptions = {}): BaseSessions<Record<string, unknown>> => {
  // Here already, because no store is made up: the warning about one that is would be wrong.
  if (options?.store == null && process.env.NODE_ENV !== 'production') refuseStored()
  return sessionsOf(createContext(options, parts))
}) as typeof createAnySessions
