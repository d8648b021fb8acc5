import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import type { Entry, Store } from '../../../packages/strongroom/src/store.ts'
import { manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import type { StoreUnderTest } from '../../../packages/strongroom/src/testing/store-suite.ts'

export const HOUR = 3_600_000
export const OWNER = 'b'.repeat(64)

export const id = (name: string | number) => String(name).padStart(64, '0') as Id

export function entry(fields: Partial<Entry> = {}): Entry {
  const createdAt = Date.now()
  return { bytes: Buffer.from('bytes'), expiresAt: createdAt + HOUR, owner: null, label: null, createdAt, ...fields }
}

type Options = Exclude<Parameters<typeof redis>[0], string>
export type Made = ReturnType<typeof redis>

let prefixes = 0

/** A subject for the store suite, under a prefix of its own; `make` creates a store from options. */
export function subjectOf(
  make: (options: object) => Made,
  more: { readonly breakBackend?: () => Promise<void>; readonly end?: () => Promise<void> } = {},
): StoreUnderTest {
  const clock = manualClock()
  prefixes += 1
  const prefix = `suite*${prefixes}:`
  const stores: Store[] = []
  const another = (options: object = {}) => {
    const store = make({ prefix, clock, timeout: 500, ...options })
    stores.push(store)
    return store
  }
  return {
    store: another(),
    clock,
    peer: async () => another(),
    sibling: async () => another({ prefix: `${prefix}beside:` }),
    ...(more.breakBackend && { breakBackend: more.breakBackend }),
    close: async () => {
      for (const store of stores) await store.close()
      await more.end?.()
    },
  }
}

/** The same as `redis()`, for tests that assemble options. */
export const make = (options: object): Made => redis(options as Options)
