import { randomBytes } from 'node:crypto'
import type { IndexedStore } from './store.ts'

/** What stands in for options that were left out. */
export interface DevelopmentDefaults {
  readonly secret: Uint8Array
  /** The one that was made first. */
  store(make: () => IndexedStore): IndexedStore
  /** Prints each message once. */
  warn(message: string): void
}

/** Its number changes with the store contract: of several releases in one process, each has its own. */
const KEY = Symbol.for('strongroom.development.1')

/**
 * One for the process, because a development server bundles the module that calls `createSessions` several times (Next: for pages,
 * route handlers and the proxy), and runs it again after each change. With a store for each, a visitor would be signed in on one
 * page and not on the next. Tests, which have one process for many applications, get their own.
 */
export function developmentDefaults(): DevelopmentDefaults {
  if (process.env.NODE_ENV === 'test' || process.env.NODE_TEST_CONTEXT !== undefined) return made()
  const place = globalThis as { [KEY]?: DevelopmentDefaults }
  place[KEY] ??= made()
  return place[KEY]
}

function made(): DevelopmentDefaults {
  const warned = new Set<string>()
  let store: IndexedStore | undefined
  return {
    secret: randomBytes(32),
    store(make) {
      store ??= make()
      return store
    },
    warn(message) {
      if (warned.has(message)) return
      warned.add(message)
      process.emitWarning(message, { code: 'STRONGROOM_DEVELOPMENT' })
    },
  }
}
