import assert from 'node:assert/strict'
import crypto, { createHash, createHmac } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import {
  belongsTo,
  computedToken,
  handleOf,
  newToken,
  renewedToken,
  type VerifiedToken,
  verifyToken,
} from '../../packages/strongroom/src/crypto/token.ts'
import { ringOf } from './fixtures/secret.ts'

const ring = ringOf('a', 'b')
const [current, retired] = [ring.current, ring.masters[1] ?? assert.fail()]
const SHOP = 'shop'

/** The length of the namespace in four bytes, and the namespace, as all that belongs to one begins. */
const prefixOf = (namespace: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(namespace))
  return Buffer.concat([length, Buffer.from(namespace)])
}

const hmac = (key: crypto.KeyObject, ...parts: Uint8Array[]) =>
  createHmac('sha512', key).update(Buffer.concat(parts)).digest()

function verified(text: string, namespace = SHOP, keys = ring): VerifiedToken {
  const found = verifyToken(text, keys, namespace)
  assert.ok(typeof found === 'object', String(found))
  return found
}

const plain = ({ sid, token, generation, id, master, text }: VerifiedToken) => ({
  sid: Buffer.from(sid).toString('hex'),
  token: Buffer.from(token).toString('hex'),
  generation,
  id,
  kid: master.kid,
  text,
})

/** A token of any generation. 2^32 renewals take too long. */
const tokenOfGeneration = (generation: number) =>
  renewedToken({ ...newToken(ring, SHOP), generation: generation - 1 }, SHOP)

describe('a token', () => {
  it('is sent as version 1, key id, generation 4, sid 16, token 32 and tag 12, in 88 characters of base64url', () => {
    for (const generation of [0, 1, 0x0102_0304, 0xffff_ffff]) {
      const { text, sid, token, id, master } = generation === 0 ? newToken(ring, SHOP) : tokenOfGeneration(generation)
      const bytes = Buffer.from(text, 'base64url')
      assert.deepEqual([text.length, bytes.length], [88, 66])
      assert.deepEqual([bytes[0], bytes[1], bytes.readUInt32BE(2)], [1, current.kid, generation])
      assert.deepEqual([bytes.subarray(6, 22), bytes.subarray(22, 54)], [Buffer.from(sid), Buffer.from(token)])
      const tag = hmac(current.tag, prefixOf(SHOP), bytes.subarray(0, 54))
      assert.deepEqual(bytes.subarray(54), tag.subarray(0, 12))
      const ofSid = hmac(current.id, prefixOf(SHOP), sid).toString('hex', 0, 28)
      const end = createHash('sha256').update('strongroom namespace ').update(prefixOf(SHOP)).digest('hex').slice(0, 8)
      assert.equal(id, ofSid + end)
      assert.equal(master, current)
    }
  })

  it('is different each time: of a hundred thousand no two share sid, token, id or tag', () => {
    const seen = new Set<string>()
    const ones = new Uint32Array(384)
    for (let i = 0; i < 100_000; i++) {
      const { id, text } = newToken(ring, SHOP)
      const bytes = Buffer.from(text, 'base64url')
      const parts = [bytes.toString('latin1', 6, 22), bytes.toString('latin1', 22, 54), id, text.slice(-16)]
      for (const part of parts) {
        assert.ok(!seen.has(part))
        seen.add(part)
      }
      for (let bit = 0; bit < 384; bit++)
        ones[bit] = (ones[bit] as number) + (((bytes[6 + (bit >> 3)] as number) >> (bit & 7)) & 1)
    }
    // About half of 100 000. Six standard deviations are 949, which chance exceeds once in a million runs.
    for (const count of ones) assert.ok(Math.abs(count - 50_000) < 949, `a bit was set ${count} times`)
  })

  it('is verified from its cookie with the same id, under a retired key too', () => {
    for (const from of [ring, ringOf('b')]) {
      const made = newToken(from, SHOP)
      for (const each of [made, renewedToken(made, SHOP)]) {
        const back = verified(each.text)
        assert.deepEqual(plain(back), plain(each))
        assert.equal(back.master, from === ring ? current : retired)
      }
    }
  })

  it('with any one bit changed is refused', () => {
    for (const { text } of [newToken(ring, SHOP), tokenOfGeneration(7)]) {
      const bytes = Buffer.from(text, 'base64url')
      for (let bit = 0; bit < 528; bit++) {
        const flipped = Buffer.from(bytes)
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        const refusal = verifyToken(flipped.toString('base64url'), ring, SHOP)
        const expected = bit < 8 ? ['malformed'] : bit < 16 ? ['unknown-key', 'forged'] : ['forged']
        assert.ok(typeof refusal === 'string' && expected.includes(refusal), `bit ${bit}: ${JSON.stringify(refusal)}`)
      }
    }
  })

  it('has one spelling: with any one character changed it is refused', () => {
    const { text } = newToken(ring, SHOP)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/'
    for (let at = 0; at < text.length; at++)
      for (const other of alphabet) {
        if (other === text[at]) continue
        const spelt = text.slice(0, at) + other + text.slice(at + 1)
        assert.equal(typeof verifyToken(spelt, ring, SHOP), 'string', spelt)
      }
  })

  it('of which a part was exchanged for that of another one is refused', () => {
    const mine = newToken(ring, SHOP)
    const bytesOf = ({ text }: VerifiedToken): Buffer => Buffer.from(text, 'base64url')
    const [early, late, other] = [bytesOf(mine), bytesOf(renewedToken(mine, SHOP)), bytesOf(newToken(ring, SHOP))]
    const parts = { generation: [2, 6], sid: [6, 22], token: [22, 54], tag: [54, 66] } as const
    for (const [part, [from, to]] of Object.entries(parts))
      for (const [into, donor] of [
        [early, late],
        [late, early],
        [early, other],
        [late, other],
      ] as const) {
        const mixed = Buffer.from(into)
        donor.copy(mixed, from, from, to)
        // A renewal keeps the sid, and a first token is of generation 0.
        if (!mixed.equals(into)) assert.equal(verifyToken(mixed.toString('base64url'), ring, SHOP), 'forged', part)
      }
  })

  it('of another application, or under a removed key, has an unknown key', () => {
    assert.equal(verifyToken(newToken(ringOf('b'), SHOP).text, ringOf('a'), SHOP), 'unknown-key')
  })

  it('is refused unless its text is 88 characters of base64url', () => {
    const { text } = newToken(ring, SHOP)
    const near = [
      text.slice(1),
      `${text}A`,
      `${text}=`,
      ` ${text}`,
      `${text}\n`,
      `${text.slice(1)}\n`,
      `${text.slice(1)}=`,
    ]
    for (const wrong of [...near, '', `"${text}"`, text.replace(/.$/, '+'), text.replace(/^./, 'é'), 'A'.repeat(88)])
      assert.equal(verifyToken(wrong, ring, SHOP), 'malformed', JSON.stringify(wrong))
    const isRefused = (any: string) => typeof verifyToken(any, ring, SHOP) === 'string'
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 120 }), isRefused))
    const bytes = fc.uint8Array({ minLength: 66, maxLength: 66 })
    fc.assert(fc.property(bytes, (any) => isRefused(Buffer.from(any).toString('base64url'))))
    // Of the right version, and under a key that exists.
    const near66 = bytes.map((any) => Buffer.from([1, current.kid, ...any.subarray(2)]).toString('base64url'))
    fc.assert(fc.property(near66, (any) => verifyToken(any, ring, SHOP) === 'forged'))
  })
})

describe('a renewed token', () => {
  it('has the sid, id, key and handle of the one before, one generation more, and another secret', () => {
    let before = newToken(ringOf('b'), SHOP)
    const [first, tokens] = [before, new Set<string>()]
    for (let generation = 0; generation < 1000; generation++) {
      assert.equal(before.generation, generation)
      const { sid, id, master } = before
      assert.deepEqual([sid, id, master.kid], [first.sid, first.id, first.master.kid])
      tokens.add(Buffer.from(before.token).toString('hex'))
      before = renewedToken(before, SHOP)
    }
    assert.equal(tokens.size, 1000)
    assert.equal(handleOf(before.id), handleOf(first.id))
  })

  it('stays under the key that its session began under, whatever is current', () => {
    const old = newToken(ringOf('b'), SHOP)
    const renewed = renewedToken(verified(old.text), SHOP)
    assert.equal(renewed.master, retired)
    assert.equal(Buffer.from(renewed.text, 'base64url')[1], retired.kid)
    assert.equal(verified(renewed.text).id, old.id)
  })

  it('does not start again at generation 0, or old tokens would be newer than new ones', () => {
    const last = tokenOfGeneration(0xffff_ffff)
    assert.equal(verified(last.text).generation, 0xffff_ffff)
    assert.throws(() => renewedToken(last, SHOP), RangeError)
  })

  it('leaves the one before as it was', () => {
    const before = newToken(ring, SHOP)
    const copy = plain(before)
    renewedToken(before, SHOP)
    assert.deepEqual(plain(before), copy)
    assert.deepEqual(plain(verified(before.text)), copy)
  })
})

describe('a computed token', () => {
  const WHAT = ['django', 'a session key of Django']

  it('is the same wherever it is computed, and a cookie like any other', () => {
    const computed = computedToken(current, SHOP, WHAT)
    assert.deepEqual(plain(computedToken(ringOf('a').current, SHOP, [...WHAT])), plain(computed))
    assert.deepEqual(plain(verified(computed.text)), plain(computed))
    const mac = hmac(current.computed, prefixOf(SHOP), Buffer.from(JSON.stringify(WHAT)))
    assert.deepEqual(Buffer.from(computed.text, 'base64url').subarray(6, 54), mac.subarray(0, 48))
    assert.equal(computed.generation, 0)
    assert.equal(renewedToken(computed, SHOP).id, computed.id)
  })

  it('is another one for other parts, however they are cut, under another key, and in another namespace', () => {
    const parts = [
      WHAT,
      ['ab', 'c'],
      ['a', 'bc'],
      ['abc'],
      ['abc', ''],
      ['', 'abc'],
      ['a', 'b', 'c'],
      [],
      ['["a","b"]'],
    ]
    const all = [SHOP, 'admin'].flatMap((namespace) =>
      [current, retired].flatMap((master) => parts.map((what) => computedToken(master, namespace, what))),
    )
    for (const part of ['sid', 'token', 'id', 'text'] as const)
      assert.equal(new Set(all.map((each) => plain(each)[part])).size, all.length, part)
  })
})

describe('a namespace', () => {
  it('has cookies that open in no other, of whatever generation', () => {
    for (const token of [newToken(ring, SHOP), tokenOfGeneration(3), computedToken(current, SHOP, ['x'])])
      for (const other of ['admin', 'sho', 'shops', 'Shop', '', '\0shop', 'shop\0'])
        assert.equal(verifyToken(token.text, ring, other), 'forged', JSON.stringify(other))
  })

  it('has ids of its own: a sid leads to another session, or to none, in each', () => {
    const token = newToken(ring, SHOP)
    assert.notEqual(renewedToken(token, 'admin').id, token.id)
  })

  it('can be told from an id without a key, under any secret, and from a computed one', () => {
    for (const from of [ring, ringOf('b')])
      for (const token of [newToken(from, SHOP), computedToken(from.current, SHOP, ['x'])]) {
        assert.match(token.id, /^[0-9a-f]{64}$/)
        assert.ok(belongsTo(token.id, SHOP) && belongsTo(renewedToken(token, SHOP).id, SHOP))
        for (const other of ['admin', 'sho', 'shops', 'Shop']) assert.ok(!belongsTo(token.id, other), other)
      }
  })

  it('never shares a tag, an id or an owner tag with another, wherever a name ends and what follows it begins', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\u0001', '1'), maxLength: 6 })
    fc.assert(
      fc.property(name, name, fc.nat(6), (first, second, cut) => {
        const joined = first + second
        const [namespace, userId] = [joined.slice(0, cut), joined.slice(cut)]
        if (namespace === first) return
        assert.notEqual(ownerTag(current, first, second), ownerTag(current, namespace, userId))
        const token = newToken(ring, first)
        assert.equal(verifyToken(token.text, ring, namespace), 'forged')
        assert.notEqual(renewedToken(token, namespace).id, token.id)
      }),
    )
    assert.notEqual(ownerTag(current, 'a', 'bc'), ownerTag(current, 'ab', 'c'))
    // The length counts bytes, as what follows it does.
    assert.notEqual(ownerTag(current, 'é', 'x'), ownerTag(current, 'é'.normalize('NFD'), 'x'))
  })

  it('is in owner tags by its length and its name, before the user id', () => {
    const mac = createHmac('sha256', current.owner).update(Buffer.concat([prefixOf('bücher'), Buffer.from('ada')]))
    assert.equal(ownerTag(current, 'bücher', 'ada'), mac.digest('hex'))
  })
})

describe('a handle', () => {
  it('is 16 characters of a hash of the id, and is neither part of the id nor of the cookie', () => {
    const { id, text } = newToken(ring, SHOP)
    const handle = handleOf(id)
    assert.match(handle, /^[\w-]{16}$/)
    assert.equal(handle, createHash('sha256').update(`strongroom handle ${id}`).digest('base64url').slice(0, 16))
    assert.ok(!text.includes(handle) && !id.includes(handle))
    assert.equal(verifyToken(handle, ring, SHOP), 'malformed')
  })
})

it('the random bytes of a new and of a renewed token are wiped once the token is made of them', (test) => {
  const drawn: Uint8Array[] = []
  const { randomBytes, randomFillSync } = crypto
  test.mock.method(crypto, 'randomBytes', (size: number) => {
    const bytes = randomBytes(size)
    drawn.push(bytes)
    return bytes
  })
  test.mock.method(crypto, 'randomFillSync', (bytes: Uint8Array, offset?: number) => {
    drawn.push(bytes)
    return randomFillSync(bytes, offset)
  })
  syncBuiltinESMExports()
  try {
    const token = newToken(ring, SHOP)
    assert.equal(drawn.length, 1)
    const renewed = renewedToken(token, SHOP)
    assert.equal(drawn.length, 2)
    for (const bytes of drawn) assert.deepEqual(Buffer.from(bytes), Buffer.alloc(48))
    for (const each of [token, renewed]) assert.deepEqual(plain(verified(each.text)), plain(each))
  } finally {
    test.mock.restoreAll()
    syncBuiltinESMExports()
  }
})
