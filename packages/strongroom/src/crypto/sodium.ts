import { writeText } from '../base/bytes.ts'
import { type Cipher, type Primitives, TAG, wipe } from './primitives.ts'

/** What is used of `sodium-native`. Every function throws when it fails. */
export interface Sodium {
  crypto_hash_sha512(out: Uint8Array, input: Uint8Array): void
  crypto_aead_chacha20poly1305_ietf_encrypt(
    out: Uint8Array,
    message: Uint8Array,
    associated: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
  crypto_aead_chacha20poly1305_ietf_decrypt(
    message: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    associated: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
}

/** What a session rarely exceeds. */
const ROOM = 16_384

/** `scratch` is where payloads are decrypted; a longer one gets memory of its own. */
export function sodiumPrimitives(sodium: Sodium, scratch = Buffer.alloc(ROOM)): Primitives {
  const chacha20: Cipher = {
    encrypt(payload, out, at, { key, nonce }, associated) {
      writeText(payload, out, at)
      const [message, sealed] = [out.subarray(at, out.length - TAG), out.subarray(at)]
      try {
        // In place: libsodium allows it, and so the plaintext is nowhere else.
        sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, message, associated, null, nonce, key)
      } catch (error) {
        wipe(sealed)
        throw error
      }
    },
    decrypt(sealed, at, { key, nonce }, associated) {
      const length = sealed.length - at - TAG
      const payload = length <= scratch.length ? scratch.subarray(0, length) : Buffer.allocUnsafeSlow(length)
      try {
        const given = sealed.subarray(at)
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt(payload, null, given, associated, nonce, key)
        return payload.toString('utf8')
      } catch {
        return null
      } finally {
        wipe(payload)
      }
    },
  }
  return { name: 'sodium', sha512: (input, into) => sodium.crypto_hash_sha512(into, input), chacha20 }
}
