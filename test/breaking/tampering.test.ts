import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { type Anything, sessionsOn } from './kit/site.ts'
import { onEach, type Vandal } from './kit/world.ts'
import { WORLDS } from './worlds.ts'

interface Victim {
  /** The name of its record, as the vandal has it. */
  readonly name: string
  readonly bytes: Buffer
  readonly user: string
  readonly cookie: string
}

onEach(
  WORLDS.filter(({ tamperable }) => tamperable),
  { title: 'a record that somebody has altered', synced: false },
  (_, place) => {
    let store: Store
    let vandal: Vandal
    let sessions: ReturnType<typeof sessionsOn>
    const events: SessionEvent[] = []
    before(async () => {
      store = await place().open()
      // Whatever has to be made before the first use is there now.
      await store.read('0'.repeat(64) as Id)
      vandal = place().vandal ?? assert.fail('this world has no vandal')
      sessions = sessionsOn(store, { on: (event) => events.push(event) })
    })
    after(async () => {
      await vandal.close()
      await store.close()
    })

    async function victim(user: string): Promise<Victim> {
      const known = await vandal.names()
      const visit = sessions.open({})
      ;(await visit.get()).set('data', `of ${user}`).login(user)
      const cookie = (await visit.commit()).setCookie?.split(';')[0] ?? ''
      // A copy is made by who reads.
      await turn()
      await sessions.open({ cookie }).get()
      const name = (await vandal.names()).find((name) => !known.includes(name)) ?? assert.fail('no record was made')
      return { name, bytes: await vandal.read(name), user, cookie }
    }

    async function request({ cookie }: Victim): Promise<{ user: string | null; data: Anything }> {
      // Requests of one turn of the event loop share their reads.
      await turn()
      const visit = sessions.open({ cookie })
      const session = await visit.get()
      const data = session.get('data')
      assert.equal((await visit.commit()).setCookie, null, 'a cookie is neither cleared nor replaced')
      return { user: session.userId, data }
    }

    const isWell = async (one: Victim) =>
      assert.deepEqual(await request(one), { user: one.user, data: `of ${one.user}` }, 'as it was')

    const isRefused = async (one: Victim, bytes: Uint8Array) => {
      const harmless = await isNotOurs(one, bytes)
      if (vandal.reach !== 'copy') assert.equal(harmless, false)
    }

    /** Nobody's session, and an event that says so. True when the alteration was one that counts for nothing. */
    async function isNotOurs(one: Victim, bytes: Uint8Array): Promise<boolean> {
      await vandal.write(one.name, bytes)
      events.length = 0
      const { user, data } = await request(one)
      // What an engine keeps beside the payload is no secret and no promise; the payload and whose it is are sealed. A copy
      // that is no good is done without.
      if (user !== null && vandal.reach !== 'payload') {
        assert.deepEqual({ user, data }, { user: one.user, data: `of ${one.user}` })
        return true
      }
      assert.deepEqual({ user, data }, { user: null, data: undefined })
      const told = events.filter(({ type }) => ['notOurs', 'absent', 'expired'].includes(type))
      assert.equal(told.length, 1, 'one event')
      if (vandal.reach === 'payload') assert.equal(told[0]?.type, 'notOurs')
      return false
    }

    it('in a bit, is not ours, and is ours again when it is mended', async (test) => {
      const one = await victim('ada')
      let harmless = 0
      for (let at = 0; at < one.bytes.length; at += 5) {
        const bytes = Buffer.from(one.bytes)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
        if (await isNotOurs(one, bytes)) harmless += 1
      }
      await vandal.write(one.name, one.bytes)
      await isWell(one)
      test.diagnostic(`${harmless} of ${Math.ceil(one.bytes.length / 5)} flips counted for nothing`)
      if (vandal.reach !== 'copy') assert.ok(harmless < one.bytes.length / 5 / 2)
    })

    it('in its length, is not ours', async () => {
      const one = await victim('ada')
      for (let length = 0; length < one.bytes.length; length += length < 8 ? 1 : 13)
        await isRefused(one, one.bytes.subarray(0, length))
      await isRefused(one, Buffer.concat([one.bytes, Buffer.from([0])]))
    })

    it('into something else altogether, is not ours', async () => {
      const one = await victim('ada')
      for (const bytes of ['', 'null', '{}', '{"user":"ada"}', '\0'.repeat(500), 'x'.repeat(100_000)])
        await isRefused(one, Buffer.from(bytes))
      for (let i = 0; i < 20; i++) await isRefused(one, randomBytes(one.bytes.length))
    })

    it('by changing places with another, opens neither, and shows nobody the data of the other', async () => {
      const [ada, eve, bystander] = [await victim('ada'), await victim('eve'), await victim('bob')]
      await isRefused(ada, eve.bytes)
      await isRefused(eve, ada.bytes)
      await isWell(bystander)
      for (const one of [ada, eve]) await vandal.write(one.name, one.bytes)
      for (const one of [ada, eve]) await isWell(one)
    })

    it('can be ended by its user, who begins anew beside it', async () => {
      const one = await victim('ada')
      await vandal.write(one.name, randomBytes(100))
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
