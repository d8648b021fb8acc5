import { compactVerify, decodeProtectedHeader, errors, importJWK, type JWK } from 'jose'
import { parseJson } from '../base/json.ts'
import type { ProofRefusal } from '../events.ts'

export type Algorithm = 'ES256' | 'RS256'

export const ALGORITHMS: readonly Algorithm[] = ['ES256', 'RS256']

/** What was signed. */
export interface DeviceProof {
  /** The challenge. */
  readonly jti: string
  /** For which address, if the browser says that. */
  readonly aud: string | undefined
}

export interface PublicKey {
  readonly alg: Algorithm
  /** Public members alone, in one order: the same key is the same string. */
  readonly jwk: string
}

export interface Refusal {
  readonly refused: ProofRefusal
}

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** Unpadded base64url of 32 bytes. */
const COORDINATE = /^[\w-]{43}$/
/** Of 2048 to 4096 bits, without a leading zero byte. */
const MODULUS = /^(?!A[A-P])[\w-]{342,683}$/
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** The header, if it is that of a proof. */
function headerOf(jwt: string): { readonly alg: Algorithm; readonly jwk: unknown } | Refusal {
  if (!COMPACT.test(jwt)) return { refused: 'malformed' }
  try {
    const { typ, alg, jwk } = decodeProtectedHeader(jwt)
    if (typ !== 'dbsc+jwt') return { refused: 'malformed' }
    const known = ALGORITHMS.find((one) => one === alg)
    return known ? { alg: known, jwk } : { refused: 'algorithm' }
  } catch {
    return { refused: 'malformed' }
  }
}

/** The key in the header of a registration, which is not trusted yet. */
export function keyIn(jwt: string): PublicKey | Refusal {
  const head = headerOf(jwt)
  if ('refused' in head) return head
  const { alg, jwk } = head
  if (typeof jwk !== 'object' || jwk === null) return { refused: 'key' }
  const { kty, crv, x, y, n, e } = jwk as JWK
  if (PRIVATE.some((name) => name in jwk)) return { refused: 'key' }
  const is = (value: unknown, pattern: RegExp) => typeof value === 'string' && pattern.test(value)
  if (alg === 'ES256' && kty === 'EC' && crv === 'P-256' && is(x, COORDINATE) && is(y, COORDINATE))
    return { alg, jwk: JSON.stringify({ kty, crv, x, y }) }
  if (alg === 'RS256' && kty === 'RSA' && is(n, MODULUS) && e === 'AQAB')
    return { alg, jwk: JSON.stringify({ kty, n, e }) }
  return { refused: 'key' }
}

/** The algorithm of a key that was stored: anyone who forges a proof must not choose it. */
export const algorithmOf = (jwk: string): Algorithm => ((parseJson(jwk) as JWK).kty === 'RSA' ? 'RS256' : 'ES256')

/** What this key has signed. Of the proof's own header, nothing but its type and algorithm counts. */
export async function verifyProof(jwt: string, { alg, jwk }: PublicKey): Promise<DeviceProof | Refusal> {
  const head = headerOf(jwt)
  if ('refused' in head) return head
  if (head.alg !== alg) return { refused: 'algorithm' }
  let payload: Uint8Array
  try {
    const key = await importJWK(parseJson(jwk) as JWK, alg)
    payload = (await compactVerify(jwt, key, { algorithms: [alg] })).payload
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return { refused: 'signature' }
    // A point that is not on the curve, or a header that asks for an extension.
    return {
      refused: error instanceof errors.JWSInvalid || error instanceof errors.JOSENotSupported ? 'malformed' : 'key',
    }
  }
  return proofOf(payload)
}

function proofOf(payload: Uint8Array): DeviceProof | Refusal {
  try {
    const { jti, aud } = Object(parseJson(Buffer.from(payload).toString())) as {
      readonly jti?: unknown
      readonly aud?: unknown
    }
    if (typeof jti === 'string' && (aud === undefined || typeof aud === 'string')) return { jti, aud }
  } catch {}
  return { refused: 'malformed' }
}
