import { createHmac } from 'node:crypto'
import type { Master } from './keyring.ts'
import { namespacePrefix } from './namespace.ts'

/** The owner tag (64 hex characters) by which a user's sessions are found; the user id cannot be computed from it. */
export function ownerTag(master: Master, namespace: string, userId: string): string {
  return createHmac('sha256', master.owner).update(namespacePrefix(namespace)).update(userId).digest('hex')
}
