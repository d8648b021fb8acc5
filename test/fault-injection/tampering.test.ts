import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { handleOf, type Id } from '../../packages/strongroom/src/crypto/token.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { ENVIRONMENTS } from './environments.ts'
import { onEach, type RawRecords } from './fixtures/environment.ts'
import { type Anything, sessionsOn } from './fixtures/site.ts'

interface Victim {
  /** The name of its record in the store. */
  readonly name: string
  readonly bytes: Buffer
  readonly user: string
  readonly cookie: string
}

onEach(
  ENVIRONMENTS.filter(({ tamperable }) => tamperable),
  { title: 'a record that an attacker has changed', synced: false },
  (_, running) => {
    let store: Store
    let raw: RawRecords
    let sessions: ReturnType<typeof sessionsOn>
    const events: SessionEvent[] = []
    before(async () => {
      store = await running().open()
      // Creates whatever the engine creates at its first use.
      await store.read('0'.repeat(64) as Id)
      raw = running().rawRecords ?? assert.fail('this environment has no rawRecords')
      sessions = sessionsOn(store, { on: (event) => events.push(event) })
      // The first login also registers its key, in an entry of its own.
      await login('somebody')
    })
    after(async () => {
      await raw.close()
      await store.close()
    })

    async function login(user: string): Promise<{ cookie: string; handle: string }> {
      const visit = sessions.open({})
      const session = await visit.get()
      session.set('data', `of ${user}`).login(user)
      const cookie = (await visit.commit()).setCookie?.split(';')[0] ?? ''
      return { cookie, handle: session.handle ?? assert.fail('it was not created') }
    }

    async function victim(user: string): Promise<Victim> {
      const { cookie, handle } = await login(user)
      // The first read stores a copy in a cache.
      await turn()
      await sessions.open({ cookie }).get()
      const name = await nameOf(handle)
      return { name, bytes: await raw.read(name), user, cookie }
    }

    /** Asks more than once: a list of what memcached holds may lack what it moves at that moment. */
    async function nameOf(handle: string): Promise<string> {
      const isIts = (name: string) => handleOf((/[0-9a-f]{64}/.exec(name.toLowerCase())?.[0] ?? '') as Id) === handle
      for (let attempt = 1; attempt <= 20; attempt++) {
        const name = (await raw.names()).find(isIts)
        if (name !== undefined) return name
      }
      return assert.fail('no record was made')
    }

    async function request({ cookie }: Victim): Promise<{ user: string | null; data: Anything }> {
      // Requests in the same turn of the event loop share their reads.
      await turn()
      const visit = sessions.open({ cookie })
      const session = await visit.get()
      const data = session.get('data')
      assert.equal((await visit.commit()).setCookie, null, 'a cookie is neither cleared nor replaced')
      return { user: session.userId, data }
    }

    const isUnchanged = async (one: Victim) =>
      assert.deepEqual(await request(one), { user: one.user, data: `of ${one.user}` }, 'the session is as it was')

    const isRefused = async (one: Victim, bytes: Uint8Array) => {
      const harmless = await isNotOurs(one, bytes)
      if (raw.reach !== 'copy') assert.equal(harmless, false)
    }

    /** Asserts that the session is refused, with an event. Resolves to true when the change had no effect instead. */
    async function isNotOurs(one: Victim, bytes: Uint8Array): Promise<boolean> {
      await raw.write(one.name, bytes)
      events.length = 0
      const { user, data } = await request(one)
      // Only the payload and its owner are sealed. A change to what an engine stores next to them need not be noticed, and a
      // copy in a cache that is damaged is simply not used.
      if (user !== null && raw.reach !== 'payload') {
        assert.deepEqual({ user, data }, { user: one.user, data: `of ${one.user}` })
        return true
      }
      assert.deepEqual({ user, data }, { user: null, data: undefined })
      const reported = events.filter(({ type }) => ['rejected', 'superseded', 'absent', 'expired'].includes(type))
      assert.equal(reported.length, 1, 'one event')
      // How often a session was renewed stands in the open, and may say that there is a later cookie.
      if (raw.reach === 'payload') assert.ok(['rejected', 'superseded'].includes(reported[0]?.type ?? ''))
      return false
    }

    it('in one bit, is refused, and is accepted again when the bit is restored', async (test) => {
      const one = await victim('ada')
      let harmless = 0
      for (let at = 0; at < one.bytes.length; at += 5) {
        const bytes = Buffer.from(one.bytes)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
        if (await isNotOurs(one, bytes)) harmless += 1
      }
      await raw.write(one.name, one.bytes)
      await isUnchanged(one)
      test.diagnostic(`${harmless} of ${Math.ceil(one.bytes.length / 5)} flips had no effect`)
      if (raw.reach !== 'copy') assert.ok(harmless < one.bytes.length / 5 / 2)
    })

    it('in its length, is refused', async () => {
      const one = await victim('ada')
      for (let length = 0; length < one.bytes.length; length += length < 8 ? 1 : 13)
        await isRefused(one, one.bytes.subarray(0, length))
      await isRefused(one, Buffer.concat([one.bytes, Buffer.from([0])]))
    })

    it('into something else, is refused', async () => {
      const one = await victim('ada')
      for (const bytes of ['', 'null', '{}', '{"user":"ada"}', '\0'.repeat(500), 'x'.repeat(100_000)])
        await isRefused(one, Buffer.from(bytes))
      for (let i = 0; i < 20; i++) await isRefused(one, randomBytes(one.bytes.length))
    })

    it('by swapping it with another, is refused, and neither visitor sees the data of the other', async () => {
      const [ada, eve, bystander] = [await victim('ada'), await victim('eve'), await victim('bob')]
      await isRefused(ada, eve.bytes)
      await isRefused(eve, ada.bytes)
      await isUnchanged(bystander)
      for (const one of [ada, eve]) await raw.write(one.name, one.bytes)
      for (const one of [ada, eve]) await isUnchanged(one)
    })

    it('does not prevent its user from logging in again, or from logging out', async () => {
      const one = await victim('ada')
      await raw.write(one.name, randomBytes(100))
      const visit = sessions.open({ cookie: one.cookie })
      ;(await visit.get()).login('ada')
      const cookie = (await visit.commit()).setCookie?.split(';')[0] ?? ''
      assert.equal((await sessions.open({ cookie }).get()).userId, 'ada')
      const leaving = sessions.open({ cookie: one.cookie })
      ;(await leaving.get()).logout()
      await leaving.commit()
    })
  },
)
