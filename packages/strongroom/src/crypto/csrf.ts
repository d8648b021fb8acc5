import { createHmac, randomBytes } from 'node:crypto'
import { strictBase64url } from './cookie-seal.ts'
import { equal, type Keyring, type Master } from './keyring.ts'
import { namespacePrefix } from './namespace.ts'

/** What a CSRF token belongs to: only tokens of the same one are accepted. */
export interface CsrfSubject {
  readonly namespace: string
  readonly of: readonly (string | number | null)[]
}

const SECRET = 32
/** Of mask and secret in base64url. */
const LENGTH = 86

/**
 * A token that looks different each time: a random mask ‖ the secret under that mask, in base64url. A page that is compressed with
 * what an attacker writes into it (BREACH) would give away a secret that is the same on every page.
 */
export function maskedToken({ current }: Keyring, subject: CsrfSubject): string {
  return masked(secretOf(current, subject))
}

/** A token that is accepted nowhere, for a page whose session is unknown. */
export const deadToken = (): string => masked(randomBytes(SECRET))

/** Is it a token of this subject? Also of one that was made under a retired secret: a form may stay open for a day. */
export function isTokenOf(ring: Keyring, subject: CsrfSubject, given: string): boolean {
  const bytes = given.length === LENGTH ? strictBase64url(given) : null
  if (!bytes) return false
  const secret = xor(bytes.subarray(0, SECRET), bytes.subarray(SECRET))
  return ring.masters.some((master) => equal(secret, secretOf(master, subject)))
}

function masked(secret: Buffer): string {
  const mask = randomBytes(SECRET)
  return Buffer.concat([mask, xor(mask, secret)]).toString('base64url')
}

/** The namespace by its length, because two applications may have the same secrets; the rest as a JSON array. */
const secretOf = ({ csrf }: Master, { namespace, of }: CsrfSubject): Buffer =>
  createHmac('sha256', csrf).update(namespacePrefix(namespace)).update(JSON.stringify(of)).digest()

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  const out = Buffer.alloc(SECRET)
  for (let i = 0; i < SECRET; i++) out[i] = (a[i] as number) ^ (b[i] as number)
  return out
}
