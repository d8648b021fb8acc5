import { createCopyKeys } from '../../../packages/strongroom/src/crypto/copy-keys.ts'
import { createLiveKeyring, type SecretSource } from '../../../packages/strongroom/src/crypto/keyring.ts'
import { primitivesFor } from '../../../packages/strongroom/src/crypto/provider.ts'

/** Keys as `createSessions` hands them to its store, and the ring that they follow. */
export function keysUnder(secrets: SecretSource) {
  const ring = createLiveKeyring(secrets)
  return { ring, keys: createCopyKeys(ring, primitivesFor('auto'), 'id') }
}
