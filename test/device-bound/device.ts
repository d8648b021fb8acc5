import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

type Json = Readonly<Record<string, unknown>>

const encoded = (value: Json | string) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A JSON Web Signature of anything, right or wrong. */
export function jwsOf(header: Json, payload: Json | string, signer: (text: string) => Buffer): string {
  const text = `${encoded(header)}.${encoded(payload)}`
  return `${text}.${signer(text).toString('base64url')}`
}

export const es256 =
  (key: KeyObject) =>
  (text: string): Buffer =>
    sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })

export const rs256 =
  (key: KeyObject) =>
  (text: string): Buffer =>
    sign('sha256', Buffer.from(text), key)

/** The key of a device, as a browser has it. */
export class DeviceKeys {
  readonly alg: 'ES256' | 'RS256'
  readonly privateKey: KeyObject
  readonly jwk: Json

  constructor(alg: 'ES256' | 'RS256' = 'ES256', modulusLength = 2048) {
    this.alg = alg
    const pair =
      alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength })
    this.privateKey = pair.privateKey
    this.jwk = { ...pair.publicKey.export({ format: 'jwk' }) }
  }

  sign(header: Json, payload: Json | string): string {
    return jwsOf(header, payload, (this.alg === 'ES256' ? es256 : rs256)(this.privateKey))
  }

  registration(challenge: string, more: Json = {}): string {
    return this.sign({ alg: this.alg, typ: 'dbsc+jwt', jwk: this.jwk }, { jti: challenge, ...more })
  }

  proof(challenge: string, more: Json = {}): string {
    return this.sign({ alg: this.alg, typ: 'dbsc+jwt' }, { jti: challenge, ...more })
  }
}
