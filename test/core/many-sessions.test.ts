import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { SessionLimitError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Clock, IndexedStore, ScannableStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { fill } from '../../packages/strongroom/src/testing/store/entries.ts'
import { listed } from '../../packages/strongroom/src/testing/store/expect.ts'
import type { Anything } from './fixtures/fixture.ts'
import { ringOf, secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const [MANY, PAGE, HOUR] = [30_000, 500, 3_600_000]
const OWNER = ownerTag(ringOf('a').current, '__Host-id', 'ada')

/** The engines that answer without leaving the event loop. */
const ENGINES: Record<string, (clock: Clock) => IndexedStore & ScannableStore> = {
  memory: (clock) => memory({ clock }),
  sqlite: (clock) => sqlite({ path: ':memory:', clock }),
}

/** An account with many sessions, each a millisecond newer than the one before, and how many listings the store has returned. */
async function crowd(make: (clock: Clock) => IndexedStore & ScannableStore) {
  const clock = manualClock()
  const store = make(clock)
  const since = clock()
  const entry = (at: number) => {
    return { bytes: new Uint8Array(9), expiresAt: since + HOUR, owner: OWNER, label: null, createdAt: since + at }
  }
  const ids = await fill(store, MANY, entry)
  clock.advance(MANY)
  const { byOwner } = store
  let returned = 0
  const counting: typeof byOwner = {
    ...byOwner,
    async *list(owner, options) {
      for await (const page of byOwner.list(owner, options)) {
        returned += page.length
        yield page
      }
    },
  }
  const sessions = createSessions<Anything>({ secrets: secret('a'), store: withIndex(store, counting), clock })
  return { store, ids, since, sessions, ada: sessions.of('ada'), returned: () => returned }
}

const withIndex = <S extends IndexedStore>(store: S, byOwner: S['byOwner']): S =>
  new Proxy(store, {
    get(target, name) {
      const value: unknown = name === 'byOwner' ? byOwner : Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** Runs the work, and counts how often other work gets its turn meanwhile. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let [turns, isOver] = [0, false]
  const count = () => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await work().finally(() => {
    isOver = true
  })
  return turns
}

for (const [name, make] of Object.entries(ENGINES))
  describe(`on ${name}, an account with ${MANY} sessions`, () => {
    it('is listed in steps between which other work runs, and the newest can be had alone', async () => {
      const { store, ada, since } = await crowd(make)
      let devices: Awaited<ReturnType<typeof ada.list>> = []
      const turns = await turnsDuring(async () => {
        devices = await ada.list()
      })
      // After each page, and after each hundred labels.
      assert.ok(turns >= MANY / PAGE + MANY / 100 - 2, `${turns} turns`)
      assert.deepEqual([devices.length, new Set(devices.map(({ handle }) => handle)).size], [MANY, MANY])
      const newest = await ada.list(undefined, { limit: 3 })
      assert.deepEqual(
        newest.map(({ createdAt }) => createdAt.getTime() - since),
        [MANY - 1, MANY - 2, MANY - 3],
      )
      assert.deepEqual(newest, devices.slice(0, 3))
      await store.close()
    })

    it('is refused another login after as many sessions were read as the limit has', async () => {
      const { store, sessions, returned } = await crowd(make)
      const guest = visitor(sessions)
      for (const limit of [1, 3, 700]) {
        const before = returned()
        await assert.rejects(
          guest.visit((session) => session.login('ada', { limit, atLimit: 'refuse' })),
          SessionLimitError,
        )
        assert.ok(returned() - before <= (limit < PAGE ? limit + 1 : 2 * PAGE), `${limit}: ${returned() - before}`)
      }
      await store.close()
    })

    it('is cut to a new limit in steps, and keeps the newest', async () => {
      const { store, ids, sessions } = await crowd(make)
      const guest = visitor(sessions)
      const turns = await turnsDuring(() => guest.visit((session) => session.login('ada', { limit: 3 })))
      // One turn before each page but the first.
      assert.ok(turns >= MANY / PAGE - 1, `${turns} turns`)
      const left = (await listed(store.byOwner, OWNER)).map(({ id }) => id)
      assert.equal(left.length, 3)
      assert.ok(left.includes(ids.at(-1) as never) && left.includes(ids.at(-2) as never))
      assert.equal(await guest.visit((session) => session.userId), 'ada')
      await store.close()
    })

    it('is ended as a whole in steps, and one of its sessions by its handle', async () => {
      const { store, ada } = await crowd(make)
      const [newest] = await ada.list(undefined, { limit: 1 })
      assert.equal(await ada.revoke(newest?.handle ?? ''), true)
      assert.equal(await ada.revoke(newest?.handle ?? ''), false)
      const turns = await turnsDuring(async () => assert.equal(await ada.revokeAll(), MANY - 1))
      assert.ok(turns >= MANY / PAGE - 1, `${turns} turns`)
      assert.deepEqual(await listed(store.byOwner, OWNER), [])
      await store.close()
    })
  })

describe('a list of devices', () => {
  it('refuses options that it does not know or cannot use', async () => {
    const ada = createSessions({ secrets: secret('a'), store: memory(), sweep: false }).of('ada')
    for (const bad of [{ limit: 0 }, { limit: 1.5 }, { limit: '3' }, { most: 3 }, null, 3])
      await assert.rejects(ada.list(undefined, bad as never), TypeError)
  })
})
