import { nodePrimitives } from './node.ts'
import { type Cipher, type Primitives, TAG } from './primitives.ts'

let node: Primitives | undefined

/** Of node:crypto, which every runtime has. */
export function nodeOnly(): Primitives {
  node ??= checkedNode()
  return node
}

/** Not every runtime's node:crypto has ChaCha20-Poly1305, and FIPS mode forbids it. */
export function checkedNode(given: Primitives & { readonly chacha20: Cipher } = nodePrimitives()): Primitives {
  return { ...given, chacha20: isCipherRight(given.chacha20) ? given.chacha20 : null }
}

/** RFC 8439 §2.8.2. A cipher that opens what was altered is as wrong as one that opens nothing. */
export function isCipherRight({ encrypt, decrypt }: Cipher): boolean {
  try {
    const out = Buffer.alloc(PAYLOAD.length + TAG)
    encrypt(PAYLOAD, out, 0, BY, ASSOCIATED)
    if (!out.subarray(PAYLOAD.length).equals(RIGHT_TAG) || decrypt(out, 0, BY, ASSOCIATED) !== PAYLOAD) return false
    out[PAYLOAD.length] = (out[PAYLOAD.length] as number) ^ 1
    return decrypt(out, 0, BY, ASSOCIATED) === null
  } catch {
    return false
  }
}

const hex = (text: string) => Buffer.from(text, 'hex')
const BY = {
  // 80 81 82 … 9f
  key: Buffer.from(Array.from({ length: 32 }, (_, i) => 0x80 + i)),
  nonce: hex('070000004041424344454647'),
}
const ASSOCIATED = hex('50515253c0c1c2c3c4c5c6c7')
const PAYLOAD =
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
/** The tag alone, because it is computed from the whole ciphertext, which is one of the few texts that no bundle can compress. */
const RIGHT_TAG = hex('1ae10b594f09e26a7e902ecbd0600691')
