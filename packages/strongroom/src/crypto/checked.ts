import { nodePrimitives } from './node.ts'
import type { Cipher, Primitives } from './primitives.ts'

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
    const out = Buffer.alloc(SEALED.length)
    encrypt(PAYLOAD, out, 0, BY, ASSOCIATED)
    if (!out.equals(SEALED) || decrypt(out, 0, BY, ASSOCIATED) !== PAYLOAD) return false
    out[SEALED.length - 1] = (SEALED[SEALED.length - 1] as number) ^ 1
    return decrypt(out, 0, BY, ASSOCIATED) === null
  } catch {
    return false
  }
}

const hex = (text: string) => Buffer.from(text, 'hex')
const BY = {
  key: hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'),
  nonce: hex('070000004041424344454647'),
}
const ASSOCIATED = hex('50515253c0c1c2c3c4c5c6c7')
const PAYLOAD =
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
const SEALED = hex(
  'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36' +
    '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691',
)
