import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSeal } from '../../packages/strongroom/src/crypto/seal.ts'
import { AEADS, nameOf } from './fixtures/aead.ts'
import { fresh, next, owner, refused, ring, SEALED, SEALS, sealFor } from './fixtures/sealing.ts'

for (const aead of AEADS)
  for (const name of SEALS)
    describe(`a record under the seal ${name} and another token of its session, ${nameOf(aead)}`, () => {
      const seal = createSeal(name, ring, aead)
      const first = fresh()
      const second = next(first)
      const third = next(second)
      const bytes = sealFor(seal, second)

      it('has superseded an earlier one, which opens nothing', () => {
        assert.deepEqual(seal.open(bytes, first, owner), { refused: 'superseded' })
        assert.deepEqual(seal.open(sealFor(seal, third), first, owner), { refused: 'superseded' })
      })

      it('is older than a later one, as in a store that was rolled back', () => {
        assert.deepEqual(seal.open(bytes, third, owner), { refused: 'ahead' })
      })

      it('is forged for another token of its generation: two were made by two renewals, and one was stored', () => {
        const twin = next(first)
        assert.deepEqual([twin.generation, twin.id], [second.generation, second.id])
        assert.deepEqual(seal.open(bytes, twin, owner), { refused: 'forged' })
        assert.deepEqual(seal.open(sealFor(seal, twin), second, owner), { refused: 'forged' })
      })

      it('opens for its own token only, after any number of renewals', () => {
        let current = fresh()
        const tokens = [current]
        for (let i = 0; i < 20; i++) {
          current = next(current)
          tokens.push(current)
        }
        for (const stored of tokens) {
          const sealed = sealFor(seal, stored)
          for (const token of tokens) {
            const by = Math.sign(stored.generation - token.generation)
            const expected = by === 0 ? 'it opened' : by > 0 ? 'superseded' : 'ahead'
            assert.equal(refused(seal.open(sealed, token, owner)), expected)
          }
        }
      })
    })

for (const aead of AEADS)
  describe(`a record that was made to look as if it were of another token, ${nameOf(aead)}`, () => {
    it('does not open: generation and token are sealed with the payload', () => {
      const first = fresh()
      const second = next(first)
      for (const name of SEALED) {
        const seal = createSeal(name, ring, aead)
        const [before, after] = [sealFor(seal, first), sealFor(seal, second)]
        // The header of one on the rest of the other.
        const header = name === 'two-key' ? 12 : 28
        const mixed = [
          [Buffer.concat([after.subarray(0, header), before.subarray(header)]), second],
          [Buffer.concat([before.subarray(0, header), after.subarray(header)]), first],
        ] as const
        for (const [bytes, token] of mixed) assert.equal(refused(seal.open(bytes, token, owner)), 'forged', name)
      }
    })

    it('does not open for a token that claims another generation', () => {
      const token = fresh()
      for (const name of SEALED) {
        const seal = createSeal(name, ring, aead)
        const sealed = sealFor(seal, token)
        sealed.writeUInt32BE(7, 2)
        assert.equal(refused(seal.open(sealed, { ...token, generation: 7 }, owner)), 'forged')
      }
    })
  })
