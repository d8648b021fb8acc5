import { createAead } from '../../../packages/strongroom/src/crypto/aead.ts'
import { createKeyring } from '../../../packages/strongroom/src/crypto/keyring.ts'
import { primitivesFor } from '../../../packages/strongroom/src/crypto/provider.ts'
import { createSeal, type SealName } from '../../../packages/strongroom/src/crypto/seal.ts'
import { newToken, verifyToken } from '../../../packages/strongroom/src/crypto/token.ts'
import { encodeContent } from '../../../packages/strongroom/src/session/content.ts'
import { createSessions } from '../../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../../packages/strongroom/src/store.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { secret } from '../../core/fixtures/secret.ts'
import type { Anything, Format } from './subject.ts'

export const SECRET = secret('conformance')

/** `createSessions`. */
export const own: Format = {
  name: 'own',
  idle: 30 * 60_000,
  absolute: 12 * 3_600_000,
  tooLarge: 70_000,

  sessions: ({ store, ...options }) =>
    createSessions<Anything>({ secrets: SECRET, sweep: false, ...options, store: store as IndexedStore }),

  async withSecrets(sessions, secrets) {
    await sessions.reloadSecrets([...secrets])
    return sessions
  },

  unknownCookie: (cookieName) => newToken(createKeyring(SECRET), cookieName).text,

  async rewrite({ records, store }, clock, cookie, content) {
    const { cookieName, seal } = own.sessions({ store, clock }).policy
    const ring = createKeyring(SECRET)
    const token = verifyToken(cookie, ring, cookieName)
    const found = typeof token === 'string' ? null : await records?.read(token.id)
    if (typeof token === 'string' || !records || !found) throw new Error('no such record')
    const { entry, version } = found
    const meta = { createdAt: entry.createdAt, authenticatedAt: null, deadline: entry.expiresAt, idle: 0 }
    const whole = { ...meta, userId: null, persistent: false, label: null }
    const text = typeof content === 'string' ? content : encodeContent({ meta: whole, data: JSON.stringify(content) })
    const createdAt = Math.floor(entry.createdAt / 1000)
    const bytes = createSeal(seal as SealName, ring, createAead(primitivesFor('auto'))).seal(
      text,
      token,
      entry.owner,
      createdAt,
    )
    if ((await records.update(token.id, { ...entry, bytes }, version)) === null) throw new Error('it was changed')
    return cookie
  },

  observed({ records }) {
    if (!records) throw new Error('these sessions have no records')
    const watch = watched(records)
    return { store: watch.store, watch }
  },
}
