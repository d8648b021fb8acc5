import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { handleOf, newToken, verifyToken } from '../../packages/strongroom/src/crypto/token.ts'
import { ringOf } from './fixtures/secret.ts'

const ring = ringOf('a', 'b')
const [current, retired] = [ring.current, ring.masters[1] ?? assert.fail()]

describe('a token', () => {
  it('is sent as version 1, key id, 32 random bytes and 14 bytes of tag, in 64 characters of base64url', () => {
    const { text, token, id, master } = newToken(ring)
    const bytes = Buffer.from(text, 'base64url')
    assert.equal(text.length, 64)
    assert.equal(bytes.length, 48)
    assert.deepEqual([bytes[0], bytes[1]], [1, current.kid])
    assert.deepEqual(bytes.subarray(2, 34), Buffer.from(token))
    const mac = createHmac('sha512', current.token).update(token).digest()
    assert.deepEqual(bytes.subarray(34), mac.subarray(32, 46))
    assert.equal(id, mac.subarray(0, 32).toString('hex'))
    assert.equal(master, current)
  })

  it('is different each time: of a hundred thousand no two share token, id or tag', () => {
    const seen = new Set<string>()
    const ones = new Uint32Array(256)
    for (let i = 0; i < 100_000; i++) {
      const { token, id, text } = newToken(ring)
      const [first, last] = [Buffer.from(token).toString('latin1'), text.slice(-18)]
      assert.ok(!seen.has(first) && !seen.has(id) && !seen.has(last))
      seen.add(first).add(id).add(last)
      for (let bit = 0; bit < 256; bit++)
        ones[bit] = (ones[bit] as number) + (((token[bit >> 3] as number) >> (bit & 7)) & 1)
    }
    // About half of 100 000. Six standard deviations are 949, which chance exceeds once in two million runs.
    for (const count of ones) assert.ok(Math.abs(count - 50_000) < 949, `a bit was set ${count} times`)
  })

  it('is verified from its cookie with the same id, under a retired key too', () => {
    for (const from of [ring, ringOf('b')]) {
      const made = newToken(from)
      const back = verifyToken(made.text, ring)
      assert.ok(typeof back === 'object')
      assert.deepEqual([back.id, back.text, Buffer.from(back.token)], [made.id, made.text, Buffer.from(made.token)])
      assert.equal(back.master, from === ring ? current : retired)
    }
  })

  it('with any one bit changed is refused', () => {
    const { text } = newToken(ring)
    const bytes = Buffer.from(text, 'base64url')
    for (let bit = 0; bit < 384; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      const refusal = verifyToken(flipped.toString('base64url'), ring)
      const expected = bit < 8 ? ['malformed'] : bit < 16 ? ['unknown-key', 'forged'] : ['forged']
      assert.ok(typeof refusal === 'string' && expected.includes(refusal), `bit ${bit}: ${JSON.stringify(refusal)}`)
    }
  })

  it('of another application, or under a removed key, has an unknown key', () => {
    assert.equal(verifyToken(newToken(ringOf('b')).text, ringOf('a')), 'unknown-key')
  })

  it('is refused unless its text is 64 characters of base64url', () => {
    const { text } = newToken(ring)
    const near = [
      text.slice(1),
      `${text}A`,
      `${text}=`,
      ` ${text}`,
      `${text}\n`,
      `${text.slice(1)}\n`,
      `${text.slice(1)}=`,
    ]
    for (const wrong of [...near, '', `"${text}"`, text.replace(/.$/, '+'), text.replace(/^./, 'é'), 'A'.repeat(64)])
      assert.equal(verifyToken(wrong, ring), 'malformed', JSON.stringify(wrong))
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (any) => typeof verifyToken(any, ring) === 'string'),
    )
    const sixtyFour = fc
      .uint8Array({ minLength: 48, maxLength: 48 })
      .map((any) => Buffer.from(any).toString('base64url'))
    fc.assert(fc.property(sixtyFour, (any) => typeof verifyToken(any, ring) === 'string'))
  })
})

describe('a handle', () => {
  it('is 16 characters of a hash of the id, and is neither part of the id nor of the cookie', () => {
    const { id, text } = newToken(ring)
    const handle = handleOf(id)
    assert.match(handle, /^[\w-]{16}$/)
    assert.equal(handle, createHash('sha256').update(`strongroom handle ${id}`).digest('base64url').slice(0, 16))
    assert.ok(!text.includes(handle) && !id.includes(handle))
    assert.equal(verifyToken(handle, ring), 'malformed')
  })
})
