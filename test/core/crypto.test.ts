import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHmac, createSecretKey, randomBytes, randomInt } from 'node:crypto'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import { lengthOf, type Pieces } from '../../packages/strongroom/src/base/bytes.ts'
import { type Aead, createAead, type Scratch } from '../../packages/strongroom/src/crypto/aead.ts'
import { checkedNode } from '../../packages/strongroom/src/crypto/checked.ts'
import { cookieCodec } from '../../packages/strongroom/src/crypto/cookie-seal.ts'
import { nodePrimitives } from '../../packages/strongroom/src/crypto/node.ts'
import { BLOCK, type Cipher, hmacSha512, type Primitives } from '../../packages/strongroom/src/crypto/primitives.ts'
import { findSodium, primitivesFor, type Require } from '../../packages/strongroom/src/crypto/provider.ts'
import { createSeal, type Seal, sealLabel } from '../../packages/strongroom/src/crypto/seal.ts'
import { type Sodium, sodiumPrimitives } from '../../packages/strongroom/src/crypto/sodium.ts'
import { computedToken, newToken, renewedToken, verifyToken } from '../../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { isSession } from '../../packages/strongroom/src/store.ts'
import { AEADS, nameOf, VERSIONS } from './fixtures/aead.ts'
import { ringOf, secret } from './fixtures/secret.ts'

const node = nodePrimitives()
const hasSodium = primitivesFor('auto').name === 'sodium'
const implementations: readonly Primitives[] = hasSodium ? [node, primitivesFor('sodium')] : [node]
const require = createRequire(import.meta.url)
const hex = (text: string) => Buffer.from(text, 'hex')

const SHOP = 'shop'
const textIn = (opened: ReturnType<Seal['open']>) => ('refused' in opened ? opened.refused : opened.payload)

const chachaOf = ({ chacha20 }: Primitives): Cipher => chacha20 ?? assert.fail()

function hmac(primitives: Primitives, key: Buffer, message: Uint8Array): string {
  const [frame, mac] = [Buffer.concat([Buffer.alloc(BLOCK), message]), Buffer.alloc(64)]
  hmacSha512(primitives, createSecretKey(key), frame, mac)
  return mac.toString('hex')
}

function encrypt(cipher: Cipher, payload: Pieces, by: Parameters<Cipher['encrypt']>[3], associated: Buffer): Buffer {
  const out = Buffer.alloc(3 + lengthOf(payload) + 16)
  cipher.encrypt(payload, out, 3, by, associated)
  assert.deepEqual(out.subarray(0, 3), Buffer.alloc(3), 'what is before it is not touched')
  return out.subarray(3)
}

for (const each of implementations)
  describe(`the primitives of ${each.name}`, () => {
    it('compute the test vectors of RFC 4231 for HMAC-SHA-512', () => {
      const vectors = [
        [
          '0b'.repeat(20),
          Buffer.from('Hi There'),
          '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
        ],
        [
          Buffer.from('Jefe').toString('hex'),
          Buffer.from('what do ya want for nothing?'),
          '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
        ],
        [
          'aa'.repeat(20),
          hex('dd'.repeat(50)),
          'fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb',
        ],
        [
          '0102030405060708090a0b0c0d0e0f10111213141516171819',
          hex('cd'.repeat(50)),
          'b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd',
        ],
      ] as const
      for (const [key, message, mac] of vectors) assert.equal(hmac(each, hex(key), message), mac)
    })

    it('compute the test vector of RFC 8439 for ChaCha20-Poly1305, and open it', () => {
      const key = hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f')
      const by = { key, nonce: hex('070000004041424344454647') }
      const associated = hex('50515253c0c1c2c3c4c5c6c7')
      const payload =
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
      const sealed = encrypt(chachaOf(each), payload, by, associated)
      assert.equal(
        sealed.toString('hex'),
        'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36' +
          '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691',
      )
      assert.equal(chachaOf(each).decrypt(sealed, 0, by, associated), payload)
    })

    it('compute the HMAC of node:crypto for 10,000 random keys and messages', () => {
      for (let i = 0; i < 10_000; i++) {
        const [key, message] = [randomBytes(randomInt(1, 129)), randomBytes(randomInt(400))]
        assert.equal(hmac(each, key, message), createHmac('sha512', key).update(message).digest('hex'))
      }
    })
  })

describe('ChaCha20-Poly1305', { skip: !hasSodium }, () => {
  it('is the same in both implementations for 10,000 random inputs, and each opens what the other sealed', () => {
    const [ours, theirs] = implementations.map(chachaOf) as [Cipher, Cipher]
    for (let i = 0; i < 10_000; i++) {
      const by = { key: randomBytes(32), nonce: randomBytes(12) }
      const associated = randomBytes(randomInt(1, 200))
      // Now and then more than the scratch memory holds.
      const payload = randomBytes(randomInt(i % 1000 === 0 ? 40_000 : 600)).toString(i % 2 ? 'base64' : 'utf8')
      const sealed = encrypt(ours, payload, by, associated)
      assert.ok(sealed.equals(encrypt(theirs, payload, by, associated)))
      const middle = payload.length >> 1
      const pieces = [payload.slice(0, middle), payload.slice(middle)]
      // A character of two code units must not be cut.
      if (!/[\ud800-\udfff]/.test(payload))
        for (const cipher of [ours, theirs])
          assert.ok(sealed.equals(encrypt(cipher, pieces, by, associated)), 'in pieces')
      for (const cipher of [ours, theirs]) assert.equal(cipher.decrypt(sealed, 0, by, associated), payload)
      const at = randomInt(sealed.length)
      sealed[at] = (sealed[at] as number) ^ (1 << randomInt(8))
      for (const cipher of [ours, theirs]) assert.equal(cipher.decrypt(sealed, 0, by, associated), null)
    }
  })
})

describe('sodium-native', () => {
  const real = hasSodium ? (require('sodium-native') as Sodium) : null
  /** A project in which this is installed. */
  const project =
    (sodium: unknown, version = '5.1.0'): Require =>
    (name) => {
      if (name === 'sodium-native/package.json') return { version }
      if (sodium instanceof Error) throw sodium
      return sodium
    }
  const refusal = (given: Require) => {
    const found = findSodium(given)
    assert.ok(found instanceof ConfigError)
    assert.match(found.message, /^crypto: 'sodium' cannot be used: .*npm install sodium-native@5/)
    return found.message
  }

  it('is used when it is installed, without being asked for', { skip: !hasSodium }, () => {
    const { policy } = createSessions({ secrets: secret('a'), store: memory() })
    assert.deepEqual([policy.crypto, policy.cipher], ['sodium', 'chacha20-poly1305'])
    const forced = createSessions({ secrets: secret('a'), store: memory(), crypto: 'sodium' }).policy
    assert.equal(forced.crypto, 'sodium')
    assert.equal(createSessions({ secrets: secret('a'), store: memory(), crypto: 'node' }).policy.crypto, 'node')
  })

  it('is not used when it is missing, and the error for those who demand it says so', () => {
    const missing = Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' })
    assert.match(
      refusal(() => {
        throw missing
      }),
      /sodium-native is not installed/,
    )
  })

  it('is not used when it cannot be loaded on this machine', () => {
    assert.match(refusal(project(new Error('invalid ELF header'))), /cannot be loaded on this machine/)
    assert.match(refusal(project({})), /cannot be loaded on this machine/)
  })

  it('is not used in a major version whose functions we do not know', () => {
    for (const version of ['4.3.3', '6.0.0', '50.0.0'])
      assert.match(refusal(project(real ?? {}, version)), /is installed, and only 5\.x is supported/)
  })

  it('is not used when it computes anything wrong', { skip: !hasSodium }, () => {
    assert.ok(real)
    assert.ok(!(findSodium(project(real)) instanceof ConfigError))
    const wrong: Record<string, Partial<Sodium>> = {
      'the hash': { crypto_hash_sha512: (out) => void out.fill(1) },
      'what it encrypts': {
        crypto_aead_chacha20poly1305_ietf_encrypt(...args) {
          real.crypto_aead_chacha20poly1305_ietf_encrypt(...args)
          args[0][0] = (args[0][0] as number) ^ 1
          return 0
        },
      },
      'what it decrypts': { crypto_aead_chacha20poly1305_ietf_decrypt: () => 0 },
      'that it opens what was forged': {
        crypto_aead_chacha20poly1305_ietf_decrypt(message, nothing, sealed, ...rest) {
          try {
            return real.crypto_aead_chacha20poly1305_ietf_decrypt(message, nothing, sealed, ...rest)
          } catch {
            return 0
          }
        },
      },
    }
    for (const [what, functions] of Object.entries(wrong))
      assert.match(refusal(project({ ...real, ...functions })), /computes wrong results/, what)
  })
})

describe('a runtime without ChaCha20-Poly1305', () => {
  const without = createAead({ ...node, chacha20: null })
  const ring = ringOf('a')
  const token = newToken(ring, SHOP)
  const sealedBy = (aead: Aead) => createSeal('two-key', ring, aead).seal('{}', token, null, 0)
  const opener = createSeal('two-key', ring, without)

  it('is found out by a test vector, whatever its cipher does instead of working', () => {
    const works = chachaOf(node)
    assert.ok(checkedNode().chacha20)
    const broken: Record<string, Partial<Cipher>> = {
      'it throws': { encrypt: () => assert.fail('Unknown cipher') },
      'it encrypts nothing': { encrypt: () => undefined },
      'it opens nothing': { decrypt: () => null },
      'it opens what was forged': { decrypt: () => 'anything' },
    }
    for (const [what, cipher] of Object.entries(broken))
      assert.equal(checkedNode({ ...node, chacha20: { ...works, ...cipher } }).chacha20, null, what)
    let opened: string | null = null
    const trusting: Cipher = { ...works, decrypt: (...args) => (opened = works.decrypt(...args) ?? opened) }
    assert.equal(checkedNode({ ...node, chacha20: trusting }).chacha20, null, 'it does not check the tag')
  })

  it('seals with AES-256-GCM, and refuses to be told otherwise', () => {
    assert.equal(without.cipher, 'aes-256-gcm')
    assert.deepEqual(opener.open(sealedBy(without), token, null), {
      payload: '{}',
      generation: 0,
      renewedAt: 0,
      bornUnder: token.master.kid,
    })
    assert.throws(() => createAead({ ...node, chacha20: null }, 'chacha20-poly1305'), ConfigError)
  })

  it('cannot say whether a record of ChaCha20-Poly1305 is valid, so that this is an error', () => {
    const sealed = sealedBy(createAead(node, 'chacha20-poly1305'))
    assert.throws(() => opener.open(sealed, token, null), StoreError)
    // Unless it is not even ours: bytes that anyone can send must not cause errors.
    sealed[30] = (sealed[30] as number) ^ 1
    assert.deepEqual(opener.open(sealed, token, null), { refused: 'forged' })
  })

  it('serves sessions of AES-256-GCM, and loses none of ChaCha20-Poly1305', () => {
    const preload = ['without-sodium', 'without-chacha20'].flatMap((name) => [
      '--import',
      new URL(`fixtures/${name}.ts`, import.meta.url).href,
    ])
    const script = new URL('fixtures/runtime-without-chacha20.ts', import.meta.url).pathname
    const { status, stderr } = spawnSync(process.execPath, [...preload, script], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })
})

describe('the option cipher', () => {
  const make = (options: object) => createSessions({ secrets: secret('a'), ...options } as never)

  it('decides how records, labels and cookies are sealed', async () => {
    for (const cipher of ['chacha20-poly1305', 'aes-256-gcm'] as const)
      for (const crypto of ['node', 'auto'] as const) {
        const [twoKey, serverKey, label, travelling] = VERSIONS[cipher]
        for (const [seal, version] of [
          ['two-key', twoKey],
          ['server-key', serverKey],
        ] as const) {
          const store = memory()
          const visit = make({ store, seal, cipher, crypto }).open({})
          ;(await visit.get()).login('ada', { label: 'a device' })
          await visit.commit()
          for await (const page of store.scan())
            for (const { id } of page.filter(isSession)) {
              const entry = (await store.read(id))?.entry
              assert.deepEqual([entry?.bytes[0], entry?.label?.[0]], [version, label])
            }
        }
        const visit = make({ store: cookie(), cipher, crypto }).open({})
        ;(await visit.get()).login('ada')
        const [, text = ''] = /=([^;]+)/.exec((await visit.commit()).setCookie ?? '') ?? []
        assert.equal(Buffer.from(text, 'base64url')[0], travelling)
      }
  })

  it('can be changed: what was sealed before still opens, and the next write seals with the new one', async () => {
    const store = memory()
    const options = { store, seal: 'two-key', secrets: secret('a') } as const
    const visit = createSessions({ ...options, cipher: 'aes-256-gcm' }).open({})
    ;(await visit.get()).set('n', 1)
    const cookie = (await visit.commit()).setCookie?.split(';')[0]
    for (const [n, cipher] of [
      [1, 'chacha20-poly1305'],
      [2, 'aes-256-gcm'],
      [3, 'chacha20-poly1305'],
    ] as const) {
      const next = createSessions({ ...options, cipher }).open({ cookie })
      const session = await next.get()
      assert.equal(session.get('n'), n)
      session.set('n', n + 1)
      await next.commit()
      for await (const page of store.scan())
        for (const { id } of page) assert.equal((await store.read(id))?.entry.bytes[0], VERSIONS[cipher][0])
    }
  })

  it('is refused where nothing is sealed', () => {
    const signed = () => make({ store: cookie({ protection: 'signed' }), cipher: 'aes-256-gcm' })
    assert.throws(signed, /cipher is for what is sealed/)
  })
})

describe('memory that is used again', () => {
  const ring = ringOf('a')
  const { current } = ring
  const TEXT = 'a-plaintext-that-nobody-else-may-see'
  const pad = (byte: number) => Buffer.from(current.seal.export().map((each) => each ^ byte))
  const token = newToken(ring, SHOP)
  /** The server's key in its three forms, the visitor's, and what was sealed. */
  const secrets = [current.seal.export(), pad(0x36), pad(0x5c), Buffer.from(token.token), Buffer.from(TEXT)]
  const isClean = (memory: Uint8Array, when: string) => {
    for (const [i, each] of secrets.entries()) {
      assert.ok(!Buffer.from(memory).includes(each), `${when}, secret ${i}, whole`)
      assert.ok(!Buffer.from(memory).includes(each.subarray(8, 24)), `${when}, secret ${i}, in part`)
    }
  }
  const isEmpty = (memory: Uint8Array, when: string) =>
    assert.ok(
      Buffer.from(memory).every((byte) => byte === 0),
      when,
    )
  const newScratch = (): Scratch => ({
    frame: Buffer.alloc(512),
    derived: Buffer.alloc(64),
    associated: Buffer.alloc(512),
  })

  for (const { name } of implementations)
    it(`has no key, token or plaintext of a seal in it afterwards, also when it failed, ${name}`, () => {
      const [scratch, payloads] = [newScratch(), Buffer.alloc(4096)]
      let fails = false
      const primitives = name === 'node' ? node : sodiumPrimitives(require('sodium-native') as Sodium, payloads)
      const failing: Primitives = {
        ...primitives,
        sha512(input, into) {
          if (fails) throw new Error('out of memory')
          primitives.sha512(input, into)
        },
      }
      const seal = createSeal('two-key', ring, createAead(failing, 'chacha20-poly1305', scratch))
      const check = (when: string) => {
        isClean(scratch.frame, when)
        isEmpty(scratch.derived, when)
        isEmpty(payloads, when)
      }
      const sealed = seal.seal(TEXT, token, null, 0)
      check('after sealing')
      isClean(sealed, 'in what was sealed')
      assert.equal(textIn(seal.open(sealed, token, null)), TEXT)
      check('after opening')
      const forged = Buffer.from(sealed)
      forged[forged.length - 20] = (forged[forged.length - 20] as number) ^ 1
      assert.deepEqual(seal.open(forged, token, null), { refused: 'forged' })
      check('after a forgery')
      fails = true
      assert.throws(() => seal.seal(TEXT, token, null, 0), /out of memory/)
      assert.throws(() => seal.open(sealed, token, null), /out of memory/)
      check('after a failure')
    })

  it('is not left with a plaintext that could not be encrypted', { skip: !hasSodium }, () => {
    const real = require('sodium-native') as Sodium
    const broken = { ...real, crypto_aead_chacha20poly1305_ietf_encrypt: () => assert.fail('no memory') }
    const cipher = chachaOf(sodiumPrimitives(broken))
    const out = Buffer.alloc(100)
    const by = { key: randomBytes(32), nonce: randomBytes(12) }
    assert.throws(() => cipher.encrypt(TEXT, out, 4, by, Buffer.from('x')), /no memory/)
    isEmpty(out, 'where it was written')
  })

  it('has nothing of a request in it that another allocation could get', () => {
    for (const aead of AEADS) {
      const seal = createSeal('two-key', ring, aead)
      const sealed = seal.seal(TEXT, token, null, 0)
      const codec = cookieCodec('sealed', ring, '__Host-id', aead)
      // A new slab of the pool, from which everything small is cut.
      const before = Buffer.allocUnsafe(8).buffer
      while (Buffer.allocUnsafe(1000).buffer === before);
      const slab = Buffer.allocUnsafe(8).buffer
      verifyToken(token.text, ring, SHOP)
      verifyToken(token.text, ring, 'admin')
      const made = newToken(ring, SHOP)
      const later = [made, renewedToken(made, SHOP), computedToken(current, SHOP, [TEXT])]
      seal.seal(TEXT, token, null, 0)
      seal.open(sealed, token, null)
      codec.decode(codec.encode(TEXT))
      sealLabel(aead, { text: TEXT, idle: 1, deadline: 2 }, current, token.id)
      assert.equal(Buffer.allocUnsafe(8).buffer, slab, 'the same slab all the time')
      // A copy, because what is looked for is put into the slab as well.
      const seen = Buffer.from(slab.slice(0))
      isClean(seen, nameOf(aead))
      for (const { token } of later) assert.ok(!seen.includes(Buffer.from(token)), 'a token that was made')
    }
  })

  it('never mixes requests: what is sealed and opened in turns comes out as it went in', () => {
    for (const aead of AEADS) {
      const seal = createSeal('two-key', ring, aead)
      const many = Array.from({ length: 200 }, (_, i) => {
        const [mine, text] = [newToken(ring, SHOP), String(i).repeat(randomInt(1, 400))]
        return { mine, text, sealed: seal.seal(text, mine, null, 0) }
      })
      for (const { mine, text, sealed } of many.reverse()) assert.equal(textIn(seal.open(sealed, mine, null)), text)
    }
  })
})
