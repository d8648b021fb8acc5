import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/index.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { secret } from './fixtures/secret.ts'

const clock = manualClock()

/** Sessions over a store with `readSync`, a list of the reads that were waited for, and a logged-in visitor. */
async function app(change: (inner: IndexedStore) => Partial<IndexedStore> = () => ({})) {
  const inner = memory({ clock })
  let waited = 0
  const store: IndexedStore = {
    traits: inner.traits,
    byOwner: inner.byOwner,
    create: (id, entry) => inner.create(id, entry),
    read: (id) => {
      waited += 1
      return inner.read(id)
    },
    readSync: (id) => inner.readSync?.(id),
    update: (id, entry, version) => inner.update(id, entry, version),
    touch: (id, expiresAt, version) => inner.touch(id, expiresAt, version),
    delete: (id, version, owner) => inner.delete(id, version, owner),
    clearExpired: (options) => inner.clearExpired(options),
    close: () => inner.close(),
    ...change(inner),
  }
  const sessions = createSessions({ store, secrets: secret('a'), clock, sweep: false })
  const visit = (cookie?: string) => sessions.open(new Headers(cookie ? { cookie } : {}))
  const first = visit()
  const session = await first.get()
  session.login('ada')
  session.set('name', 'Ada')
  const { setCookie } = await first.commit()
  const cookie = String(setCookie).split(';')[0]
  /** How many reads were waited for since the last call of this. */
  const waits = () => {
    const count = waited
    waited = 0
    return count
  }
  waits()
  return { sessions, open: () => visit(cookie), session: () => visit(cookie).get(), waits }
}

describe('a store that can be read synchronously', () => {
  it('is not waited for: neither for a live session, nor for one that has expired or was ended', async () => {
    const { sessions, open, session, waits } = await app()
    assert.equal((await session()).get('name'), 'Ada')
    const writer = open()
    ;(await writer.get()).set('name', 'Lovelace')
    await writer.commit()
    assert.equal((await session()).get('name'), 'Lovelace')
    clock.advance(24 * 3_600_000)
    assert.equal((await session()).isNew, true)
    assert.equal(waits(), 0)
    const other = await app()
    await other.sessions.of('ada').revokeAll()
    other.waits()
    assert.equal((await other.session()).userId, null)
    assert.equal(other.waits(), 0)
    await sessions.close()
    await other.sessions.close()
  })

  it('is waited for when it has no answer', async () => {
    const { session, waits } = await app(() => ({ readSync: () => undefined }))
    assert.equal((await session()).userId, 'ada')
    assert.equal(waits(), 1)
  })

  it('is waited for before a login, and before a cookie is called superseded', async () => {
    const { open, session, waits } = await app()
    const login = open()
    ;(await login.get()).login('ada')
    await login.commit()
    assert.ok(waits() > 0)
    assert.equal((await session()).userId, null)
    assert.equal(waits(), 1)
  })

  it('causes an outage when it throws, and logs nobody out', async () => {
    let broken = false
    const { open, session } = await app((inner) => ({
      readSync: (id) => (broken ? assert.fail('out of order') : inner.readSync?.(id)),
    }))
    broken = true
    await assert.rejects(session(), { code: 'STRONGROOM_STORE' })
    const visit = open()
    await assert.rejects(visit.get(), { code: 'STRONGROOM_STORE' })
    assert.equal((await visit.commit()).setCookie, null)
    broken = false
    assert.equal((await session()).userId, 'ada')
  })

  it('is asked again by the same request, when it has failed', async () => {
    let failures = 1
    const { open } = await app((inner) => ({
      readSync(id) {
        if (failures-- > 0) throw new Error('busy')
        return inner.readSync?.(id)
      },
    }))
    const visit = open()
    await assert.rejects(visit.get(), { name: 'StoreError' })
    assert.equal((await visit.get()).get('name'), 'Ada')
  })

  it('has a session that stays read-only after read(), when it has failed the first time', async () => {
    let failures = 1
    const { open } = await app((inner) => ({
      readSync(id) {
        if (failures-- > 0) throw new Error('busy')
        return inner.readSync?.(id)
      },
    }))
    const visit = open()
    await assert.rejects(visit.read(), { name: 'StoreError' })
    assert.equal((await visit.get()).isReadOnly, true)
  })
})
