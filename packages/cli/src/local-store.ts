import type { Store } from 'strongroom'
import { contentOf, type LocalStore, localStoresIn, storeFromUrl } from 'strongroom/internal'
import { memory } from 'strongroom/memory'
import { misuse } from './failure.ts'
import { checkPath, exists } from './paths.ts'

/**
 * Refuses a URL of a file or a directory that has no sessions. A store that is opened makes its table or its folders in whatever is
 * there; then a mistyped path, or the database of something else, would read as a store in which nobody is signed in.
 */
export function checkLocalStores(url: string): void {
  for (const store of localStoresIn(url)) {
    checkPath(store.path)
    const content = contentOf(store)
    if (content !== 'store') throw misuse(content === 'django' ? djangoIn(store) : nothingIn(store))
  }
}

const djangoIn = ({ path }: LocalStore) =>
  `${path} has no sessions of Strongroom, but those of a Django: clear-expired and move read them as django+sqlite:${path}. Nothing was created.`

function nothingIn(store: LocalStore): string {
  const sign =
    store.engine === 'file'
      ? 'it is no session directory, which has the folders sessions, owners and locks'
      : `it has no table ${store.table}`
  return `${store.path} has no sessions of Strongroom: ${sign}. Nothing was created. If the path is right and the application has not stored a session yet, there is nothing to do.`
}

/** The store to move to. A dry run must not make it: while it is missing, it is empty, as the one in memory that stands for it. */
export function targetStore(url: string, { dryRun }: { readonly dryRun: boolean }): Store {
  const store = storeFromUrl(url)
  if (!dryRun) return store
  const local = localStoresIn(url)
  const isMissing = (one: LocalStore) => !exists(one.path) || contentOf(one) !== 'store'
  if (!local.some(isMissing)) return store
  // Of a store made of two, the other one may have some.
  if (!local.every(isMissing)) checkLocalStores(url)
  return Object.assign(memory(), { traits: store.traits, close: () => store.close() })
}
