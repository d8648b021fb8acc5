import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { openLabel, sealLabel } from '../../packages/strongroom/src/crypto/seal.ts'
import { tidyLabel } from '../../packages/strongroom/src/session/device.ts'
import { AEADS, nameOf, VERSIONS } from './fixtures/aead.ts'
import { flip, fresh, next, openByHand, ring } from './fixtures/sealing.ts'
import { ringOf } from './fixtures/secret.ts'

for (const aead of AEADS)
  describe(`a label, ${nameOf(aead)}`, () => {
    const label = { text: 'Firefox on Linux', idle: 1_800_000, deadline: 2_000_000_000_000, stamp: undefined }
    /** Key id 1 and MAC 16, in base64url. */
    const stamp = randomBytes(17).toString('base64url')

    it('opens with the server key alone, for lists of sessions that the server cannot open', () => {
      const { id } = fresh()
      const sealed = sealLabel(aead, label, ring.current, id)
      assert.deepEqual([sealed[0], sealed[1]], [VERSIONS[aead.cipher][2], ring.current.kid])
      for (const each of [label, { ...label, text: null }, { ...label, stamp }, { ...label, text: null, stamp }])
        for (const whole of [each, { ...each, address: '2001:db8:7::' }])
          assert.deepEqual(openLabel(aead, sealLabel(aead, whole, ring.current, id), ring, id), whole)
      assert.ok(!sealed.includes('Firefox'))
      assert.ok(!sealLabel(aead, { ...label, stamp }, ring.current, id).includes(stamp))
    })

    it('opens by the documented derivation', () => {
      const { id } = fresh()
      const by = { secret: Buffer.alloc(0), label: 'strongroom label', context: id, header: 0 }
      const parts = (given: Parameters<typeof sealLabel>[1]) =>
        JSON.parse(openByHand(aead, ring.current.label, by, sealLabel(aead, given, ring.current, id)))
      const { text, idle, deadline } = label
      assert.deepEqual(parts({ ...label, stamp }), [text, idle, deadline, stamp])
      // As it was before there were addresses.
      assert.deepEqual(parts(label), [text, idle, deadline, null])
      assert.deepEqual(parts({ ...label, address: '203.0.113.0' }), [text, idle, deadline, null, '203.0.113.0'])
    })

    it('fits in the 512 bytes of a store, with the longest text, lifetime and address and a stamp', () => {
      const { id } = fresh()
      const DAY = 86_400_000
      const longest = { idle: 400 * DAY - 1, deadline: 8.64e15, stamp, address: 'ffff:ffff:ffff::' }
      for (const unit of ['x', '"', '\\', 'é', '語', '\u2028', '\ufffd', '😀'.slice(0, 1), '😀', '\u0001', '\u009f']) {
        const text = tidyLabel(unit.repeat(300))
        const sealed = sealLabel(aead, { text, ...longest }, ring.current, id)
        assert.ok(sealed.length <= 512, `${JSON.stringify(unit)}: ${sealed.length} bytes`)
        assert.deepEqual(openLabel(aead, sealed, ring, id), { text, ...longest })
      }
    })

    it('is bound to its session: neither one of another session nor a changed one is shown', () => {
      const [mine, other] = [fresh(), fresh()]
      const sealed = sealLabel(aead, { ...label, stamp }, ring.current, mine.id)
      assert.equal(openLabel(aead, sealed, ring, other.id), null)
      assert.equal(openLabel(aead, sealed, ringOf('c'), mine.id), null)
      for (let bit = 0; bit < sealed.length * 8; bit++)
        assert.equal(openLabel(aead, flip(sealed, bit), ring, mine.id), null)
      for (let length = 0; length < sealed.length; length++)
        assert.equal(openLabel(aead, sealed.subarray(0, length), ring, mine.id), null)
    })

    it('still opens after a renewal, which keeps the id', () => {
      const token = fresh()
      const sealed = sealLabel(aead, label, ring.current, token.id)
      assert.deepEqual(openLabel(aead, sealed, ring, next(token).id), label)
    })

    it('opens with every implementation, whatever cipher that one seals with', () => {
      const { id } = fresh()
      for (const reader of AEADS)
        assert.deepEqual(openLabel(reader, sealLabel(aead, label, ring.current, id), ring, id), label)
    })
  })
