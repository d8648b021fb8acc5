import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import type { Entry, Store } from '../../packages/strongroom/src/store.ts'
import { bitFlips, type Fixture, fixture, idsIn, isAnonymous, SERVER_SIDE, secret, USER } from './fixture.ts'

const REASON = /^(malformed|unknown-(key|version)|forged)$/
const DAY = 86_400_000

interface StoredSession {
  readonly id: Id
  readonly entry: Entry
}

/** Creates a session. Resolves to its cookie and its record. */
async function createSession(here: Fixture): Promise<StoredSession & { cookie: string }> {
  const before = await idsIn(here.store)
  const cookie = await here.session()
  const [id] = (await idsIn(here.store)).filter((id) => !before.includes(id))
  assert.ok(id)
  return { cookie, ...(await record(here.store, id)) }
}

async function record(store: Store, id: Id): Promise<StoredSession & { version: string | number }> {
  const found = await store.read(id)
  assert.ok(found)
  return { id, entry: found.entry, version: found.version }
}

/** Changes a record, as an attacker with write access to the store would. */
async function put({ store }: Fixture, id: Id, change: Partial<Entry>): Promise<void> {
  const { entry, version } = await record(store, id)
  // Not an update, which would refuse another owner.
  assert.equal(await store.delete(id, version), true)
  assert.equal(await store.create(id, { ...entry, ...change }), true)
}

for (const seal of ['two-key', 'server-key'] as const)
  for (const memo of [undefined, false] as const)
    suite(`a record that was changed, ${seal}${memo === false ? ', without the memo of opened records' : ''}`, () => {
      /** Asserts that the record is refused with an event that gives the reason, and that it stays in the store. */
      async function isRefused(
        here: Fixture,
        { id, cookie }: { id: Id; cookie: string },
        reason = REASON,
      ): Promise<void> {
        here.events.length = 0
        isAnonymous(await here.request(cookie))
        const [event, ...others] = here.events.filter(({ type }) => type === 'rejected' || type === 'superseded')
        // The generation stands in the open, and says that there is a later cookie.
        const isRefused = event?.type === 'rejected' && event.what === 'record' && reason.test(event.reason)
        assert.ok(isRefused || event?.type === 'superseded', event?.type)
        assert.deepEqual(others, [])
        assert.ok(await here.store.read(id), 'the record is still in the store')
      }

      test('in any bit, opens nothing', async () => {
        const here = fixture(seal, { memo })
        const stored = await createSession(here)
        for (const bytes of bitFlips(stored.entry.bytes)) {
          await put(here, stored.id, { bytes })
          await isRefused(here, stored)
        }
        await put(here, stored.id, stored.entry)
        assert.equal((await here.request(stored.cookie)).session.userId, USER)
      })

      test('to any length, opens nothing', async () => {
        const here = fixture(seal, { memo })
        const stored = await createSession(here)
        const bytes = Buffer.from(stored.entry.bytes)
        for (let length = 0; length < bytes.length; length += 1) {
          await put(here, stored.id, { bytes: bytes.subarray(0, length) })
          await isRefused(here, stored)
        }
        await put(here, stored.id, { bytes: Buffer.concat([bytes, Buffer.from([0])]) })
        await isRefused(here, stored, /forged/)
      })

      test('into any other bytes, opens nothing', async () => {
        const here = fixture(seal, { memo })
        const stored = await createSession(here)
        await fc.assert(
          fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
            await put(here, stored.id, { bytes })
            await isRefused(here, stored)
          }),
          { numRuns: 100 },
        )
      })

      test('by swapping it with another, opens nothing', async () => {
        const here = fixture(seal, { memo })
        const [one, other] = [await createSession(here), await createSession(here)]
        await put(here, one.id, other.entry)
        await put(here, other.id, one.entry)
        for (const stored of [one, other]) await isRefused(here, stored, /forged/)
      })

      test('to another format version, is refused as an unknown version', async () => {
        const here = fixture(seal, { memo })
        const stored = await createSession(here)
        const own = stored.entry.bytes[0] as number
        // The same seal with the other cipher.
        const other = own + 4
        for (let version = 0; version < 256; version += 1) {
          if (version === own) continue
          await put(here, stored.id, { bytes: Buffer.concat([Buffer.from([version]), stored.entry.bytes.subarray(1)]) })
          await isRefused(here, stored, version === other ? /forged/ : /unknown-version/)
        }
      })

      test('in its owner, opens nothing', async () => {
        const here = fixture(seal, { memo })
        const [one, other] = [await createSession(here), await createSession(here)]
        const { cookie } = await here.request(undefined, (session) => session.set('a', 1))
        const [anonymous] = (await idsIn(here.store)).filter((id) => id !== one.id && id !== other.id)
        assert.ok(anonymous)
        for (const owner of [null, 'f'.repeat(64)]) {
          await put(here, one.id, { owner })
          await isRefused(here, one, /forged/)
        }
        await put(here, anonymous, { owner: one.entry.owner })
        await isRefused(here, { id: anonymous, cookie }, /forged/)
        assert.equal((await here.request(other.cookie)).session.userId, USER)
      })

      test('is not overwritten or deleted by the session that begins instead of it', async () => {
        const here = fixture(seal, { memo })
        const stored = await createSession(here)
        await put(here, stored.id, { bytes: Buffer.from('of no use') })
        const begun = await here.request(stored.cookie, (session) => session.set('a', 1))
        assert.equal((await here.request(begun.cookie)).session.get('a'), 1)
        await here.request(stored.cookie, (session) => session.logout())
        assert.equal(Buffer.from((await record(here.store, stored.id)).entry.bytes).toString(), 'of no use')
      })
    })

suite('a record that was changed, none', () => {
  test('is accepted or refused, and never an error: that seal does not protect its bytes', async () => {
    const here = fixture('none')
    const stored = await createSession(here)
    const length = stored.entry.bytes.length
    const altered = [
      ...bitFlips(stored.entry.bytes),
      ...Array.from({ length }, (_, cut) => Buffer.from(stored.entry.bytes.subarray(0, cut))),
      ...['', 'null', '[]\n[]', '{}\n{}', '1\n1', '\n', '{"c":1e999}\n{}', '\xff\n\xff'].map((text) =>
        Buffer.from(text),
      ),
    ]
    for (const bytes of altered) {
      await put(here, stored.id, { bytes })
      const { session } = await here.request(stored.cookie)
      assert.ok(session.isNew || typeof session.expiresAt?.getTime() === 'number')
      assert.ok(await here.store.read(stored.id), 'the record is still in the store')
    }
  })

  test('into something that the library never writes, is refused', async () => {
    const here = fixture('none')
    const stored = await createSession(here)
    for (const text of [
      '',
      'null',
      '{}\n{}',
      '[]\n[]',
      '{"c":1,"d":"x","i":0}\n{}',
      '{"c":1,"d":9e15,"i":0,"u":7}\n{}',
    ]) {
      here.events.length = 0
      await put(here, stored.id, { bytes: Buffer.from(text) })
      isAnonymous(await here.request(stored.cookie))
      assert.deepEqual(here.events, [{ type: 'rejected', what: 'record', reason: 'malformed' }])
    }
  })
})

for (const seal of SERVER_SIDE)
  suite(`what is stored next to the payload in the clear, ${seal}`, () => {
    test('a label that was changed is not shown, and the session stays valid', async () => {
      const here = fixture(seal)
      const { id, cookie, entry } = await createSession(here)
      assert.ok(entry.label)
      const labels = [...bitFlips(entry.label), Buffer.alloc(0), null, Buffer.alloc(300, 7), entry.label.subarray(9)]
      const list = async () => (here.sessions as typeof here.sessions & Lists).of(USER).list()
      assert.equal((await list())[0]?.label, 'a device')
      for (const label of labels) {
        await put(here, id, { label })
        assert.equal((await list())[0]?.label ?? null, null)
      }
      assert.equal((await here.request(cookie)).session.userId, USER)
    })

    test('a label of another session is not shown', async () => {
      const here = fixture(seal)
      const [one, other] = [await createSession(here), await createSession(here)]
      await put(here, one.id, { label: other.entry.label })
      const list = await (here.sessions as typeof here.sessions & Lists).of(USER).list()
      assert.deepEqual(list.map(({ label }) => label).sort(), ['a device', null])
    })

    test('a deadline that was moved to a later time does not outlast the sealed one', async () => {
      const here = fixture(seal, { absolute: '12h' })
      const { id, cookie } = await createSession(here)
      await put(here, id, { expiresAt: here.clock() + 400 * DAY })
      here.clock.advance(DAY / 2 - 1)
      assert.equal((await here.request(cookie)).session.userId, USER)
      here.clock.advance(1)
      isAnonymous(await here.request(cookie))
      assert.ok(here.events.some((event) => event.type === 'expired' && event.reason === 'absolute'))
    })

    test('a time of creation that was changed has no effect', async () => {
      const here = fixture(seal)
      const { id, cookie } = await createSession(here)
      const began = here.clock()
      await put(here, id, { createdAt: began - 90 * DAY })
      assert.equal((await here.request(cookie)).session.createdAt?.getTime(), began)
    })
  })

interface Lists {
  of(userId: string): { list(): Promise<{ label: string | null }[]> }
}

for (const seal of ['two-key', 'server-key'] as const)
  suite(`a record under a key that this server does not have, ${seal}`, () => {
    test('is reported, stays, and opens again when the key is back', async () => {
      const here = fixture(seal, { secrets: [secret('old')] })
      const { id, cookie } = await createSession(here)
      await here.sessions.reloadSecrets([secret('new'), secret('old')])
      await here.request(cookie, (session) => session.set('under', 'the new key'))
      const moved = await record(here.store, id)

      await here.sessions.reloadSecrets([secret('old')])
      here.events.length = 0
      isAnonymous(await here.request(cookie))
      assert.deepEqual(here.events, [{ type: 'rejected', what: 'record', reason: 'unknown-key' }])
      await here.request(cookie, (session) => session.set('a', 1))
      await here.request(cookie, (session) => session.login('someone else'))
      await here.request(cookie, (session) => session.logout())
      assert.deepEqual(await record(here.store, id), moved)

      await here.sessions.reloadSecrets([secret('new'), secret('old')])
      assert.equal((await here.request(cookie)).session.get('under'), 'the new key')
    })
  })
