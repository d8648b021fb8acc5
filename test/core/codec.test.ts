import assert from 'node:assert/strict'
import { createDecipheriv, createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import vm from 'node:vm'
import fc from 'fast-check'
import { cookieCodec } from '../../packages/strongroom/src/crypto/cookie-seal.ts'
import { DataError } from '../../packages/strongroom/src/errors.ts'
import { checkValue, decodeContent, encodeContent } from '../../packages/strongroom/src/session/content.ts'
import { AEADS, aead, nameOf, VERSIONS } from './fixtures/aead.ts'
import { ringOf } from './fixtures/secret.ts'

const ring = ringOf('a', 'b')
const NAME = '__Host-id'
const PAYLOAD = '["sid",1,2]\n{"c":1}\n{"basket":["böök",1]}'

describe('a session in a cookie', () => {
  for (const aead of AEADS)
    it(`sealed, is version, key id, salt, commitment, ciphertext and tag, bound to the cookie name, ${nameOf(aead)}`, () => {
      const { cipher } = aead
      const bytes = Buffer.from(cookieCodec('sealed', ring, NAME, aead).encode(PAYLOAD), 'base64url')
      const length = 58 + Buffer.byteLength(PAYLOAD)
      assert.deepEqual([bytes[0], bytes[1], bytes.length], [VERSIONS[cipher][3], ring.current.kid, length])
      const input = [
        Buffer.from([0, 0, 0, 1]),
        Buffer.from(`strongroom cookie ${cipher}${NAME}`),
        bytes.subarray(2, 26),
      ]
      const derived = createHmac('sha512', ring.current.cookie).update(Buffer.concat(input)).digest()
      assert.deepEqual(bytes.subarray(26, 42), derived.subarray(44, 60))
      const by = [derived.subarray(0, 32), derived.subarray(32, 44), { authTagLength: 16 }] as const
      const decipher = createDecipheriv(cipher as 'aes-256-gcm', ...by)
      decipher.setAAD(Buffer.concat([bytes.subarray(0, 2), Buffer.from(NAME)]))
      decipher.setAuthTag(bytes.subarray(-16))
      assert.equal(Buffer.concat([decipher.update(bytes.subarray(42, -16)), decipher.final()]).toString(), PAYLOAD)
      for (const other of AEADS) {
        const decoded = cookieCodec('sealed', ring, NAME, other).decode(bytes.toString('base64url'))
        assert.ok('payload' in decoded && decoded.payload === PAYLOAD, nameOf(other))
      }
    })

  it('signed, is version 5, key id, the readable payload and an HMAC-SHA-256 over the cookie name and all of it', () => {
    const bytes = Buffer.from(cookieCodec('signed', ring, NAME, aead).encode(PAYLOAD), 'base64url')
    const signed = bytes.subarray(0, -32)
    assert.deepEqual(signed, Buffer.concat([Buffer.from([5, ring.current.kid]), Buffer.from(PAYLOAD)]))
    const mac = createHmac('sha256', ring.current.cookie).update(`strongroom signed\n${NAME}\n`).update(signed).digest()
    assert.deepEqual(bytes.subarray(-32), mac)
  })

  for (const protection of ['sealed', 'signed'] as const) {
    const codec = cookieCodec(protection, ring, NAME, aead)
    const refusal = (text: string, by = codec) => {
      const decoded = by.decode(text)
      return 'refused' in decoded ? decoded.refused : 'it opened'
    }

    it(`${protection}, comes back unchanged, under a retired key too`, () => {
      const before = cookieCodec(protection, ringOf('b'), NAME, aead)
      const [current, retired] = ring.masters
      fc.assert(
        fc.property(fc.string({ unit: 'grapheme' }), (payload) => {
          assert.deepEqual(codec.decode(codec.encode(payload)), { payload, master: current })
          assert.deepEqual(codec.decode(before.encode(payload)), { payload, master: retired })
        }),
      )
    })

    it(`${protection}, opens under no other name, key or protection`, () => {
      const text = codec.encode(PAYLOAD)
      assert.equal(refusal(text, cookieCodec(protection, ring, 'id', aead)), 'forged')
      assert.equal(refusal(text, cookieCodec(protection, ringOf('c'), NAME, aead)), 'unknown-key')
      const other = protection === 'sealed' ? 'signed' : 'sealed'
      assert.equal(refusal(text, cookieCodec(other, ring, NAME, aead)), 'unknown-version')
      const bytes = Buffer.from(text, 'base64url')
      bytes[0] = protection === 'sealed' ? 5 : VERSIONS[aead.cipher][3]
      assert.equal(refusal(bytes.toString('base64url'), cookieCodec(other, ring, NAME, aead)), 'forged')
    })

    it(`${protection}, with any bit flipped, cut short or made longer is refused, and never throws`, () => {
      // Lengths with one, two and no characters after the last group of four, so that the unused bits of the last character are tested.
      for (const payload of [PAYLOAD, `${PAYLOAD}1`, `${PAYLOAD}12`]) {
        const text = Buffer.from(codec.encode(payload), 'latin1')
        for (let bit = 0; bit < text.length * 8; bit++) {
          const flipped = Buffer.from(text)
          flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
          assert.notEqual(refusal(flipped.toString('latin1')), 'it opened', `bit ${bit}`)
        }
        for (let length = 0; length < text.length; length++)
          assert.notEqual(refusal(text.toString('latin1', 0, length)), 'it opened')
        assert.notEqual(refusal(`${text}A`), 'it opened')
        for (const more of ['=', '==', ' ', '\n']) assert.equal(refusal(`${text}${more}`), 'malformed')
      }
    })

    it(`${protection}, any other string is refused, and never throws`, () => {
      fc.assert(fc.property(fc.string({ unit: 'binary' }), (any) => refusal(any) !== 'it opened'))
      const bytes = fc.uint8Array({ maxLength: 200 }).map((any) => Buffer.from(any).toString('base64url'))
      fc.assert(fc.property(bytes, (any) => refusal(any) !== 'it opened'))
    })
  }
})

const meta = fc.record(
  {
    createdAt: fc.nat(),
    authenticatedAt: fc.option(fc.nat()),
    deadline: fc.nat(),
    idle: fc.nat(),
    userId: fc.option(fc.string({ unit: 'binary', minLength: 1 })),
    persistent: fc.boolean(),
    label: fc.option(fc.string({ unit: 'binary' })),
    proofs: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 9 }), fc.option(fc.string({ unit: 'binary' })))),
  },
  {
    noNullPrototype: true,
    requiredKeys: ['createdAt', 'authenticatedAt', 'deadline', 'idle', 'userId', 'persistent', 'label'],
  },
)

describe('the payload of a session', () => {
  it('comes back unchanged', () => {
    fc.assert(
      fc.property(meta, fc.dictionary(fc.string(), fc.jsonValue()), (meta, values) => {
        const data = JSON.stringify(values)
        assert.deepEqual(decodeContent(encodeContent({ meta, data }).join('')), {
          meta,
          data,
          values: JSON.parse(data),
        })
      }),
    )
  })

  it('is refused, and never throws, when it is anything else', () => {
    const good = encodeContent({ meta: { ...fc.sample(meta, 1)[0], userId: null } as never, data: '{}' }).join('')
    const head = good.slice(0, good.indexOf('\n'))
    assert.ok(decodeContent(good))
    for (const wrong of [
      '',
      '{}',
      '\n',
      '{}\n{}',
      `${head}\n[]`,
      `${head}\nnull`,
      `${head}\n1`,
      `${head}\n{`,
      `null\n{}`,
    ])
      assert.equal(decodeContent(wrong), null, wrong)
    for (const [name, value] of Object.entries({ c: '"1"', d: 'null', i: '[]', a: '"x"', u: '1', l: '{}' }))
      assert.equal(decodeContent(`{"c":1,"d":2,"i":3,"${name}":${value}}\n{}`), null, name)
    fc.assert(fc.property(fc.string(), (any) => decodeContent(any) === null))
  })
})

describe('a value for a session', () => {
  const fits = (value: unknown) => checkValue('key', value)

  it('is anything that JSON returns unchanged', () => {
    fc.assert(fc.property(fc.jsonValue(), fits))
    fits(Object.assign(Object.create(null), { a: [1, 'x', null, true] }))
    fits({ optional: undefined, constructor: 'a word', toJSON: 'another', ['__proto__']: { polluted: true } })
    fits(JSON.parse('{"__proto__":{"constructor":1},"1":2,"-0":3}'))
    fits('\ud800')
  })

  it('may come from another realm, like the objects that fetch returns to code in the sandbox of a test runner', () => {
    fits(vm.runInNewContext('({ profile: { name: "Ada", tags: ["a"] } })'))
  })

  class Cart {
    items = []
  }
  const cyclic: unknown[] = []
  cyclic.push({ cyclic })
  let deep: unknown = 1
  for (let i = 0; i < 201; i++) deep = [deep]
  const unfit: Record<string, [value: unknown, message: RegExp]> = {
    'a BigInt': [1n, /type bigint/],
    'a function': [() => 1, /type function/],
    'a symbol': [Symbol('x'), /type symbol/],
    'undefined in a list': [[undefined], /type undefined/],
    'a hole in a list': [Array(3).fill(1, 1), /type undefined/],
    NaN: [Number.NaN, /NaN/],
    Infinity: [-Infinity, /-Infinity/],
    'a Date': [new Date(0), /an instance of Date,/],
    'a Map': [new Map(), /an instance of Map,/],
    'a Set': [new Set(), /an instance of Set,/],
    'a RegExp': [/x/, /an instance of RegExp,/],
    'an Error': [new Error('x'), /an instance of Error,/],
    bytes: [new Uint8Array(4), /an instance of Uint8Array,/],
    'a boxed number': [Object(1), /an instance of Number,/],
    'a class': [new Cart(), /an instance of Cart,/],
    'an object with a prototype of its own': [Object.create({ inherited: 1 }), /./],
    'an object that writes itself': [{ toJSON: () => 1 }, /Object|function/],
    'a Date of another realm': [vm.runInNewContext('new Date(0)'), /an instance of Date,/],
    'a cycle': [cyclic, /a cycle/],
    'a tower': [deep, /nesting deeper/],
  }
  for (const [what, [value, message]] of Object.entries(unfit))
    it(`cannot contain ${what} at any depth, and the error names the key`, () => {
      for (const each of [value, { a: [1, value] }, [{ b: { c: value } }]])
        assert.throws(
          () => fits(each),
          (error: Error) => error instanceof DataError && error.key === 'key' && message.test(error.message),
        )
    })

  it('that occurs twice is not a cycle', () => {
    const shared = { a: 1 }
    fits([shared, { shared, again: [shared, shared] }])
  })
})
