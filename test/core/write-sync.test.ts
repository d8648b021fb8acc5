import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { createSessions, type SessionEvent } from '../../packages/strongroom/src/index.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import type { Anything } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import { type Visitor, visitor } from './fixtures/visitor.ts'

/** A visitor who is signed in, over memory with another `updateSync`, and what was waited for. */
async function app(updateSync: (inner: Store) => Store['updateSync'] = (inner) => inner.updateSync?.bind(inner)) {
  const clock = manualClock()
  const inner: Store = memory({ clock })
  const waited: string[] = []
  const events: SessionEvent[] = []
  const changed = updateSync(inner)
  const store: Store = {
    traits: inner.traits,
    create: (id, entry) => inner.create(id, entry),
    read: (id) => inner.read(id),
    readSync: (id) => inner.readSync?.(id),
    update: (id, entry, version) => {
      waited.push('update')
      return inner.update(id, entry, version)
    },
    ...(changed && { updateSync: changed }),
    touch: (id, expiresAt, version) => inner.touch(id, expiresAt, version),
    delete: (id, version, owner) => inner.delete(id, version, owner),
    clearExpired: (options) => inner.clearExpired(options),
    close: () => inner.close(),
  }
  const on = (event: SessionEvent) => events.push(event)
  const sessions = createSessions<Anything>({ store, secrets: secret('a'), clock, sweep: false, on })
  const guest = visitor(sessions)
  await guest.visit((session) => session.set('n', 0).login('ada'))
  waited.length = events.length = 0
  return { guest, waited, events, sessions, inner, open: () => opened(sessions, guest) }
}

/** A request without an adapter. */
async function opened(sessions: ReturnType<typeof createSessions<Anything>>, { cookie }: Visitor<Anything>) {
  const visit = sessions.open({ cookie: `${sessions.policy.cookieName}=${cookie}` })
  return { visit, session: await visit.get() }
}

const typesOf = (events: readonly SessionEvent[]) => events.map(({ type }) => type)

describe('a store that can be written synchronously', () => {
  it('is not waited for: the outcome is there before the response begins', async () => {
    const { guest, waited, events, open } = await app()
    const { visit, session } = await open()
    session.set('n', 1)
    const outcome = visit.commit()
    assert.ok(!(outcome instanceof Promise))
    assert.deepEqual(outcome, { setCookie: null, used: true })
    assert.equal(await guest.visit((session) => session.get('n')), 1)
    assert.deepEqual([waited, typesOf(events)], [[], ['loaded', 'updated', 'loaded']])
  })

  it('is waited for when it cannot say what only update can, and nothing is written twice', async () => {
    const { guest, waited, open } = await app(() => () => undefined)
    const { visit, session } = await open()
    session.update('n', (n) => n + 1)
    assert.ok(visit.commit() instanceof Promise)
    assert.equal(await guest.visit((session) => session.get('n')), 1)
    assert.deepEqual(waited, ['update'])
  })

  it('is asked for the newer copy when another request was faster, and both changes are there', async () => {
    const { guest, events, open } = await app()
    const [first, second] = [await open(), await open()]
    first.session.set('a', 1)
    second.session.set('b', 2)
    first.session.update('n', (n) => n + 1)
    second.session.update('n', (n) => n + 1)
    await Promise.all([first.visit.commit(), second.visit.commit()])
    await guest.visit((session) => assert.deepEqual([session.get('a'), session.get('b'), session.get('n')], [1, 2, 2]))
    assert.ok(typesOf(events).includes('conflict'))
  })

  it('fails a write by an error of the store when it throws, with an event, and changes nothing', async () => {
    let broken = false
    const { guest, events, open } = await app((inner) => (id, entry, version) => {
      if (broken) throw new RangeError('out of order')
      return inner.updateSync?.(id, entry, version)
    })
    const { visit, session } = await open()
    session.set('n', 1)
    broken = true
    assert.throws(
      () => visit.commit(),
      (error: unknown) => error instanceof StoreError && error.cause instanceof RangeError,
    )
    assert.equal((await visit.commit()).setCookie, null, 'the error page')
    assert.deepEqual(typesOf(events), ['loaded', 'storeError'])
    broken = false
    assert.equal(await guest.visit((session) => session.get('n')), 0)
  })

  it('can be saved to in the middle of a request, and again by its response', async () => {
    const { guest, waited } = await app()
    await guest.visit(async (session, { save }) => {
      session.update('n', (n) => n + 1)
      await save()
      session.update('n', (n) => n + 1)
    })
    assert.equal(await guest.visit((session) => session.get('n')), 2)
    assert.deepEqual(waited, [])
  })

  it('fails a save by a rejection, and the session stays open', async () => {
    let broken = true
    const { guest } = await app((inner) => (id, entry, version) => {
      if (broken) throw new StoreError('Out of order.')
      return inner.updateSync?.(id, entry, version)
    })
    await guest.visit(async (session, { save }) => {
      session.set('n', 1)
      await assert.rejects(save(), StoreError)
      broken = false
      session.set('m', 2)
    })
    await guest.visit((session) => assert.deepEqual([session.get('n'), session.get('m')], [1, 2]))
  })

  it('is saved before a response that a listener ends in the middle of it, which then sets the cookie', async () => {
    let end = () => {}
    const on = ({ type }: SessionEvent) => {
      if (type === 'updated') end()
    }
    const sessions = createSessions<Anything>({ store: cookie(), secrets: secret('a'), on })
    const guest = visitor(sessions)
    await guest.visit((session) => session.set('n', 0))
    const { visit, session } = await opened(sessions, guest)
    session.set('n', 1)
    const outcomes: unknown[] = []
    end = () => {
      end = () => {}
      outcomes.push(visit.commit())
    }
    await visit.save()
    const outcome = (await outcomes[0]) as { setCookie: string | null }
    guest.cookie = /^[^=]+=([^;]+)/.exec(outcome.setCookie ?? '')?.[1] ?? null
    assert.equal(await guest.visit((session) => session.get('n')), 1)
  })

  it('does not bring a session back that has ended', async () => {
    const { guest, open } = await app()
    const { visit, session } = await open()
    const copy = guest.copy()
    await guest.visit((session) => session.logout())
    session.set('n', 1)
    await assert.rejects(async () => visit.commit(), { code: 'STRONGROOM_GONE' })
    await copy.visit((session) => assert.deepEqual([session.userId, session.isNew], [null, true]))
  })
})
