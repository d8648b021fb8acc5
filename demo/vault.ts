import { createSessions, type Id, type IndexedStore, type Sessions, type Store } from 'strongroom'
// No application needs these: the page about the thief shows the session's row, and only the inside leads there.
import { createKeyring, engineFromUrl, verifyToken } from 'strongroom/internal'
import { keyIn } from './key.ts'
import type { Basket } from './shop/basket.ts'

/** What the shop puts into a session. */
export interface Visit {
  readonly name: string
  readonly basket: Basket
}

/** The sessions, and the store below them, which only the page about the thief reads directly. */
export interface Vault {
  readonly sessions: Sessions<Visit>
  /** Null if sessions are in their cookies. */
  readonly store: Store | null
  readonly plainCookie: boolean
  /** The id of a cookie's session in the store. This needs the keys: nothing public leads from a session to its id. */
  idOf(cookie: string): Id | null
  /** The engine's name, as people write it. */
  readonly engine: string
  /** Engine and seal, for people. */
  readonly storage: string
  close(): Promise<void>
}

/** Throws `ConfigError` for a URL that cannot be understood, and `StoreError` for a store that does not answer. */
export async function openVault(choices: { store: string; plainCookie: boolean }): Promise<Vault> {
  const { plainCookie } = choices
  const opened = engineFromUrl(choices.store)
  const store = 'kind' in opened ? null : opened
  const secrets = keyIn('.strongroom/demo.key')
  const ring = createKeyring(secrets)
  const sessions = createSessions<Visit>({
    // Without an owner index, the page about devices does not ask for the list.
    store: opened as IndexedStore,
    secrets,
    // Sessions in their cookies leave nothing to sweep.
    ...(store && { sweep: '10m' }),
    ...(plainCookie && { cookie: { name: 'id', secure: false } }),
  })
  // A demonstration may create its own table.
  await store?.schema?.migrate()
  // The first sweep also shows whether the store can be used, before the address is printed.
  await sessions.clearExpired()
  const engine = ENGINES[sessions.policy.engine] ?? sessions.policy.engine
  return {
    sessions,
    store,
    plainCookie,
    idOf(cookie) {
      const token = verifyToken(cookie, ring, sessions.policy.cookieName)
      return typeof token === 'string' ? null : token.id
    },
    engine,
    storage: `${engine}, ${SEALS[sessions.policy.seal] ?? sessions.policy.seal}`,
    async close() {
      await sessions.close()
      await ('kind' in opened ? opened.revocations : opened)?.close()
    },
  }
}

const ENGINES: Readonly<Record<string, string>> = {
  sqlite: 'SQLite',
  file: 'files',
  memory: 'memory',
  postgres: 'PostgreSQL',
  mysql: 'MariaDB or MySQL',
  redis: 'Redis',
  memcached: 'memcached',
}

const SEALS: Readonly<Record<string, string>> = {
  'two-key': 'sealed with two keys',
  none: 'not sealed',
  sealed: 'encrypted',
  signed: 'readable, protected from changes',
}
