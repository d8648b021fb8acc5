import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { COPY, hasLabel, RECEIPT } from '../../packages/strongroom/src/backing/own-entries.ts'
import { createKeyring, type Secrets } from '../../packages/strongroom/src/crypto/keyring.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import type { Anything } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { entriesIn, sessionsIn } from './fixtures/listings.ts'
import { OLD as COOKIE, KEY, NOW, OLDER, SECRET, setUp, visit, who } from './fixtures/other-framework.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const [OLD, NEW] = [secret('old'), secret('new')]
const kidOf = (text: string) => createKeyring(text).current.kid

const onStore = (store: Store, secrets: Secrets, seal: 'two-key' | 'none' = 'two-key') =>
  createSessions<Anything>({ secrets, store, seal, sweep: false }) as Sessions<Anything>

async function login(sessions: Sessions<Anything>, userId: string) {
  const guest = visitor(sessions)
  await guest.visit((session) => session.login(userId))
  await settle()
  return guest
}

/** The same store, but for some of its methods. */
const withOther = (store: Store, other: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      if (name in other) return other[name as keyof Store]
      const found = target[name as keyof Store]
      return typeof found === 'function' ? found.bind(target) : found
    },
  })

describe('the end of all sessions after a breach', () => {
  it('removes those that began under an old secret, although their records were sealed again under the new one', async () => {
    for (const seal of ['two-key', 'none'] as const) {
      const store = memory()
      const sessions = onStore(store, [OLD], seal)
      const guest = await login(sessions, 'ada')
      await sessions.reloadSecrets([NEW, OLD])
      await guest.visit((session) => session.set('n', 1))
      await sessions.reloadSecrets([NEW])
      const fresh = await login(sessions, 'bob')
      const { records, removed, keys } = await sessions.revokeEverybody()
      assert.deepEqual([records, removed, keys], ['read', 1, new Map([[kidOf(OLD), 1]])], seal)
      assert.equal((await sessionsIn(store)).length, 1)
      await settle()
      await fresh.visit((session) => assert.equal(session.userId, 'bob'))
    }
  })

  it('removes those whose record is sealed under a secret that is gone, although that of their cookie is there', async () => {
    const store = memory()
    const sessions = onStore(store, [OLD])
    const guest = await login(sessions, 'ada')
    await sessions.reloadSecrets([NEW, OLD])
    await guest.visit((session) => session.set('n', 1))
    await sessions.reloadSecrets([OLD])
    const { removed, keys } = await sessions.revokeEverybody()
    assert.deepEqual([removed, keys], [1, new Map([[kidOf(NEW), 1]])])
  })

  it('removes the receipts and copies that adoptions have left under an old secret, and keeps those under the new one', async () => {
    const { make, store, there } = setUp()
    const session = { userId: 'ada', values: { a: 1 }, expiresAt: NOW + 86_400_000 }
    const before = make({ secrets: [OLDER] })
    await visit(before, COOKIE, who)
    await before.adopt({ source: 'old', key: 'moved', session, as: 'copy' })
    const left = async () => {
      const all = await entriesIn(store)
      return [RECEIPT, COPY].map((label) => all.filter((entry) => hasLabel(entry, label)).length)
    }
    assert.deepEqual(await left(), [1, 1])
    const after = make({ secrets: [SECRET] })
    await after.adopt({ source: 'old', key: 'again', session, as: 'copy' })
    there.set(KEY, session)
    assert.equal((await after.revokeEverybody()).removed, 1, 'they are no sessions, and not counted')
    assert.deepEqual(await left(), [0, 1])
  })

  it('reads past the copies of a cache, and leaves alone what a server has stored since', async () => {
    const store = memory()
    const sessions = onStore(store, [OLD])
    await login(sessions, 'ada')
    const [listing] = await sessionsIn(store)
    const stale = listing && (await store.read(listing.id))
    assert.ok(stale)
    await sessions.reloadSecrets([NEW])
    // As if the record were sealed again between the read and the delete.
    await store.update(listing.id, { ...stale.entry }, stale.version)
    const fresh: unknown[] = []
    const racing = withOther(store, {
      read: async (id, options) => {
        fresh.push(options?.fresh)
        return id === listing.id ? stale : store.read(id, options)
      },
    })
    assert.equal((await onStore(racing, [NEW]).revokeEverybody()).removed, 0)
    assert.equal((await sessionsIn(store)).length, 1)
    assert.ok(fresh.includes(true) && !fresh.includes(undefined), `${fresh}`)
    assert.equal((await onStore(store, [NEW]).revokeEverybody()).removed, 1)
  })

  it('reads a page in parallel, and stops between two records', async () => {
    const store = memory()
    const old = onStore(store, [OLD])
    for (let i = 0; i < 5; i++) await login(old, `user ${i}`)
    const stop = new AbortController()
    let [reading, most, deleted] = [0, 0, 0]
    const slow = withOther(store, {
      read: async (...args) => {
        most = Math.max(most, ++reading)
        await settle()
        reading--
        return store.read(...args)
      },
      delete: async (...args) => {
        if (++deleted === 2) stop.abort()
        return store.delete(...args)
      },
    })
    const { removed } = await onStore(slow, [NEW]).revokeEverybody({ signal: stop.signal })
    assert.deepEqual([removed, deleted, (await sessionsIn(store)).length], [2, 2, 3])
    assert.equal(most, 5)
    await assert.rejects(onStore(store, [NEW]).of('ada').revokeAll(), /keys forget/)
  })

  it('says that it has read nothing where sessions are in their cookies, or the store cannot be walked', async () => {
    const revocations = memory()
    for (const engine of [cookie(), cookie({ revocations })]) {
      const { records, removed } = await createSessions({ secrets: NEW, store: engine as never }).revokeEverybody()
      assert.deepEqual([records, removed], ['in-cookies', 0])
    }
    const unwalkable = withOther(memory(), { scan: undefined } as object)
    const { records, removed } = await onStore(unwalkable, [NEW]).revokeEverybody()
    assert.deepEqual([records, removed], ['not-walkable', 0])
  })
})
