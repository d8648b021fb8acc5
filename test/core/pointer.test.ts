import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { follow, POINTER_ROOM, type Pointer, pointTo } from '../../packages/strongroom/src/crypto/pointer.ts'
import { createSeal } from '../../packages/strongroom/src/crypto/seal.ts'
import type { Token } from '../../packages/strongroom/src/crypto/token.ts'
import { AEADS, nameOf } from './fixtures/aead.ts'
import {
  flip,
  fresh,
  next,
  openByHand,
  owner,
  PAYLOAD,
  RENEWED_AT,
  refused,
  ring,
  SEALED,
  SEALS,
  SHOP,
} from './fixtures/sealing.ts'
import { ringOf } from './fixtures/secret.ts'

const SEEN_AT = RENEWED_AT + 5

for (const aead of AEADS)
  describe(`the way from a token to the next one, ${nameOf(aead)}`, () => {
    const first = fresh()
    const second = next(first)
    const made = pointTo(aead, ring, first, second, owner)
    const way: Parameters<typeof follow>[4] = { owner, names: SHOP }
    const to = (pointer: Pointer, token = first, where = way, keys = ring) =>
      follow(aead, keys, pointer, token, where)?.text ?? null

    it('is version, key id, salt 24, commitment 16, token, tag 16, and opens by the documented derivation', () => {
      assert.deepEqual(
        [made.seenAt, made.box[0], made.box[1]],
        [0, aead.cipher === 'aes-256-gcm' ? 26 : 25, ring.current.kid],
      )
      const context = `${first.id}${owner} 0 1`
      const by = { secret: first.token, label: 'strongroom forward', context, header: 0 }
      const text = Buffer.from(second.token).toString('base64url')
      assert.equal(openByHand(aead, ring.current.seal, by, Buffer.from(made.box)), text)
    })

    it('leads a token to its whole successor', () => {
      const followed = follow(aead, ring, made, first, way)
      assert.deepEqual(followed, second)
    })

    it('leads nobody else: neither the secrets without the token, nor the token without the secrets', () => {
      assert.equal(to(made), second.text)
      const forged = { ...first, token: new Uint8Array(32) as Token }
      assert.equal(to(made, forged), null)
      assert.equal(to(made, second), null)
      assert.equal(to(made, { ...first, generation: 1 }), null)
      assert.equal(to(made, { ...first, id: fresh().id }), null)
      assert.equal(to(made, first, { ...way, owner: null }), null)
      assert.equal(to(made, first, way, ringOf('c')), null)
    })

    it('leads nowhere with any bit flipped', () => {
      for (let bit = 0; bit < made.box.length * 8; bit++)
        assert.equal(to({ ...made, box: flip(made.box, bit) }), null, `bit ${bit}`)
    })

    for (const name of SEALS)
      it(`stands in the header of a record with the seal ${name}, which opens with the successor as before`, () => {
        const seal = createSeal(name, ring, aead)
        const facts = { generation: 1, renewedAt: RENEWED_AT, bornUnder: second.master.kid }
        fc.assert(
          fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.nat(0xffff_ffff), (payload, seenAt) => {
            const pointer = { seenAt, box: Uint8Array.from(made.box) }
            const bytes = seal.seal(payload, second, owner, RENEWED_AT, pointer)
            const opened = seal.open(new Uint8Array(bytes), second, owner)
            assert.deepEqual(opened, { ...facts, payload, pointer })
            assert.deepEqual(seal.headerOf(bytes), { ...facts, pointer })
            assert.deepEqual(seal.open(bytes, first, owner), { refused: 'superseded' })
            assert.ok(bytes.length <= Buffer.byteLength(payload) + seal.overhead + POINTER_ROOM)
            // Written without it, the record is what it always was.
            const plain = seal.seal(payload, second, owner, RENEWED_AT)
            assert.deepEqual(seal.open(plain, second, owner), { ...facts, payload })
          }),
        )
      })

    for (const name of SEALED)
      it(`cannot be altered, moved or removed in a record with the seal ${name}`, () => {
        const seal = createSeal(name, ring, aead)
        const bytes = seal.seal(PAYLOAD, second, owner, RENEWED_AT, { ...made, seenAt: SEEN_AT })
        for (let bit = 0; bit < bytes.length * 8; bit++)
          assert.notEqual(refused(seal.open(flip(bytes, bit), second, owner)), 'it opened', `bit ${bit}`)
        for (let length = 0; length < bytes.length; length++)
          assert.notEqual(refused(seal.open(bytes.subarray(0, length), second, owner)), 'it opened')
        const at = name === 'two-key' ? 12 : 28
        const without = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 4 + made.box.length)])
        without[11] = 0
        assert.equal(refused(seal.open(without, second, owner)), 'forged')
        const other = seal.seal(PAYLOAD, second, owner, RENEWED_AT, {
          seenAt: 0,
          box: pointTo(aead, ring, first, next(first), owner).box,
        })
        const exchanged = Buffer.from(bytes)
        other.copy(exchanged, at, at, at + 4 + made.box.length)
        assert.equal(refused(seal.open(exchanged, second, owner)), 'forged')
      })
  })
