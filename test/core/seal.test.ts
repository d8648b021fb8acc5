import assert from 'node:assert/strict'
import { createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Aead } from '../../packages/strongroom/src/crypto/aead.ts'
import { type Master, ownerTag } from '../../packages/strongroom/src/crypto/keyring.ts'
import {
  createSeal,
  openLabel,
  type SealName,
  sealedUnder,
  sealLabel,
} from '../../packages/strongroom/src/crypto/seal.ts'
import { newToken, type Token } from '../../packages/strongroom/src/crypto/token.ts'
import { AEADS, nameOf, VERSIONS } from './fixtures/aead.ts'
import { ringOf } from './fixtures/secret.ts'

const ring = ringOf('a', 'b')
const owner = ownerTag(ring.current, 'ada')
const PAYLOAD = '{"c":1}\n{"basket":["böök",1]}'

/** The derivation as it is documented, without code of the library. */
function openByHand(
  { cipher }: Aead,
  key: Master['seal'],
  secretPart: Uint8Array,
  label: string,
  context: string,
  sealed: Buffer,
): string {
  const salt = sealed.subarray(2, 26)
  const derived = createHmac('sha512', key)
    .update(
      Buffer.concat([
        Buffer.from([0, 0, 0, 1]),
        secretPart,
        Buffer.from(`${label} ${cipher}`),
        Buffer.from(context),
        salt,
      ]),
    )
    .digest()
  assert.deepEqual(sealed.subarray(26, 42), derived.subarray(44, 60), 'commitment')
  const by = [derived.subarray(0, 32), derived.subarray(32, 44), { authTagLength: 16 }] as const
  const decipher = createDecipheriv(cipher as 'aes-256-gcm', ...by)
  decipher.setAAD(Buffer.concat([sealed.subarray(0, 2), Buffer.from(context)]))
  decipher.setAuthTag(sealed.subarray(-16))
  return Buffer.concat([decipher.update(sealed.subarray(42, -16)), decipher.final()]).toString()
}

const refused = (opened: unknown) =>
  typeof opened === 'object' ? (opened as { refused: string }).refused : 'it opened'

for (const aead of AEADS)
  describe(`a sealed record, ${nameOf(aead)}`, () => {
    const [TWO_KEY, SERVER_KEY] = VERSIONS[aead.cipher]

    it('is version, key id, salt 24, commitment 16, ciphertext, tag 16, and opens by the documented derivation', () => {
      const verified = newToken(ring)
      for (const tag of [owner, null]) {
        const two = createSeal('two-key', ring, aead).seal(PAYLOAD, verified, tag)
        assert.equal(two.length, 58 + Buffer.byteLength(PAYLOAD))
        assert.deepEqual([two[0], two[1]], [TWO_KEY, ring.current.kid])
        assert.equal(
          openByHand(aead, ring.current.seal, verified.token, 'strongroom record', verified.id + (tag ?? ''), two),
          PAYLOAD,
        )
        const server = createSeal('server-key', ring, aead).seal(PAYLOAD, verified, tag)
        assert.deepEqual([server[0], server[1]], [SERVER_KEY, ring.current.kid])
        const label = 'strongroom server record'
        assert.equal(
          openByHand(aead, ring.current.seal, Buffer.alloc(0), label, verified.id + (tag ?? ''), server),
          PAYLOAD,
        )
      }
    })

    it('comes back unchanged, whatever it contains', () => {
      const verified = newToken(ring)
      for (const name of ['two-key', 'server-key', 'none'] as const) {
        const seal = createSeal(name, ring, aead)
        const text = fc.string({ unit: 'grapheme', maxLength: 3000 })
        fc.assert(fc.property(text, (each) => seal.open(seal.seal(each, verified, owner), verified, owner) === each))
      }
    })

    it('needs the token: the secrets and the store together do not open it', () => {
      const verified = newToken(ring)
      const seal = createSeal('two-key', ring, aead)
      const sealed = seal.seal(PAYLOAD, verified, owner)
      // The thief has the row (id, owner, bytes) and the whole ring.
      for (const token of [new Uint8Array(32), new Uint8Array(0), randomBytes(32), Buffer.from(verified.id, 'hex')])
        assert.equal(refused(seal.open(sealed, { ...verified, token: token as unknown as Token }, owner)), 'forged')
      assert.equal(refused(createSeal('server-key', ring, aead).open(sealed, verified, owner)), 'unknown-version')
      const relabelled = Buffer.from(sealed)
      relabelled[0] = SERVER_KEY
      assert.equal(refused(createSeal('server-key', ring, aead).open(relabelled, verified, owner)), 'forged')
    })

    it('needs the secrets: the token and the store together do not open it', () => {
      const verified = newToken(ring)
      const sealed = createSeal('two-key', ring, aead).seal(PAYLOAD, verified, owner)
      assert.equal(refused(createSeal('two-key', ringOf('c'), aead).open(sealed, verified, owner)), 'unknown-key')
      // Nor when another server's secret happens to have the same key id.
      for (let i = 0; ; i++) {
        const foreign = ringOf(`other ${i}`)
        if (foreign.current.kid !== ring.current.kid) continue
        assert.equal(refused(createSeal('two-key', foreign, aead).open(sealed, verified, owner)), 'forged')
        return
      }
    })

    it('is bound to its id and to its owner', () => {
      const [verified, other] = [newToken(ring), newToken(ring)]
      for (const name of ['two-key', 'server-key'] as const) {
        const seal = createSeal(name, ring, aead)
        const sealed = seal.seal(PAYLOAD, verified, owner)
        assert.equal(refused(seal.open(sealed, other, owner)), 'forged')
        assert.equal(refused(seal.open(sealed, { ...verified, id: other.id }, owner)), 'forged')
        assert.equal(refused(seal.open(sealed, verified, null)), 'forged')
        assert.equal(refused(seal.open(sealed, verified, ownerTag(ring.current, 'eve'))), 'forged')
      }
    })

    it('with any bit flipped, cut short or made longer is refused, and never throws', () => {
      const verified = newToken(ring)
      for (const name of ['two-key', 'server-key'] as const) {
        const seal = createSeal(name, ring, aead)
        const sealed = seal.seal(PAYLOAD, verified, owner)
        assert.equal(seal.open(sealed, verified, owner), PAYLOAD)
        for (let bit = 0; bit < sealed.length * 8; bit++) {
          const flipped = Buffer.from(sealed)
          flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
          assert.notEqual(refused(seal.open(flipped, verified, owner)), 'it opened', `${name}, bit ${bit}`)
        }
        for (let length = 0; length < sealed.length; length++)
          assert.notEqual(refused(seal.open(sealed.subarray(0, length), verified, owner)), 'it opened')
        assert.notEqual(refused(seal.open(Buffer.concat([sealed, Buffer.of(0)]), verified, owner)), 'it opened')
      }
    })

    it('with another commitment is refused before anything is decrypted', () => {
      const verified = newToken(ring)
      const seal = createSeal('two-key', ring, aead)
      const sealed = seal.seal(PAYLOAD, verified, null)
      sealed.fill(0, 26, 42)
      assert.equal(refused(seal.open(sealed, verified, null)), 'forged')
    })

    it('never has the salt of another: a hundred thousand writes of one session use a hundred thousand keys', () => {
      const verified = newToken(ring)
      const seal = createSeal('two-key', ring, aead)
      const salts = new Set<string>()
      for (let i = 0; i < 100_000; i++) salts.add(seal.seal('x', verified, null).toString('latin1', 2, 26))
      assert.equal(salts.size, 100_000)
    })

    it('shows the id of its key, and that a plain payload has none', () => {
      const verified = newToken(ring)
      const under = (name: SealName) => sealedUnder(createSeal(name, ring, aead).seal(PAYLOAD, verified, null))
      assert.deepEqual(
        [under('two-key'), under('server-key'), under('none')],
        [ring.current.kid, ring.current.kid, null],
      )
    })
  })

for (const aead of AEADS)
  describe(`a label, ${nameOf(aead)}`, () => {
    const label = { text: 'Firefox on Linux', idle: 1_800_000, deadline: 2_000_000_000_000 }

    it('opens with the server key alone, for lists of sessions that the server cannot open', () => {
      const { id } = newToken(ring)
      const sealed = sealLabel(aead, label, ring.current, id)
      assert.deepEqual([sealed[0], sealed[1]], [VERSIONS[aead.cipher][2], ring.current.kid])
      assert.deepEqual(openLabel(aead, sealed, ring, id), label)
      assert.deepEqual(openLabel(aead, sealLabel(aead, { ...label, text: null }, ring.current, id), ring, id), {
        ...label,
        text: null,
      })
      assert.ok(!sealed.includes('Firefox'))
    })

    it('is bound to its session: neither one of another session nor a changed one is shown', () => {
      const [mine, other] = [newToken(ring), newToken(ring)]
      const sealed = sealLabel(aead, label, ring.current, mine.id)
      assert.equal(openLabel(aead, sealed, ring, other.id), null)
      assert.equal(openLabel(aead, sealed, ringOf('c'), mine.id), null)
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const flipped = Buffer.from(sealed)
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        assert.equal(openLabel(aead, flipped, ring, mine.id), null)
      }
      for (let length = 0; length < sealed.length; length++)
        assert.equal(openLabel(aead, sealed.subarray(0, length), ring, mine.id), null)
    })
  })

describe('a record of one cipher', () => {
  const verified = newToken(ring)
  const pairs = AEADS.flatMap((writer) => AEADS.map((reader) => [writer, reader] as const))

  it('opens with every implementation, whatever cipher that one seals with', () => {
    for (const [writer, reader] of pairs)
      for (const name of ['two-key', 'server-key'] as const) {
        const sealed = createSeal(name, ring, writer).seal(PAYLOAD, verified, owner)
        assert.equal(createSeal(name, ring, reader).open(sealed, verified, owner), PAYLOAD)
        const label = { text: 'a device', idle: 1, deadline: 2 }
        const { id } = verified
        assert.deepEqual(openLabel(reader, sealLabel(writer, label, ring.current, id), ring, id), label)
      }
  })

  it('never opens as one of the other, whose keys are others', () => {
    for (const [writer, reader] of pairs) {
      if (writer.cipher === reader.cipher) continue
      const sealed = createSeal('two-key', ring, writer).seal(PAYLOAD, verified, owner)
      sealed[0] = VERSIONS[reader.cipher][0]
      // The commitment differs as well: a key is used with one cipher only.
      for (const any of AEADS)
        assert.equal(refused(createSeal('two-key', ring, any).open(sealed, verified, owner)), 'forged')
    }
  })
})
