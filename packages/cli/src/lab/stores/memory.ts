import type { Backend } from '../running.ts'
import type { Storage } from '../site.ts'

/** For what leaves nothing outside of the application's process. */
export const NOTHING: Storage = {
  server: null,
  files: async () => null,
  backup: async () => null,
  rows: null,
  cache: null,
}

export const memoryBackend = async (): Promise<Backend> => ({
  settings: { store: 'memory:' },
  storage: NOTHING,
  version: null,
  stop: async () => undefined,
})
