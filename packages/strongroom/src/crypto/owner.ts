import { createHmac } from 'node:crypto'
import type { Master } from './keyring.ts'
import { namespacePrefix } from './namespace.ts'

/** The owner tag (64 hex characters) by which a user's sessions are found; the user id cannot be computed from it. */
export function ownerTag(master: Master, namespace: string, userId: string): string {
  return createHmac('sha256', master.owner).update(namespacePrefix(namespace)).update(userId).digest('hex')
}

/**
 * A name for a user in events: it says which events are about one user, to those who know the user id, and to nobody else who the user
 * is. Not the owner tag, by which anyone who can read logs would find rows in the store.
 */
export function userKey(master: Master, namespace: string, userId: string): string {
  const key = createHmac('sha256', master.owner).update('user in events').digest()
  return createHmac('sha256', key).update(namespacePrefix(namespace)).update(userId).digest('base64url').slice(0, 22)
}
