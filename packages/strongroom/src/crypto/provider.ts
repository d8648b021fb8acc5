import { createSecretKey } from 'node:crypto'
import module from 'node:module'
import { ConfigError } from '../errors.ts'
import { isCipherRight, nodeOnly } from './checked.ts'
import { BLOCK, hmacSha512, type Primitives } from './primitives.ts'
import { type Sodium, sodiumPrimitives } from './sodium.ts'

/** `auto`: libsodium where `sodium-native` is installed and works, and node:crypto elsewhere. */
export type CryptoOption = 'auto' | 'node' | 'sodium'

/** As `require` is in Node. */
export type Require = (name: string) => unknown

/** The major version of `sodium-native` whose functions we know. */
const MAJOR = '5'

let sodium: Primitives | ConfigError | undefined

/** Throws `ConfigError` when libsodium is demanded and cannot be used. */
export function primitivesFor(option: CryptoOption): Primitives {
  if (option !== 'node') {
    sodium ??= findSodium()
    if (!(sodium instanceof ConfigError)) return sodium
    if (option === 'sodium') throw sodium
  }
  return nodeOnly()
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
