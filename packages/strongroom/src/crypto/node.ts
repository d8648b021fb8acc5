import crypto, { createCipheriv, createDecipheriv, createHash, createSecretKey } from 'node:crypto'
import { type Cipher, type CipherName, type Primitives, TAG, wipe } from './primitives.ts'

/** `chacha20` is there without a look at whether this runtime has it: see `provider.ts`. */
export function nodePrimitives(): Primitives & { readonly chacha20: Cipher } {
  return { name: 'node', sha512, chacha20: nodeCipher('chacha20-poly1305') }
}

function sha512(input: Uint8Array, into: Uint8Array): void {
  const digest = hash('sha512', input)
  into.set(digest)
  wipe(digest)
}

/** Not every runtime has the one-shot call, which costs a third less in a request. */
export function hash(algorithm: 'sha256' | 'sha512', input: Uint8Array): Buffer {
  return crypto.hash ? crypto.hash(algorithm, input, 'buffer') : createHash(algorithm).update(input).digest()
}

export function nodeCipher(name: CipherName): Cipher {
  // Node's types have a signature for each, and the same calls work for both.
  const algorithm = name as 'aes-256-gcm'
  return {
    encrypt(payload, out, at, { key, nonce }, associated) {
      // With a KeyObject, because Node needs 20 µs more for raw bytes.
      const cipher = createCipheriv(algorithm, createSecretKey(key), nonce, { authTagLength: TAG })
      cipher.setAAD(associated)
      let end = at
      // Both are stream ciphers: update() returns all there is, and final() only closes.
      for (const piece of typeof payload === 'string' ? [payload] : payload)
        end += cipher.update(piece, 'utf8').copy(out, end)
      cipher.final()
      cipher.getAuthTag().copy(out, out.length - TAG)
    },
    decrypt(sealed, at, { key, nonce }, associated) {
      // The tag length is stated because without it Node accepts tags that were cut to four bytes.
      const cipher = createDecipheriv(algorithm, createSecretKey(key), nonce, { authTagLength: TAG })
      const end = sealed.length - TAG
      cipher.setAAD(associated)
      cipher.setAuthTag(sealed.subarray(end))
      const payload = cipher.update(sealed.subarray(at, end))
      try {
        cipher.final()
        return payload.toString('utf8')
      } catch {
        return null
      } finally {
        wipe(payload)
      }
    },
  }
}
