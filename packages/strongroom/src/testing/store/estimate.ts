import assert from 'node:assert/strict'
import type { Store } from '../../store.ts'
import { fill, HOUR, newOwner } from './entries.ts'
import { holds } from './expect.ts'
import type { Given, Property } from './property.ts'

/** What is not exact may be off by this share: what an operator would call about right. */
const ERROR = 0.1

/** `estimate`. A store without it, and one that says that it cannot tell, is skipped: nobody has to count. */
export function estimate(property: Property): void {
  estimates(property, 'an estimate follows what is created and deleted', async ({ store, entry, counts }) => {
    await counts(0)
    const ids = await fill(store, 300, (index) => entry({ owner: index % 3 ? null : newOwner() }))
    await counts(300)
    for (const id of ids.slice(0, 40)) await store.update(id, entry(), (await store.read(id))?.version ?? 0)
    await counts(300)
    for (const id of ids.slice(0, 120)) await store.delete(id)
    await counts(180)
  })

  estimates(
    property,
    'an estimate has what is expired in it until it is swept',
    async ({ store, clock, entry, counts }) => {
      await fill(store, 200, () => entry())
      await fill(store, 100, () => entry({ expiresAt: clock() + 3 * HOUR }))
      clock.advance(HOUR)
      // Where the backend removes it by itself, some of it may be gone.
      await counts(store.traits.expiresByItself ? 100 : 300, 300)
      await store.clearExpired()
      await counts(100)
    },
  )

  estimates(property, 'an estimate changes nothing', async (given) => {
    const { store, clock, entry, counts } = given
    const [dying, entries] = [await fill(store, 20, () => entry()), new Map<number, ReturnType<typeof entry>>()]
    const living = await fill(store, 80, (index) => {
      const one = entry({ expiresAt: clock() + 2 * HOUR, owner: index % 2 ? newOwner() : null })
      entries.set(index, one)
      return one
    })
    const versions = await Promise.all(living.map(async (id) => (await store.read(id))?.version))
    clock.advance(HOUR)
    for (let times = 0; times < 3; times++) await counts(store.traits.expiresByItself ? 80 : 100, 100)
    for (const [index, id] of living.entries())
      assert.equal(await holds(store, id, entries.get(index) ?? entry()), versions[index])
    if (!store.traits.expiresByItself) assert.equal(await store.clearExpired(), dying.length)
  })

  estimates(property, 'an estimate counts nothing of another store in the same place', async (given) => {
    const { store, sibling, entry, counts, skip } = given
    if (!sibling) return skip('there can be no second store in the same place')
    const other = await sibling()
    await fill(other, 200, () => entry({ owner: newOwner() }))
    await counts(0)
    await fill(store, 50, () => entry())
    await counts(50)
  })

  estimates(property, 'an estimate through another handle is the same', async ({ store, peer, entry, skip }) => {
    if (!peer) return skip('the data of this store can be reached through one handle only')
    const other = await peer()
    await fill(store, 100, () => entry())
    within(await other.estimate?.(), 100, 100)
  })

  estimates(property, 'an estimate does not walk the store', async ({ store, entry, skip, counts }) => {
    await fill(store, 50, () => entry())
    const walked: string[] = []
    const walking = ['scan', 'read', 'clearExpired'] as const
    for (const method of walking) if (!watch(store, method, walked)) return skip('the methods of this store are fixed')
    await counts(50)
    for (const method of walking) Reflect.deleteProperty(store, method)
    assert.deepEqual(walked, [], 'it goes through all entries, and costs more the more of them there are')
  })
}

/** Shadows a method by one that notes that it was called. False if that cannot be done. */
function watch(store: Store, method: 'scan' | 'read' | 'clearExpired', called: string[]): boolean {
  const original = store[method] as ((...args: unknown[]) => unknown) | undefined
  if (!original) return true
  return Reflect.defineProperty(store, method, {
    configurable: true,
    value(...args: unknown[]) {
      called.push(method)
      return original.apply(store, args)
    },
  })
}

type Counted = Awaited<ReturnType<NonNullable<Store['estimate']>>>

/** Thrown where the store can no longer tell: what was to be checked was not. */
class Unknown extends Error {}

function within(estimate: Counted | undefined, least: number, most: number): void {
  if (!estimate) throw new Unknown()
  const { count, exact } = estimate
  assert.ok(Number.isSafeInteger(count) && count >= 0, `the count is a whole number: ${count}`)
  const off = exact ? 0 : ERROR
  const said = `${count}${exact ? ', exactly' : ', about'}: there are ${least === most ? least : `${least} to ${most}`}`
  assert.ok(count >= least * (1 - off) && count <= most * (1 + off), said)
}

interface Estimated extends Given {
  /** Asserts that the estimate is right for that many entries, or for a number between two. */
  counts(least: number, most?: number): Promise<void>
}

function estimates(property: Property, title: string, check: (given: Estimated) => Promise<void>): void {
  property(title, async (given) => {
    const { store } = given
    if (!store.estimate) return given.skip('this store has no estimate')
    const counts = async (least: number, most = least) => within(await store.estimate?.(), least, most)
    try {
      await check({ ...given, counts })
    } catch (error) {
      if (!(error instanceof Unknown)) throw error
      given.skip('this store cannot tell how many entries it has')
    }
  })
}
