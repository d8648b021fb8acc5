import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Keyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import {
  createSeal,
  keysOf,
  LEAST_RECORD,
  type SealName,
  sealedUnder,
  sealOf,
} from '../../packages/strongroom/src/crypto/seal.ts'
import type { Token } from '../../packages/strongroom/src/crypto/token.ts'
import { AEADS, nameOf, VERSIONS } from './fixtures/aead.ts'
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
  sealFor,
} from './fixtures/sealing.ts'
import { ringOf } from './fixtures/secret.ts'

/** Another master under the same key id. */
function withKidOf(kid: number): Keyring {
  for (let i = 0; ; i++) {
    const foreign = ringOf(`other ${i}`)
    if (foreign.current.kid === kid) return foreign
  }
}

for (const aead of AEADS)
  describe(`a sealed record, ${nameOf(aead)}`, () => {
    const [TWO_KEY, SERVER_KEY] = VERSIONS[aead.cipher]
    const sealWith = (name: SealName, keys: Keyring = ring) => createSeal(name, keys, aead)

    it('is version, key id, header, salt 24, commitment 16, ciphertext, tag 16, and opens by the documented derivation', () => {
      const first = fresh()
      for (const token of [first, next(first)])
        for (const tag of [owner, null]) {
          const context = token.id + (tag ?? '')
          const key = ring.current.seal
          const header = Buffer.alloc(26)
          header.writeUInt32BE(token.generation)
          header.writeUInt32BE(RENEWED_AT, 4)
          header[8] = token.master.kid
          createHash('sha256').update('strongroom token ').update(token.token).digest().copy(header, 10, 0, 16)

          const two = sealFor(sealWith('two-key'), token, tag)
          assert.equal(two.length, 68 + Buffer.byteLength(PAYLOAD))
          assert.deepEqual([two[0], two[1], two.subarray(2, 12)], [TWO_KEY, ring.current.kid, header.subarray(0, 10)])
          const byBoth = { secret: token.token, label: 'strongroom record', context, header: 10 }
          assert.equal(openByHand(aead, key, byBoth, two), PAYLOAD)

          const server = sealFor(sealWith('server-key'), token, tag)
          assert.equal(server.length, 84 + Buffer.byteLength(PAYLOAD))
          assert.deepEqual([server[0], server[1], server.subarray(2, 28)], [SERVER_KEY, ring.current.kid, header])
          const byServer = { secret: Buffer.alloc(0), label: 'strongroom server record', context, header: 26 }
          assert.equal(openByHand(aead, key, byServer, server), PAYLOAD)
        }
    })

    it('comes back unchanged, whatever it contains, with what stands in its header', () => {
      const token = next(next(fresh()))
      const bornUnder = token.master.kid
      for (const name of SEALS) {
        const seal = sealWith(name)
        const text = fc.string({ unit: 'grapheme', maxLength: 3000 })
        fc.assert(
          fc.property(text, fc.nat(0xffff_ffff), (payload, renewedAt) => {
            const bytes = seal.seal(payload, token, owner, renewedAt)
            assert.deepEqual(seal.open(bytes, token, owner), { payload, generation: 2, renewedAt, bornUnder })
            assert.deepEqual(seal.headerOf(bytes), { generation: 2, renewedAt, bornUnder })
            assert.ok(bytes.length <= Buffer.byteLength(payload) + seal.overhead)
          }),
        )
      }
    })

    it('can be written and opened whatever the clock says', () => {
      const token = fresh()
      const moments = [
        [Number.NaN, 0],
        [Number.NEGATIVE_INFINITY, 0],
        [-1, 0],
        [1.9, 1],
        [0xffff_ffff, 0xffff_ffff],
        [0x1_0000_0000, 0xffff_ffff],
        [8.64e12, 0xffff_ffff],
        [Number.POSITIVE_INFINITY, 0xffff_ffff],
      ] as const
      for (const name of SEALS)
        for (const [given, renewedAt] of moments) {
          const seal = sealWith(name)
          const opened = seal.open(seal.seal(PAYLOAD, token, owner, given), token, owner)
          assert.deepEqual(
            opened,
            { payload: PAYLOAD, generation: 0, renewedAt, bornUnder: token.master.kid },
            `${name}, ${given}`,
          )
        }
    })

    it('needs the token: the secrets and the store together do not open it', () => {
      const verified = fresh()
      const seal = sealWith('two-key')
      const sealed = sealFor(seal, verified)
      // The thief has the row (id, owner, bytes) and the whole ring.
      for (const token of [new Uint8Array(32), new Uint8Array(0), randomBytes(32), Buffer.from(verified.id, 'hex')])
        assert.equal(refused(seal.open(sealed, { ...verified, token: token as unknown as Token }, owner)), 'forged')
      assert.equal(refused(sealWith('server-key').open(sealed, verified, owner)), 'unknown-version')
      const relabelled = Buffer.from(sealed)
      relabelled[0] = SERVER_KEY
      assert.equal(refused(sealWith('server-key').open(relabelled, verified, owner)), 'forged')
    })

    it('needs the secrets: the token and the store together do not open it', () => {
      const verified = fresh()
      const foreign = withKidOf(ring.current.kid)
      for (const name of SEALED) {
        const sealed = sealFor(sealWith(name), verified)
        assert.equal(refused(sealWith(name, ringOf('c')).open(sealed, verified, owner)), 'unknown-key')
        // Nor when another server's secret happens to have the same key id.
        assert.equal(refused(sealWith(name, foreign).open(sealed, verified, owner)), 'forged')
      }
    })

    it('is bound to its id and to its owner', () => {
      const [verified, other] = [fresh(), fresh()]
      for (const name of SEALED) {
        const seal = sealWith(name)
        const sealed = sealFor(seal, verified)
        assert.equal(refused(seal.open(sealed, other, owner)), 'forged')
        assert.equal(refused(seal.open(sealed, { ...verified, id: other.id }, owner)), 'forged')
        assert.equal(refused(seal.open(sealed, verified, null)), 'forged')
        assert.equal(refused(seal.open(sealed, verified, ownerTag(ring.current, SHOP, 'eve'))), 'forged')
        assert.equal(refused(seal.open(sealed, verified, ownerTag(ring.current, 'admin', 'ada'))), 'forged')
      }
    })

    it('with any bit flipped, cut short or made longer is refused, and never throws', () => {
      const verified = next(fresh())
      for (const name of SEALED) {
        const seal = sealWith(name)
        const sealed = sealFor(seal, verified)
        assert.equal(refused(seal.open(sealed, verified, owner)), 'it opened')
        for (let bit = 0; bit < sealed.length * 8; bit++)
          assert.notEqual(refused(seal.open(flip(sealed, bit), verified, owner)), 'it opened', `${name}, bit ${bit}`)
        for (let length = 0; length < sealed.length; length++)
          assert.notEqual(refused(seal.open(sealed.subarray(0, length), verified, owner)), 'it opened')
        assert.notEqual(refused(seal.open(Buffer.concat([sealed, Buffer.of(0)]), verified, owner)), 'it opened')
      }
    })

    it('with any bit of its header flipped is of another generation, or forged', () => {
      const verified = next(fresh())
      for (const [name, header] of [
        ['two-key', 10],
        ['server-key', 26],
      ] as const) {
        const seal = sealWith(name)
        const sealed = sealFor(seal, verified)
        for (let bit = 16; bit < (2 + header) * 8; bit++) {
          const flipped = flip(sealed, bit)
          const generation = flipped.readUInt32BE(2)
          const expected = generation === 1 ? 'forged' : generation > 1 ? 'superseded' : 'ahead'
          assert.equal(refused(seal.open(flipped, verified, owner)), expected, `${name}, bit ${bit}`)
        }
      }
    })

    it('with another commitment is refused before anything is decrypted', () => {
      const verified = fresh()
      for (const [name, at] of [
        ['two-key', 36],
        ['server-key', 52],
      ] as const) {
        const seal = sealWith(name)
        const sealed = sealFor(seal, verified, null)
        sealed.fill(0, at, at + 16)
        assert.equal(refused(seal.open(sealed, verified, null)), 'forged')
      }
    })

    it('never has the salt of another: a hundred thousand writes of one session use a hundred thousand keys', () => {
      const verified = fresh()
      const seal = sealWith('two-key')
      const salts = new Set<string>()
      for (let i = 0; i < 100_000; i++) salts.add(seal.seal('x', verified, null, 0).toString('latin1', 12, 36))
      assert.equal(salts.size, 100_000)
    })

    it('shows the id of its key, its seal and its header, and a plain payload has the header only', () => {
      const verified = next(fresh())
      for (const [name, seal, kid] of [
        ['two-key', 'two-key', ring.current.kid],
        ['server-key', 'server-key', ring.current.kid],
        ['none', null, null],
      ] as const) {
        const bytes = sealFor(sealWith(name), verified)
        assert.deepEqual([sealOf(bytes), sealedUnder(bytes)], [seal, kid])
        const header = { generation: 1, renewedAt: RENEWED_AT, bornUnder: verified.master.kid }
        assert.deepEqual(sealWith(name).headerOf(bytes), header)
        // Whatever a driver returns.
        assert.deepEqual(sealWith(name).headerOf(new Uint8Array(bytes)), header)
        for (const other of SEALS)
          if (other !== name) assert.equal(sealWith(other).headerOf(bytes), null, `${name} as ${other}`)
        assert.equal(sealWith(name).headerOf(new Uint8Array(0)), null)
      }
      const short = sealWith('two-key').seal('', verified, null, RENEWED_AT)
      assert.equal(short.length, LEAST_RECORD)
      assert.equal(sealWith('two-key').headerOf(short.subarray(0, -1)), null)
    })

    it('is sealed under the current key, while its session stays under the one that it began with', () => {
      const old = fresh(ringOf('b'))
      for (const name of SEALED) {
        const before = sealFor(sealWith(name, ringOf('b')), old)
        const after = sealFor(sealWith(name), old)
        assert.deepEqual([before[1], after[1]], [old.master.kid, ring.current.kid])
        assert.deepEqual(
          [before, after].map((bytes) => [...keysOf(bytes)]),
          [[old.master.kid], [old.master.kid, ring.current.kid]],
        )
        for (const bytes of [before, after]) assert.equal(refused(sealWith(name).open(bytes, old, owner)), 'it opened')
      }
    })
  })

describe('a record of one cipher', () => {
  const verified = fresh()
  const pairs = AEADS.flatMap((writer) => AEADS.map((reader) => [writer, reader] as const))

  it('opens with every implementation, whatever cipher that one seals with', () => {
    for (const [writer, reader] of pairs)
      for (const name of SEALED) {
        const sealed = sealFor(createSeal(name, ring, writer), verified)
        const opened = createSeal(name, ring, reader).open(sealed, verified, owner)
        assert.deepEqual(opened, {
          payload: PAYLOAD,
          generation: 0,
          renewedAt: RENEWED_AT,
          bornUnder: verified.master.kid,
        })
      }
  })

  it('never opens as one of the other, whose keys are others', () => {
    for (const [writer, reader] of pairs) {
      if (writer.cipher === reader.cipher) continue
      const sealed = sealFor(createSeal('two-key', ring, writer), verified)
      sealed[0] = VERSIONS[reader.cipher][0]
      // The commitment differs as well: a key is used with one cipher only.
      for (const any of AEADS)
        assert.equal(refused(createSeal('two-key', ring, any).open(sealed, verified, owner)), 'forged')
    }
  })
})
