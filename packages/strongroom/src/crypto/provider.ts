import { createSecretKey } from 'node:crypto'
import module from 'node:module'
import { ConfigError } from '../errors.ts'
import { nodePrimitives } from './node.ts'
import { BLOCK, type Cipher, hmacSha512, type Primitives } from './primitives.ts'
import { type Sodium, sodiumPrimitives } from './sodium.ts'

/** `auto`: libsodium where `sodium-native` is installed and works, and node:crypto elsewhere. */
export type CryptoOption = 'auto' | 'node' | 'sodium'

/** As `require` is in Node. */
export type Require = (name: string) => unknown

/** The major version of `sodium-native` whose functions we know. */
const MAJOR = '5'

let [node, sodium]: [Primitives | undefined, Primitives | ConfigError | undefined] = [undefined, undefined]

/** Throws `ConfigError` when libsodium is demanded and cannot be used. */
export function primitivesFor(option: CryptoOption): Primitives {
  if (option !== 'node') {
    sodium ??= findSodium()
    if (!(sodium instanceof ConfigError)) return sodium
    if (option === 'sodium') throw sodium
  }
  node ??= checkedNode()
  return node
}

/** Why it cannot be used, as the error for those who demand it. */
export function findSodium(require?: Require): Primitives | ConfigError {
  try {
    // Computed, because a bundler would follow a literal: it cannot bundle a native addon, and most applications do not have it.
    const name = ['sodium', 'native'].join('-')
    const load = require ?? module.createRequire(import.meta.url)
    const { version } = load(`${name}/package.json`) as { readonly version: string }
    if (version.split('.', 1)[0] !== MAJOR)
      return refusal(`version ${version} of sodium-native is installed, and only ${MAJOR}.x is supported`)
    const found = sodiumPrimitives(load(name) as Sodium)
    return isRight(found) ? found : refusal('sodium-native computes wrong results on this machine')
  } catch (cause) {
    const missing = (cause as { readonly code?: unknown } | null)?.code === 'MODULE_NOT_FOUND'
    return refusal(missing ? 'sodium-native is not installed' : 'sodium-native cannot be loaded on this machine', cause)
  }
}

const refusal = (why: string, cause?: unknown) =>
  new ConfigError(
    `crypto: 'sodium' cannot be used: ${why}. Run \`npm install sodium-native@${MAJOR}\`, or leave the option crypto out.`,
    { cause },
  )

/** Not every runtime's node:crypto has ChaCha20-Poly1305, and FIPS mode forbids it. */
export function checkedNode(given: Primitives & { readonly chacha20: Cipher } = nodePrimitives()): Primitives {
  return { ...given, chacha20: isCipherRight(given.chacha20) ? given.chacha20 : null }
}

function isRight(given: Primitives): boolean {
  return given.chacha20 !== null && isHashRight(given) && isCipherRight(given.chacha20)
}

/** RFC 4231 §4.3, test case 2. */
function isHashRight(given: Primitives): boolean {
  const [frame, mac] = [Buffer.alloc(BLOCK + 28), Buffer.alloc(64)]
  frame.write('what do ya want for nothing?', BLOCK)
  hmacSha512(given, createSecretKey(Buffer.from('Jefe')), frame, mac)
  return (
    mac.toString('hex') ===
    '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737'
  )
}

/** RFC 8439 §2.8.2. A cipher that opens what was altered is as wrong as one that opens nothing. */
function isCipherRight({ encrypt, decrypt }: Cipher): boolean {
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
