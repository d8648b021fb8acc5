import assert from 'node:assert/strict'
import { createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Master, ownerTag } from '../../packages/strongroom/src/crypto/keyring.ts'
import {
  createSeal,
  openLabel,
  type SealName,
  sealedUnder,
  sealLabel,
} from '../../packages/strongroom/src/crypto/seal.ts'
import { mint, type Token } from '../../packages/strongroom/src/crypto/token.ts'
import { ringOf } from './kit/ring.ts'

const ring = ringOf('a', 'b')
const owner = ownerTag(ring.current, 'ada')
const PAYLOAD = '{"c":1}\n{"basket":["böök",1]}'

/** The derivation as design §4 writes it, with nothing of the library's own. */
function openByHand(master: Master, secretPart: Uint8Array, label: string, context: string, sealed: Buffer): string {
  const salt = sealed.subarray(2, 26)
  const derived = createHmac('sha512', master.seal)
    .update(Buffer.concat([Buffer.from([0, 0, 0, 1]), secretPart, Buffer.from(label), Buffer.from(context), salt]))
    .digest()
  assert.deepEqual(sealed.subarray(26, 42), derived.subarray(44, 60), 'commitment')
  const cipher = createDecipheriv('aes-256-gcm', derived.subarray(0, 32), derived.subarray(32, 44))
  cipher.setAAD(Buffer.concat([sealed.subarray(0, 2), Buffer.from(context)]))
  cipher.setAuthTag(sealed.subarray(-16))
  return Buffer.concat([cipher.update(sealed.subarray(42, -16)), cipher.final()]).toString()
}

const refused = (opened: unknown) =>
  typeof opened === 'object' ? (opened as { refused: string }).refused : 'it opened'

describe('a sealed record', () => {
  it('is version, key id, salt 24, commitment 16, ciphertext, tag 16, and opens by the written-down derivation', () => {
    const claim = mint(ring)
    for (const tag of [owner, null]) {
      const two = createSeal('two-key', ring).seal(PAYLOAD, claim, tag)
      assert.equal(two.length, 58 + Buffer.byteLength(PAYLOAD))
      assert.deepEqual([two[0], two[1]], [1, ring.current.kid])
      assert.equal(openByHand(ring.current, claim.token, 'strongroom record', claim.id + (tag ?? ''), two), PAYLOAD)
      const server = createSeal('server-key', ring).seal(PAYLOAD, claim, tag)
      assert.deepEqual([server[0], server[1]], [2, ring.current.kid])
      const label = 'strongroom server record'
      assert.equal(openByHand(ring.current, Buffer.alloc(0), label, claim.id + (tag ?? ''), server), PAYLOAD)
    }
  })

  it('comes back as it went in, whatever it holds', () => {
    const claim = mint(ring)
    for (const name of ['two-key', 'server-key', 'none'] as const) {
      const seal = createSeal(name, ring)
      const text = fc.string({ unit: 'grapheme', maxLength: 3000 })
      fc.assert(fc.property(text, (each) => seal.open(seal.seal(each, claim, owner), claim, owner) === each))
    }
  })

  it('needs the token: the secrets and the store together do not open it', () => {
    const claim = mint(ring)
    const seal = createSeal('two-key', ring)
    const sealed = seal.seal(PAYLOAD, claim, owner)
    // The thief has the row (id, owner, bytes) and the whole ring.
    for (const token of [new Uint8Array(32), new Uint8Array(0), randomBytes(32), Buffer.from(claim.id, 'hex')])
      assert.equal(refused(seal.open(sealed, { ...claim, token: token as unknown as Token }, owner)), 'forged')
    assert.equal(refused(createSeal('server-key', ring).open(sealed, claim, owner)), 'unknown-version')
    const relabelled = Buffer.from(sealed)
    relabelled[0] = 2
    assert.equal(refused(createSeal('server-key', ring).open(relabelled, claim, owner)), 'forged')
  })

  it('needs the secrets: the token and the store together do not open it', () => {
    const claim = mint(ring)
    const sealed = createSeal('two-key', ring).seal(PAYLOAD, claim, owner)
    assert.equal(refused(createSeal('two-key', ringOf('c')).open(sealed, claim, owner)), 'unknown-key')
    // Nor when the stranger's secret happens to have the same key id.
    for (let i = 0; ; i++) {
      const stranger = ringOf(`stranger ${i}`)
      if (stranger.current.kid !== ring.current.kid) continue
      assert.equal(refused(createSeal('two-key', stranger).open(sealed, claim, owner)), 'forged')
      return
    }
  })

  it('is bound to its id and to its owner', () => {
    const [claim, other] = [mint(ring), mint(ring)]
    for (const name of ['two-key', 'server-key'] as const) {
      const seal = createSeal(name, ring)
      const sealed = seal.seal(PAYLOAD, claim, owner)
      assert.equal(refused(seal.open(sealed, other, owner)), 'forged')
      assert.equal(refused(seal.open(sealed, { ...claim, id: other.id }, owner)), 'forged')
      assert.equal(refused(seal.open(sealed, claim, null)), 'forged')
      assert.equal(refused(seal.open(sealed, claim, ownerTag(ring.current, 'eve'))), 'forged')
    }
  })

  it('with any bit flipped, cut short or made longer is refused and never thrown', () => {
    const claim = mint(ring)
    for (const name of ['two-key', 'server-key'] as const) {
      const seal = createSeal(name, ring)
      const sealed = seal.seal(PAYLOAD, claim, owner)
      assert.equal(seal.open(sealed, claim, owner), PAYLOAD)
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const flipped = Buffer.from(sealed)
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        assert.notEqual(refused(seal.open(flipped, claim, owner)), 'it opened', `${name}, bit ${bit}`)
      }
      for (let length = 0; length < sealed.length; length++)
        assert.notEqual(refused(seal.open(sealed.subarray(0, length), claim, owner)), 'it opened')
      assert.notEqual(refused(seal.open(Buffer.concat([sealed, Buffer.of(0)]), claim, owner)), 'it opened')
    }
  })

  it('with another commitment is refused before anything is decrypted', () => {
    const claim = mint(ring)
    const seal = createSeal('two-key', ring)
    const sealed = seal.seal(PAYLOAD, claim, null)
    sealed.fill(0, 26, 42)
    assert.equal(refused(seal.open(sealed, claim, null)), 'forged')
  })

  it('never has the salt of another: a hundred thousand writes of one session are a hundred thousand keys', () => {
    const claim = mint(ring)
    const seal = createSeal('two-key', ring)
    const salts = new Set<string>()
    for (let i = 0; i < 100_000; i++) salts.add(seal.seal('x', claim, null).toString('latin1', 2, 26))
    assert.equal(salts.size, 100_000)
  })

  it('tells which key it is under, and that plain text is under none', () => {
    const claim = mint(ring)
    const under = (name: SealName) => sealedUnder(createSeal(name, ring).seal(PAYLOAD, claim, null))
    assert.deepEqual([under('two-key'), under('server-key'), under('none')], [ring.current.kid, ring.current.kid, null])
  })
})

describe('a label', () => {
  const label = { text: 'Firefox on Linux', idle: 1_800_000, deadline: 2_000_000_000_000 }

  it('opens with the server key alone, for lists of sessions that the server cannot open', () => {
    const { id } = mint(ring)
    const sealed = sealLabel(label, ring.current, id)
    assert.deepEqual([sealed[0], sealed[1]], [3, ring.current.kid])
    assert.deepEqual(openLabel(sealed, ring, id), label)
    assert.deepEqual(openLabel(sealLabel({ ...label, text: null }, ring.current, id), ring, id), {
      ...label,
      text: null,
    })
    assert.ok(!sealed.includes('Firefox'))
  })

  it('is bound to its session: on another it is not shown, and neither is an altered one', () => {
    const [mine, other] = [mint(ring), mint(ring)]
    const sealed = sealLabel(label, ring.current, mine.id)
    assert.equal(openLabel(sealed, ring, other.id), null)
    assert.equal(openLabel(sealed, ringOf('c'), mine.id), null)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Buffer.from(sealed)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      assert.equal(openLabel(flipped, ring, mine.id), null)
    }
    for (let length = 0; length < sealed.length; length++)
      assert.equal(openLabel(sealed.subarray(0, length), ring, mine.id), null)
  })
})
