import type { Backend } from '../running.ts'
import { NOTHING } from './memory.ts'
import { sqliteBackend } from './sqlite.ts'

export const cookieBackend = (protection: 'sealed' | 'signed') => async (): Promise<Backend> => ({
  settings: { store: `cookie:?protection=${protection}` },
  storage: NOTHING,
  version: null,
  stop: async () => undefined,
})

/** Sealed cookies, and a SQLite database for what makes an end final. */
export async function revocableCookieBackend(): Promise<Backend> {
  const revocations = await sqliteBackend()
  const url = revocations.settings.store ?? ''
  return { ...revocations, settings: { store: `cookie:?revocations=${encodeURIComponent(url)}` } }
}
