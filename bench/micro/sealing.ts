import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import { type Aead, createAead } from '../../packages/strongroom/src/crypto/aead.ts'
import { cookieCodec } from '../../packages/strongroom/src/crypto/cookie-seal.ts'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import { primitivesFor } from '../../packages/strongroom/src/crypto/provider.ts'
import { createSeal } from '../../packages/strongroom/src/crypto/seal.ts'
import { newToken } from '../../packages/strongroom/src/crypto/token.ts'
import { encodeContent } from '../../packages/strongroom/src/session/content.ts'
import type { Case } from './case.ts'
import { contentOf } from './parts.ts'

export const ENCRYPT = 'aes-256-gcm alone, encrypt'
export const DECRYPT = 'aes-256-gcm alone, decrypt'
export const SEAL = 'seal, two-key'
export const OPEN = 'open, two-key'

const NAMESPACE = '__Host-id'
const ALSO_COLD = [ENCRYPT, DECRYPT, SEAL, OPEN]
const COLD = ', caches cold'

const coldCase = ({ name, limit, run }: Case): Case => ({
  name: name + COLD,
  run,
  cold: true,
  ...(limit !== undefined && { limit: limit + COLD }),
})

/** Sealing and opening 1 KB, and the cipher alone with the same bytes. */
export function sealing(): Case[] {
  const ring = createKeyring(randomBytes(32))
  const payload = encodeContent(contentOf(7))
  const token = newToken(ring, NAMESPACE)
  const owner = ownerTag(ring.current, NAMESPACE, 'user-7')
  const aead = createAead(primitivesFor('auto'))
  const compared = [
    createAead(primitivesFor('sodium')),
    createAead(primitivesFor('node'), 'chacha20-poly1305'),
    createAead(primitivesFor('node'), 'aes-256-gcm'),
  ]
  const cases: Case[] = [...cipherAlone(payload.join(''))]
  for (const name of ['two-key', 'server-key'] as const) {
    const seal = createSeal(name, ring, aead)
    const bytes = seal.seal(payload, token, owner, 0)
    cases.push({ name: `seal, ${name}`, run: () => seal.seal(payload, token, owner, 0), limit: ENCRYPT })
    cases.push({ name: `open, ${name}`, run: () => seal.open(bytes, token, owner), limit: DECRYPT })
  }
  cases.push(...compared.flatMap((aead) => casesOf(aead)))
  cases.push(...cases.filter(({ name }) => ALSO_COLD.some((cold) => name.startsWith(cold))).map(coldCase))
  for (const protection of ['sealed', 'signed'] as const) {
    const codec = cookieCodec(protection, ring, NAMESPACE, aead)
    const text = codec.encode(payload)
    cases.push({ name: `cookie ${protection}, encode`, run: () => codec.encode(payload), limit: ENCRYPT })
    cases.push({ name: `cookie ${protection}, decode`, run: () => codec.decode(text), limit: DECRYPT })
  }
  return cases

  /** The same with one cipher of one implementation. */
  function casesOf(aead: Aead): Case[] {
    const seal = createSeal('two-key', ring, aead)
    const bytes = seal.seal(payload, token, owner, 0)
    const by = `${aead.cipher} of ${aead.crypto}`
    return [
      { name: `${SEAL}, ${by}`, run: () => seal.seal(payload, token, owner, 0) },
      { name: `${OPEN}, ${by}`, run: () => seal.open(bytes, token, owner) },
    ]
  }
}

/** The least that Node can do: the key is already a KeyObject, and nothing is derived, copied or checked. */
function cipherAlone(payload: string): Case[] {
  const key = createSecretKey(randomBytes(32))
  const nonce = randomBytes(12)
  const encrypt = () => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    const text = cipher.update(payload, 'utf8')
    cipher.final()
    return { text, tag: cipher.getAuthTag() }
  }
  const { text, tag } = encrypt()
  const decrypt = () => {
    const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
    cipher.setAuthTag(tag)
    const payload = cipher.update(text)
    cipher.final()
    return payload.toString('utf8')
  }
  return [
    { name: ENCRYPT, run: encrypt },
    { name: DECRYPT, run: decrypt },
  ]
}
