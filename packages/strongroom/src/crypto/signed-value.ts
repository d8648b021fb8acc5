import { createHmac } from 'node:crypto'
import { strictBase64url } from './cookie-seal.ts'
import { equal, type Keyring, type Master } from './keyring.ts'
import { namespacePrefix } from './namespace.ts'

/** What a signed value belongs to: it is worthless in another namespace, under another name, or with another salt. */
export interface Purpose {
  readonly namespace: string
  readonly name: string
  readonly salt: string
}

export interface SignedValue {
  readonly text: string
  readonly signedAt: number
  /** From this moment on it is refused; 0 for never. */
  readonly deadline: number
}

export type ValueRefusal = 'malformed' | 'unknown-key' | 'forged'

const VERSION = 6
const HEAD = 14
const MAC = 32

/** version 1 ‖ kid 1 ‖ signed at 6 ‖ deadline 6 ‖ text ‖ HMAC-SHA-256 over purpose and all before it; base64url. Readable. */
export function signValue(ring: Keyring, purpose: Purpose, { text, signedAt, deadline }: SignedValue): string {
  const master = ring.current
  const head = Buffer.alloc(HEAD)
  head[0] = VERSION
  head[1] = master.kid
  head.writeUIntBE(signedAt, 2, 6)
  head.writeUIntBE(deadline, 8, 6)
  const signed = Buffer.concat([head, Buffer.from(text)])
  return Buffer.concat([signed, mac(master, purpose, signed)]).toString('base64url')
}

export function openValue(ring: Keyring, purpose: Purpose, given: string): SignedValue | ValueRefusal {
  const bytes = strictBase64url(given)
  if (!bytes || bytes.length < HEAD + MAC || bytes[0] !== VERSION) return 'malformed'
  const master = ring.get(bytes[1] as number)
  if (!master) return 'unknown-key'
  const signed = bytes.subarray(0, bytes.length - MAC)
  if (!equal(mac(master, purpose, signed), bytes.subarray(bytes.length - MAC))) return 'forged'
  const text = signed.toString('utf8', HEAD)
  return { text, signedAt: signed.readUIntBE(2, 6), deadline: signed.readUIntBE(8, 6) }
}

/**
 * The namespace by its length, because two applications may have the same secrets. Name and salt as a JSON array, which ends at its
 * line feed: 'a' with 'bc' is not 'ab' with 'c' (CVE-2026-6873).
 */
const mac = ({ value }: Master, { namespace, name, salt }: Purpose, signed: Buffer): Buffer =>
  createHmac('sha256', value)
    .update(namespacePrefix(namespace))
    .update(`${JSON.stringify([name, salt])}\n`)
    .update(signed)
    .digest()
