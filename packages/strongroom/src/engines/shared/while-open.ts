import type { OpenState } from '../../base/open-state.ts'
import type { ChangeFeed, Schema, Store } from '../../store.ts'

/**
 * The optional parts of an inner store, for a store that is made of it: they stop working when that one is closed, although the
 * inner store stays open.
 */
export function lockWhileOpen(state: OpenState, store: Store): NonNullable<Store['tryWithLock']> | undefined {
  const tryWithLock = store.tryWithLock?.bind(store)
  return (
    tryWithLock &&
    (async (name, work) => {
      state.assertOpen()
      return tryWithLock(name, work)
    })
  )
}

export function feedWhileOpen(state: OpenState, feed: ChangeFeed): ChangeFeed {
  return {
    async listen(listener) {
      state.assertOpen()
      return feed.listen(listener)
    },
  }
}

export function schemaWhileOpen(state: OpenState, schema: Schema): Schema {
  return {
    get statements() {
      return schema.statements
    },
    async pending() {
      state.assertOpen()
      return schema.pending()
    },
    async migrate() {
      state.assertOpen()
      return schema.migrate()
    },
  }
}
