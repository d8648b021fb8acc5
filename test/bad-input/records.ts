import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import type { Entry, Store } from '../../packages/strongroom/src/store.ts'
import { bitFlips, idsIn, isNobody, STORED, secret, USER, type World, world } from './world.ts'

const REASON = /^(malformed|unknown-(key|version)|forged)$/
const DAY = 86_400_000

interface Rest {
  readonly id: Id
  readonly entry: Entry
}

/** A world with one session in it, and the record of it. */
async function resting(here: World): Promise<Rest & { cookie: string }> {
  const before = await idsIn(here.store)
  const cookie = await here.session()
  const [id] = (await idsIn(here.store)).filter((id) => !before.includes(id))
  assert.ok(id)
  return { cookie, ...(await record(here.store, id)) }
}

async function record(store: Store, id: Id): Promise<Rest & { version: string | number }> {
  const found = await store.read(id)
  assert.ok(found)
  return { id, entry: found.entry, version: found.version }
}

/** What somebody does who can write the table. */
async function put({ store }: World, id: Id, change: Partial<Entry>): Promise<void> {
  const { entry, version } = await record(store, id)
  assert.notEqual(await store.update(id, { ...entry, ...change }, version), null)
}

for (const seal of ['two-key', 'server-key'] as const)
  for (const memo of [undefined, false] as const)
    suite(`a record that was altered, ${seal}${memo === false ? ', without memory of opened ones' : ''}`, () => {
      /** Nobody's session, an event that says why, and the record is left where it is. */
      async function isNotOurs(
        here: World,
        { id, cookie }: { id: Id; cookie: string },
        reason = REASON,
      ): Promise<void> {
        here.events.length = 0
        isNobody(await here.request(cookie))
        const [event, ...others] = here.events.filter(({ type }) => type === 'notOurs')
        assert.ok(event?.type === 'notOurs' && event.what === 'record' && reason.test(event.reason), event?.type)
        assert.deepEqual(others, [])
        assert.ok(await here.store.read(id), 'the record is still there')
      }

      test('in whatever bit, opens nothing', async () => {
        const here = world(seal, { memo })
        const rest = await resting(here)
        for (const bytes of bitFlips(rest.entry.bytes)) {
          await put(here, rest.id, { bytes })
          await isNotOurs(here, rest)
        }
        await put(here, rest.id, rest.entry)
        assert.equal((await here.request(rest.cookie)).session.userId, USER)
      })

      test('to whatever length, opens nothing', async () => {
        const here = world(seal, { memo })
        const rest = await resting(here)
        const bytes = Buffer.from(rest.entry.bytes)
        for (let length = 0; length < bytes.length; length += 1) {
          await put(here, rest.id, { bytes: bytes.subarray(0, length) })
          await isNotOurs(here, rest)
        }
        await put(here, rest.id, { bytes: Buffer.concat([bytes, Buffer.from([0])]) })
        await isNotOurs(here, rest, /forged/)
      })

      test('into any bytes at all, opens nothing', async () => {
        const here = world(seal, { memo })
        const rest = await resting(here)
        await fc.assert(
          fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
            await put(here, rest.id, { bytes })
            await isNotOurs(here, rest)
          }),
          { numRuns: 100 },
        )
      })

      test('by changing places with another, opens neither', async () => {
        const here = world(seal, { memo })
        const [one, other] = [await resting(here), await resting(here)]
        await put(here, one.id, other.entry)
        await put(here, other.id, one.entry)
        for (const rest of [one, other]) await isNotOurs(here, rest, /forged/)
      })

      test('to a format of another day, says so', async () => {
        const here = world(seal, { memo })
        const rest = await resting(here)
        const own = rest.entry.bytes[0]
        for (let version = 0; version < 256; version += 1) {
          if (version === own) continue
          await put(here, rest.id, { bytes: Buffer.concat([Buffer.from([version]), rest.entry.bytes.subarray(1)]) })
          await isNotOurs(here, rest, /unknown-version/)
        }
      })

      test('in its owner, opens nothing', async () => {
        const here = world(seal, { memo })
        const [one, other] = [await resting(here), await resting(here)]
        const { cookie } = await here.request(undefined, (session) => session.set('a', 1))
        const [anonymous] = (await idsIn(here.store)).filter((id) => id !== one.id && id !== other.id)
        assert.ok(anonymous)
        for (const owner of [null, 'f'.repeat(64)]) {
          await put(here, one.id, { owner })
          await isNotOurs(here, one, /forged/)
        }
        await put(here, anonymous, { owner: one.entry.owner })
        await isNotOurs(here, { id: anonymous, cookie }, /forged/)
        assert.equal((await here.request(other.cookie)).session.userId, USER)
      })

      test('is left in peace by the session that begins instead of it', async () => {
        const here = world(seal, { memo })
        const rest = await resting(here)
        await put(here, rest.id, { bytes: Buffer.from('of no use') })
        const begun = await here.request(rest.cookie, (session) => session.set('a', 1))
        assert.equal((await here.request(begun.cookie)).session.get('a'), 1)
        await here.request(rest.cookie, (session) => session.logout())
        assert.equal(Buffer.from((await record(here.store, rest.id)).entry.bytes).toString(), 'of no use')
      })
    })

suite('a record that was altered, none', () => {
  test('is nobody or somebody, and never an error: that seal promises nothing about its bytes', async () => {
    const here = world('none')
    const rest = await resting(here)
    const length = rest.entry.bytes.length
    const altered = [
      ...bitFlips(rest.entry.bytes),
      ...Array.from({ length }, (_, cut) => Buffer.from(rest.entry.bytes.subarray(0, cut))),
      ...['', 'null', '[]\n[]', '{}\n{}', '1\n1', '\n', '{"c":1e999}\n{}', '\xff\n\xff'].map((text) =>
        Buffer.from(text),
      ),
    ]
    for (const bytes of altered) {
      await put(here, rest.id, { bytes })
      const { session } = await here.request(rest.cookie)
      assert.ok(session.isNew || typeof session.expiresAt?.getTime() === 'number')
      assert.ok(await here.store.read(rest.id), 'the record is still there')
    }
  })

  test('beyond what the library writes, is not ours', async () => {
    const here = world('none')
    const rest = await resting(here)
    for (const text of [
      '',
      'null',
      '{}\n{}',
      '[]\n[]',
      '{"c":1,"d":"x","i":0}\n{}',
      '{"c":1,"d":9e15,"i":0,"u":7}\n{}',
    ]) {
      here.events.length = 0
      await put(here, rest.id, { bytes: Buffer.from(text) })
      isNobody(await here.request(rest.cookie))
      assert.deepEqual(here.events, [{ type: 'notOurs', what: 'record', reason: 'malformed' }])
    }
  })
})

for (const seal of STORED)
  suite(`what stands in the open beside a record, ${seal}`, () => {
    test('a label that was altered is not shown, and the session goes on', async () => {
      const here = world(seal)
      const { id, cookie, entry } = await resting(here)
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
      const here = world(seal)
      const [one, other] = [await resting(here), await resting(here)]
      await put(here, one.id, { label: other.entry.label })
      const list = await (here.sessions as typeof here.sessions & Lists).of(USER).list()
      assert.deepEqual(list.map(({ label }) => label).sort(), ['a device', null])
    })

    test('a deadline that was moved out does not outlive the sealed one', async () => {
      const here = world(seal, { absolute: '12h' })
      const { id, cookie } = await resting(here)
      await put(here, id, { expiresAt: here.clock() + 400 * DAY })
      here.clock.advance(DAY / 2 - 1)
      assert.equal((await here.request(cookie)).session.userId, USER)
      here.clock.advance(1)
      isNobody(await here.request(cookie))
      assert.ok(here.events.some((event) => event.type === 'expired' && event.reason === 'absolute'))
    })

    test('a moment of creation that was moved is not believed', async () => {
      const here = world(seal)
      const { id, cookie } = await resting(here)
      const began = here.clock()
      await put(here, id, { createdAt: began - 90 * DAY })
      assert.equal((await here.request(cookie)).session.createdAt?.getTime(), began)
    })
  })

interface Lists {
  of(userId: string): { list(): Promise<{ label: string | null }[]> }
}

for (const seal of ['two-key', 'server-key'] as const)
  suite(`a record under a key that this server was not given, ${seal}`, () => {
    test('is reported, stays, and opens again when the key is back', async () => {
      const here = world(seal, { secrets: [secret('old')] })
      const { id, cookie } = await resting(here)
      await here.sessions.reloadSecrets([secret('new'), secret('old')])
      await here.request(cookie, (session) => session.set('under', 'the new key'))
      const moved = await record(here.store, id)

      await here.sessions.reloadSecrets([secret('old')])
      here.events.length = 0
      isNobody(await here.request(cookie))
      assert.deepEqual(here.events, [{ type: 'notOurs', what: 'record', reason: 'unknown-key' }])
      await here.request(cookie, (session) => session.set('a', 1))
      await here.request(cookie, (session) => session.login('someone else'))
      await here.request(cookie, (session) => session.logout())
      assert.deepEqual(await record(here.store, id), moved)

      await here.sessions.reloadSecrets([secret('new'), secret('old')])
      assert.equal((await here.request(cookie)).session.get('under'), 'the new key')
    })
  })
