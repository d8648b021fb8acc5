import { storeFromUrl } from '../src/engines/url.ts'
import { createSessions, type OwnedStore, type Sessions, type Store } from '../src/index.ts'
import { keyIn } from './key.ts'
import type { Basket } from './shop/basket.ts'

/** What the shop keeps in a session. */
export interface Visit {
  readonly name: string
  readonly basket: Basket
}

/** The sessions, and the store beneath them, which only the page about the thief looks into. */
export interface Vault {
  readonly sessions: Sessions<Visit>
  /** Null where sessions rest in their cookies. */
  readonly store: Store | null
  readonly plainCookie: boolean
  /** The engine as people write it. */
  readonly engine: string
  /** Engine and seal in words. */
  readonly resting: string
  close(): Promise<void>
}

/** Throws `ConfigError` for a URL that is not understood, `StoreError` for a store that does not answer. */
export async function openVault(choices: { store: string; plainCookie: boolean }): Promise<Vault> {
  const { plainCookie } = choices
  const store = choices.store.startsWith('cookie:') ? null : storeFromUrl(choices.store)
  const sessions = createSessions<Visit>({
    // Where there is no owner index, the page about devices does not ask for the list.
    store: (store as OwnedStore | null) ?? choices.store,
    secrets: keyIn('.strongroom/demo.key'),
    // There is nothing to sweep where sessions rest in their cookies.
    ...(store && { sweep: '10m' }),
    ...(plainCookie && { cookie: { name: 'id', secure: false } }),
  })
  // The first sweep also shows whether the store can be used, before anybody is told that the demo runs.
  await sessions.clearExpired()
  const engine = ENGINES[sessions.policy.engine] ?? sessions.policy.engine
  return {
    sessions,
    store,
    plainCookie,
    engine,
    resting: `${engine}, ${SEALS[sessions.policy.seal] ?? sessions.policy.seal}`,
    async close() {
      await sessions.close()
      await store?.close()
    },
  }
}

const ENGINES: Readonly<Record<string, string>> = { sqlite: 'SQLite', file: 'files', memory: 'memory' }

const SEALS: Readonly<Record<string, string>> = {
  'two-key': 'sealed with two keys',
  none: 'not sealed',
  sealed: 'encrypted',
  signed: 'readable, protected from change',
}
