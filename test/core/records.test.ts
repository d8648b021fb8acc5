import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createEntries } from '../../packages/strongroom/src/backing/entries.ts'
import { createRecords } from '../../packages/strongroom/src/backing/records.ts'
import { createLiveKeyring, type LiveKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import { createSeal, type SealName } from '../../packages/strongroom/src/crypto/seal.ts'
import { newToken, renewedToken, type VerifiedToken } from '../../packages/strongroom/src/crypto/token.ts'
import { StrongroomError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/index.ts'
import { encodeContent } from '../../packages/strongroom/src/session/content.ts'
import { memoryCollected } from '../support/collected.ts'
import { aead } from './fixtures/aead.ts'
import { type Anything, fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'

const ring = createLiveKeyring([secret('a'), secret('b')])
const SHOP = 'shop'
const owner = ownerTag(ring.current, SHOP, 'ada')
const meta = {
  createdAt: 1,
  authenticatedAt: null,
  deadline: 9,
  idle: 0,
  userId: 'ada',
  persistent: false,
  label: null,
}
const VALUES = { basket: ['böök', 1] }
const content = { meta, data: JSON.stringify(VALUES) }
const ROOM = 1 << 20

const of = (memo: number, keys: LiveKeyring = ring, name: SealName = 'two-key') => {
  const records = createRecords(createSeal(name, keys, aead), keys, memo)
  return {
    ...records,
    plain: records,
    seal: (token: VerifiedToken, values?: Record<string, unknown>, renewedAt = 0) =>
      records.seal(encodeContent(content), { ...content, values }, token, { owner, expiresAt: 9, renewedAt }),
    read(bytes: Uint8Array, token: VerifiedToken, tag: string | null = owner) {
      const opened = records.open({ bytes, owner: tag, expiresAt: 9 }, token)
      return 'refused' in opened ? opened.refused : opened.values
    },
  }
}

/** Bytes of all slabs that are alive. */
const buffers = async () => (await memoryCollected()).arrayBuffers

/** A keyring that counts the look-ups of a secret. Opening a record takes one, and recognizing a known one takes one too. */
function counting() {
  const counted = {
    ...ring,
    asked: 0,
    get(kid: number) {
      counted.asked++
      return ring.get(kid)
    },
  }
  return counted
}

describe('a record that was opened recently', () => {
  it('is recognized by its bytes, whatever buffer they are in', () => {
    const token = newToken(ring, SHOP)
    const records = of(ROOM)
    const sealed = of(0).seal(token)
    assert.deepEqual(records.read(sealed, token), VALUES)
    // The store reuses its buffer, so the memo must have a copy.
    const reused = Buffer.from(sealed)
    assert.deepEqual(records.read(reused, token), VALUES)
    reused.fill(0)
    assert.equal(records.read(reused, token), 'unknown-version')
    assert.deepEqual(records.read(Buffer.from(sealed), token), VALUES)
  })

  it('is not pushed out of the memo by sessions that are begun and never seen again', () => {
    const records = of(20_000)
    const { entryFor } = createEntries({
      records: records.plain,
      ring,
      namespace: SHOP,
      aead,
      clock: () => 1,
      limit: 9999,
    })
    const create = (token: VerifiedToken) =>
      entryFor(token, { ...content, values: VALUES }, 9, undefined, { renewedAt: 0 })
    const token = newToken(ring, SHOP)
    const entry = create(token)
    records.open(entry, token)
    const remembered = records.open(entry, token)
    for (let n = 0; n < 100; n++) create(newToken(ring, SHOP))
    assert.equal(records.open(entry, token), remembered)
  })

  it('keeps no slab of Buffers alive in which it has a small part', async () => {
    const [sealing, records] = [of(0), of(64 * 2 ** 20)]
    const tokens = Array.from({ length: 200 }, () => newToken(ring, SHOP))
    const sealed = tokens.map((token) => Buffer.from(new Uint8Array(sealing.seal(token))))
    const before = await buffers()
    for (const [n, token] of tokens.entries()) {
      records.read(sealed[n] as Buffer, token)
      // What other work of the process takes from the same slab.
      for (let taken = 0; taken < 2 * Buffer.poolSize; taken += 1000) Buffer.from('x'.repeat(1000))
    }
    assert.ok((await buffers()) - before < 50 * Buffer.poolSize)
    assert.deepEqual(records.read(sealed[0] as Buffer, tokens[0] as VerifiedToken), VALUES)
  })

  it('is parsed once, however often it is read', () => {
    const token = newToken(ring, SHOP)
    const records = of(ROOM)
    const sealed = records.seal(token)
    assert.equal(records.read(sealed, token), records.read(sealed, token))
    const given = { basket: ['böök', 1] }
    assert.equal(records.read(records.seal(token, given), token), given, 'nor parsed at all when its values were known')
  })

  it('with any bit flipped is opened again, and refused', () => {
    const token = newToken(ring, SHOP)
    const records = of(ROOM)
    const sealed = records.seal(token)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Buffer.from(sealed)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      assert.equal(typeof records.read(flipped, token), 'string', `bit ${bit}`)
    }
  })

  it('is not recognized when the caller has changed the buffer that it was sealed into', () => {
    const token = newToken(ring, SHOP)
    const records = of(ROOM)
    const sealed = records.seal(token)
    const stored = Buffer.from(sealed)
    sealed[60] = (sealed[60] as number) ^ 1
    assert.equal(records.read(sealed, token), 'forged')
    assert.deepEqual(records.read(stored, token), VALUES)
  })

  it('opens for no other owner and no other id', () => {
    const [token, other] = [newToken(ring, SHOP), newToken(ring, SHOP)]
    const records = of(ROOM)
    const sealed = records.seal(token)
    assert.equal(records.read(sealed, token, null), 'forged')
    assert.equal(records.read(sealed, other), 'forged')
  })

  it('no longer opens when its key was removed from the keyring', async () => {
    const live = createLiveKeyring([secret('a'), secret('b')])
    const token = newToken(live, SHOP)
    const records = of(ROOM, live)
    const sealed = records.seal(token)
    assert.deepEqual(records.read(sealed, token), VALUES)
    await live.reload([secret('b')])
    assert.equal(records.read(sealed, token), 'unknown-key')
  })

  it('is opened again each time when the memo is off', () => {
    const counted = counting()
    const token = newToken(ring, SHOP)
    const records = of(0, counted)
    const sealed = records.seal(token)
    for (let i = 1; i <= 3; i++) {
      assert.deepEqual(records.read(sealed, token), VALUES)
      assert.equal(counted.asked, i)
    }
    assert.notEqual(records.read(sealed, token), records.read(sealed, token))
  })

  for (const name of ['two-key', 'server-key', 'none'] as const)
    it(`opens for no other token of its session, and for none that was superseded, ${name}`, () => {
      const first = newToken(ring, SHOP)
      const second = renewedToken(first, SHOP)
      const twin = renewedToken(first, SHOP)
      const records = of(ROOM, ring, name)
      const before = records.seal(first)
      assert.deepEqual(records.read(before, first), VALUES)
      const after = records.seal(second)
      for (let i = 0; i < 2; i++) {
        assert.equal(records.read(after, first), 'superseded')
        assert.equal(records.read(after, twin), 'forged')
        assert.equal(records.read(before, second), 'ahead')
        assert.deepEqual(records.read(after, second), VALUES)
      }
      // Its id and its generation are those of the record that is remembered: only the token tells them apart.
      assert.deepEqual([twin.id, twin.generation], [second.id, second.generation])
    })

  it('is remembered with the moment of its token', () => {
    const token = newToken(ring, SHOP)
    const records = of(ROOM)
    const sealed = records.seal(token, undefined, 1_800_000_000)
    for (const memo of [records, of(ROOM), of(0)])
      for (let i = 0; i < 2; i++) {
        const opened = memo.open({ bytes: sealed, owner, expiresAt: 9 }, token)
        assert.equal('refused' in opened ? opened.refused : opened.renewedAt, 1_800_000_000)
      }
  })

  it('of a renewal that was not stored does not hide the record that is stored', () => {
    const first = newToken(ring, SHOP)
    const records = of(ROOM)
    const stored = records.seal(first)
    records.seal(renewedToken(first, SHOP))
    assert.deepEqual(records.read(stored, first), VALUES)
  })

  it('is removed from the memo when all sessions of its owner end, but for the one that goes on', () => {
    const [token, survivor] = [newToken(ring, SHOP), newToken(ring, SHOP)]
    const records = of(ROOM)
    const [sealed, kept] = [records.seal(token), records.seal(survivor)]
    const [before, after] = [records.read(sealed, token), records.read(kept, survivor)]
    records.forgetOwner(owner, survivor.id)
    assert.notEqual(records.read(sealed, token), before, 'it was opened again')
    assert.equal(records.read(kept, survivor), after)
  })

  it('is removed from the memo when the session ends', () => {
    const token = newToken(ring, SHOP)
    const records = of(ROOM)
    const sealed = records.seal(token)
    const before = records.read(sealed, token)
    records.forget(token.id)
    assert.notEqual(records.read(sealed, token), before, 'it was opened again')
  })
})

describe('values that requests share', () => {
  const reading = ['get', 'spoil', 'pull', 'flash'] as const
  const writing = ['set', 'delete', 'update', 'clear', 'save', 'renew', 'setExpiry'] as const
  const value = fc.jsonValue({ maxDepth: 3 }).filter((given) => given !== undefined)
  const step = fc.record({
    verb: fc.constantFrom(...reading, ...writing),
    key: fc.constantFrom('a', 'b', '__proto__', 'constructor'),
    value,
  })

  /** Does everything to the objects of a session that an application might do. */
  function spoil(given: unknown): unknown {
    if (typeof given !== 'object' || given === null) return undefined
    for (const inner of Object.values(given)) spoil(inner)
    if (Array.isArray(given)) given.push('spoilt')
    else (given as Record<string, unknown>).spoilt = true
    return given
  }

  it('are never changed by one of them for the others, whatever it does with its objects, and whenever', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), fc.boolean(), async (steps, fails, raced) => {
        const { sessions, store, visitor, clock } = fixture({ seal: 'none' })
        const ada = visitor()
        await ada.visit((session) => {
          session.set('a', { deep: [1, { er: true }] }).set('b', ['x'])
          session.flash('a', { hello: ['you'] })
        })
        // Both are loaded before the other request begins; the second reads its values only afterwards.
        const [early, late] = await Promise.all([ada.copy().begin().session(), ada.copy().begin().session()])
        const before = JSON.stringify([early.get('a'), early.get('b'), early.flash('a')])
        const request = ada.begin()
        const session = await request.session()
        // A write then meets a newer copy; a read moves the deadline.
        if (raced) await ada.copy().visit((other) => other.set('c', 1))
        clock.advance(600_000)
        const held: unknown[] = []
        for (const { verb, key, value } of steps) {
          await attempt(async () => {
            if (verb === 'get') held.push(session.get(key))
            if (verb === 'spoil') spoil(session.get(key))
            if (verb === 'set') session.set(key, value)
            if (verb === 'delete') session.delete(key)
            if (verb === 'pull') spoil(session.pull(key))
            if (verb === 'update') session.update(key, (old) => spoil(old) ?? value)
            if (verb === 'flash') for (const message of session.flash(key)) spoil(message)
            if (verb === 'clear') session.clear()
            if (verb === 'renew') session.renew()
            if (verb === 'setExpiry') session.setExpiry('20m')
            if (verb === 'save') await request.save()
          })
        }
        await attempt(() => request.respond(fails ? 500 : 200))
        for (const value of [...held, session.get('a'), session.get('b')]) spoil(value)
        assert.equal(JSON.stringify([late.get('a'), late.get('b'), late.flash('a')]), before)

        // Another process reads the same as what this one has in its memo.
        const elsewhere = createSessions<Anything>({
          store,
          clock,
          secrets: secret('fixture'),
          seal: 'none',
          memo: false,
        })
        const headers = { cookie: `${sessions.policy.cookieName}=${ada.cookie}` }
        const [here, there] = await Promise.all([sessions.read(headers), elsewhere.read(headers)])
        for (const key of ['a', 'b', '__proto__', 'constructor']) assert.deepEqual(here.get(key), there.get(key))
      }),
      { numRuns: 1000 },
    )
  })

  it('and a change after the response has begun reaches no other request', async () => {
    const { visitor } = fixture({ seal: 'none' })
    const ada = visitor()
    await ada.visit((session) => session.set('a', { deep: [1] }).set('n', 1))
    const request = ada.begin()
    const session = await request.session()
    session.set('n', 2)
    const response = request.respond()
    // During the store call, and after it.
    for (let i = 0; i < 2; i++) {
      ;(session.get('a') as { deep: number[] }).deep.push(2)
      await response
    }
    assert.deepEqual(await ada.visit((session) => session.get('a')), { deep: [1] })
  })
})

async function attempt(work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof StrongroomError)
  }
}
