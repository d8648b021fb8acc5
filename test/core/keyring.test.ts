import assert from 'node:assert/strict'
import { hkdfSync, randomBytes } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { createKeyring, createLiveKeyring, type Secrets } from '../../packages/strongroom/src/crypto/keyring.ts'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import { ConfigError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { settle } from './fixtures/gates.ts'
import { ringOf, secret } from './fixtures/secret.ts'

const kids = (secrets: Secrets) => createKeyring(secrets).masters.map(({ kid }) => kid)
const [A, B, C] = [secret('a'), secret('b'), secret('c')]

describe('secrets', () => {
  it('are a string, several in one string, bytes, or a list of both, and the first is the current one', () => {
    const all = kids([A, B, C])
    for (const text of [`${A},${B},${C}`, `${A} ${B} ${C}`, `${A}\n${B}\n${C}\n`, ` ${A},\n ${B} ,, ${C},`])
      assert.deepEqual(kids(text), all)
    assert.deepEqual(kids([Buffer.from(A), new TextEncoder().encode(B), C]), all)
    assert.deepEqual(kids(Buffer.from(A)), [all[0]])
    assert.equal(createKeyring([A, B, C]).current.kid, all[0])
  })

  it('derive their keys by HKDF, each use with a label of its own', () => {
    const { current } = createKeyring(A)
    const derived = (use: string, length: number) =>
      Buffer.from(hkdfSync('sha256', Buffer.from(A), Buffer.from('strongroom'), `strongroom 1 ${use}`, length))
    const { kid, ...keys } = current
    assert.equal(kid, derived('kid', 1)[0])
    for (const [name, key] of Object.entries(keys))
      assert.deepEqual(key.export(), derived(name === 'computed' ? 'computed token' : name, 32), name)
    const known = ['computed', 'cookie', 'copy', 'csrf', 'id', 'label', 'owner', 'seal', 'stamp', 'tag', 'value']
    assert.deepEqual(Object.keys(keys).sort(), known)
    assert.equal(new Set(Object.values(keys).map((key) => key.export().toString('hex'))).size, known.length)
  })

  const good = {
    'base64url of 32 bytes': 'base64url',
    'hex of 32 bytes': 'hex',
    'base64 of 32 bytes': 'base64',
  } as const
  for (const [what, encoding] of Object.entries(good))
    it(`are never refused when they are ${what}`, () => {
      for (let i = 0; i < 2000; i++) createKeyring([randomBytes(32).toString(encoding)])
    })
  it('are never refused when they are 32 random bytes', () => {
    for (let i = 0; i < 2000; i++) createKeyring(randomBytes(32))
  })

  const bad: Record<string, Secrets> = {
    'nothing at all': [],
    'an empty text': '',
    'only commas and spaces': ' , \n,',
    'a short text': A.slice(0, 31),
    'short bytes': randomBytes(31),
    'one character again and again': 'a'.repeat(64),
    'an alphabet': 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    'counted bytes': Uint8Array.from({ length: 64 }, (_, i) => i),
    'bytes that step by three': Uint8Array.from({ length: 64 }, (_, i) => 3 * i),
    'a pasted repetition': 'Zx9_kQ2p'.repeat(8),
    zeros: new Uint8Array(32),
    'a placeholder': 'change-me-please-this-is-not-a-real-value-0123456789',
    'a placeholder with random tail': `your-secret-here-${A}`,
    'keyboard cat': `keyboard cat ${A}`.replaceAll(' ', ''),
    'two of the same': [A, A],
    'two of the same, as text and as bytes': [A, B, Buffer.from(A)],
  }
  for (const [what, secrets] of Object.entries(bad))
    it(`are refused when they are ${what}, and the error says what to do and does not show them`, () => {
      assert.throws(
        () => createKeyring(secrets),
        (error: Error) => {
          assert.ok(error instanceof ConfigError)
          assert.match(error.message, /npx @strongroom\/cli keys new|Remove one/)
          const texts = (Array.isArray(secrets) ? secrets : [secrets]).map((each) => Buffer.from(each).toString())
          for (const text of texts)
            for (let at = 0; at + 8 <= text.length; at++) assert.ok(!error.message.includes(text.slice(at, at + 8)))
          return true
        },
      )
    })

  it('are refused when they are of a wrong type', () => {
    for (const wrong of [null, undefined, 5, {}, new Set([A]), [5], [null], [[A]]])
      assert.throws(() => createKeyring(wrong as never), ConfigError)
  })

  it('are refused when two different ones have the same key id, because it would not tell them apart', () => {
    const byKid = new Map<number, string>()
    for (let i = 0; ; i++) {
      const next = secret(`kid ${i}`)
      const [kid] = kids(next)
      const other = byKid.get(kid as number)
      if (other === undefined) byKid.set(kid as number, next)
      else {
        assert.throws(() => createKeyring([other, next]), /Secrets 1 and 2 happen to have the same key id/)
        return
      }
    }
  })
})

describe('a keyring', () => {
  it('finds its secrets by key id, and no others', () => {
    const ring = ringOf('a', 'b')
    for (const master of ring.masters) assert.equal(ring.get(master.kid), master)
    const known = new Set(ring.masters.map(({ kid }) => kid))
    for (let kid = 0; kid < 256; kid++) assert.equal(ring.get(kid) !== undefined, known.has(kid))
  })

  it('gives a user a different blind tag under each secret and in each namespace, and each user a different one', () => {
    const { masters } = ringOf('a', 'b')
    const users = ['1', '2', 'x'.repeat(10_000), 'é', '']
    const tags = masters.flatMap((master) =>
      ['shop', 'admin', ''].flatMap((namespace) => users.map((user) => ownerTag(master, namespace, user))),
    )
    assert.equal(new Set(tags).size, tags.length)
    for (const tag of tags) assert.match(tag, /^[0-9a-f]{64}$/)
  })
})

describe('a provider of secrets', () => {
  /** Moves the clock by which the keyring measures half minutes. */
  const monotonic = (test: TestContext) => {
    let now = 1_000_000
    test.mock.method(performance, 'now', () => now)
    return (ms: number) => {
      now += ms
    }
  }
  const [kidA, kidB, kidC] = kids([A, B, C])

  it('may return or resolve, and is called once for many concurrent requests', async () => {
    for (const answer of [A, Promise.resolve(A)]) {
      let asked = 0
      const ring = createLiveKeyring(() => {
        asked++
        return answer
      })
      assert.throws(() => ring.current, /still being fetched/)
      await Promise.all([ring.ready(), ring.ready(), ring.ready()])
      assert.equal(ring.ready(), undefined)
      assert.equal(ring.current.kid, kidA)
      assert.equal(asked, 1)
    }
  })

  const failsWith = (text: string) => (error: Error) =>
    error instanceof StoreError && error.status === 503 && (error.cause as Error).message === text

  it('that fails is called again by the next request that needs it', async () => {
    const answers = [() => Promise.reject(new Error('vault is down')), () => 'too short', () => undefined, () => A]
    const ring = createLiveKeyring((() => answers.shift()?.()) as () => Secrets)
    await assert.rejects(async () => ring.ready(), failsWith('vault is down'))
    await assert.rejects(async () => ring.ready(), ConfigError)
    await assert.rejects(async () => ring.ready(), ConfigError)
    await ring.ready()
    assert.equal(ring.current.kid, kidA)
  })

  it('that throws is treated like one that rejects', async () => {
    const ring = createLiveKeyring(() => {
      throw new Error('no vault')
    })
    await assert.rejects(async () => ring.ready(), failsWith('no vault'))
    assert.equal(await ring.refresh(), false)
  })

  it('is called again for an unknown key id, at most twice a minute', async (test) => {
    const pass = monotonic(test)
    let asked = 0
    const ring = createLiveKeyring(() => (++asked === 1 ? A : [B, A]))
    await ring.ready()
    pass(29_999)
    assert.equal(await ring.refresh(), false)
    pass(1)
    assert.equal(await ring.refresh(), true)
    assert.deepEqual([asked, ring.current.kid], [2, kidB])
    for (let i = 0; i < 29; i++) {
      pass(1000)
      assert.equal(await ring.refresh(), false)
    }
    assert.equal(asked, 2)
  })

  it('that is already being called serves all requests with an unknown key id', async (test) => {
    const pass = monotonic(test)
    let answer: (secrets: Secrets) => void = () => undefined
    let asked = 0
    const ring = createLiveKeyring(() => (++asked === 1 ? A : new Promise<Secrets>((resolve) => (answer = resolve))))
    await ring.ready()
    pass(30_000)
    const all = Promise.all([ring.refresh(), ring.refresh(), ring.refresh()])
    await settle()
    answer([B, A])
    assert.deepEqual(await all, [true, true, true])
    assert.equal(asked, 2)
  })

  it('that fails during a refresh leaves the keyring unchanged', async (test) => {
    const pass = monotonic(test)
    let asked = 0
    const ring = createLiveKeyring(() => (++asked === 1 ? A : Promise.reject(new Error('vault is down'))))
    await ring.ready()
    pass(30_000)
    assert.equal(await ring.refresh(), false)
    assert.equal(ring.current.kid, kidA)
    await assert.rejects(ring.reload(), failsWith('vault is down'))
    assert.equal(ring.current.kid, kidA)
  })

  const isLate = { code: 'STRONGROOM_STORE', status: 503, message: /provider of secrets did not answer within 20 ms/ }

  it('that hangs is a StoreError at its time limit, and makes nobody wait for it twice', async () => {
    const answers: ((secrets: Secrets) => void)[] = []
    const ring = createLiveKeyring(() => new Promise<Secrets>((resolve) => answers.push(resolve)), 20)
    await Promise.all([1, 2, 3].map(() => assert.rejects(async () => ring.ready(), isLate)))
    assert.equal(answers.length, 1)
    for (let i = 0; i < 100; i++) {
      // With a timer of its own, the next turn would come first.
      const first = await Promise.race([Promise.resolve(ring.ready()).catch(() => 'refused'), settle()])
      assert.equal(first, 'refused')
    }
    answers[0]?.(A)
    await settle()
    assert.equal(ring.ready(), undefined)
    assert.equal(ring.current.kid, kidA)
  })

  it('that hangs is asked again in the background, once in a time limit', async (test) => {
    const answers: ((secrets: Secrets) => void)[] = []
    const ring = createLiveKeyring(() => new Promise<Secrets>((resolve) => answers.push(resolve)), 20)
    await assert.rejects(async () => ring.ready(), isLate)
    const pass = monotonic(test)
    pass(1000)
    for (let i = 0; i < 10; i++) await assert.rejects(async () => ring.ready(), isLate)
    assert.equal(answers.length, 2)
    answers[1]?.(B)
    await settle()
    assert.equal(ring.current.kid, kidB)
    answers[0]?.(A)
    await settle()
    assert.equal(ring.current.kid, kidB)
  })

  it('that hung and then fails shows its own error again', async (test) => {
    const answers = [new Promise<Secrets>(() => undefined), Promise.reject(new Error('vault is down'))]
    answers[1]?.catch(() => undefined)
    const ring = createLiveKeyring(() => answers.shift() ?? Promise.reject(new Error('vault is down')), 20)
    await assert.rejects(async () => ring.ready(), isLate)
    monotonic(test)(1000)
    await assert.rejects(async () => ring.ready(), isLate)
    await settle()
    await assert.rejects(async () => ring.ready(), failsWith('vault is down'))
  })

  it('that hangs during a refresh is waited for once in half a minute, and its late answer is taken', async () => {
    let answer: (secrets: Secrets) => void = () => undefined
    let asked = 0
    const ring = createLiveKeyring(
      () => (++asked === 1 ? A : new Promise<Secrets>((resolve) => (answer = resolve))),
      20,
    )
    await ring.ready()
    await assert.rejects(ring.reload(), isLate)
    const begun = performance.now()
    for (let i = 0; i < 100; i++) assert.equal(await ring.refresh(), false)
    assert.ok(performance.now() - begun < 1000, 'every refresh has waited')
    assert.equal(asked, 2)
    answer(B)
    await settle()
    assert.equal(ring.current.kid, kidB)
  })

  it('never overwrites secrets of a later call, whenever it resolves', async () => {
    const answers: ((secrets: Secrets) => void)[] = []
    const ring = createLiveKeyring(() => new Promise<Secrets>((resolve) => answers.push(resolve)))
    const first = ring.ready()
    const second = ring.reload()
    const third = ring.reload(C)
    await third
    assert.equal(ring.current.kid, kidC)
    answers[1]?.(B)
    await second
    answers[0]?.(A)
    await first
    assert.equal(ring.current.kid, kidC)
  })
})

describe('secrets that are reloaded at run time', () => {
  const [kidA, kidB] = kids([A, B])

  it('take effect immediately, and removed ones are no longer known', async () => {
    const ring = createLiveKeyring([A])
    const before = ring.current
    await ring.reload([B])
    assert.equal(ring.current.kid, kidB)
    assert.equal(ring.get(before.kid), undefined)
    assert.deepEqual(
      ring.masters.map(({ kid }) => kid),
      [kidB],
    )
  })

  it('leave the keyring unchanged when they are invalid', async () => {
    const ring = createLiveKeyring([A])
    await assert.rejects(ring.reload('short'), ConfigError)
    assert.equal(ring.current.kid, kidA)
  })

  it('must be passed when there is no provider to call', async () => {
    await assert.rejects(createLiveKeyring([A]).reload(), /needs the new secrets/)
    assert.equal(await createLiveKeyring([A]).refresh(), false)
  })
})
