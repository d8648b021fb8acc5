import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, SessionGoneError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { secret } from './fixtures/secret.ts'

interface Data {
  role: string
  visits: number
  theme: string
  basket: string[]
}

/** Two processes on one durable store, each with copies of its own. */
function processes(durable: Store = memory()) {
  const clock = manualClock()
  const events: SessionEvent[] = []
  const start = (): Sessions<Data> =>
    createSessions<Data>({
      store: cached({ durable: durable as ReturnType<typeof memory>, cache: memory({ clock, evicts: true }), clock }),
      secrets: secret('fresh'),
      on: (event) => events.push(event),
      clock,
    })
  return { here: start(), there: start(), clock, events }
}

async function visit(sessions: Sessions<Data>, cookie: string | undefined, work: (visit: Visit) => unknown) {
  const visit = sessions.open({ cookie })
  await work(visit)
  const { setCookie } = await visit.commit()
  return setCookie?.split(';')[0] ?? cookie ?? ''
}

type Visit = ReturnType<Sessions<Data>['open']>

/** A session of ada's that `there` has a copy of. */
async function copied({ here, there }: ReturnType<typeof processes>) {
  const cookie = await visit(here, undefined, async (visit) => {
    const session = await visit.get()
    session.login('ada')
    session.set('role', 'operator').set('visits', 1)
  })
  await there.read({ cookie })
  return cookie
}

/** As the durable store has it. */
const storedOf = ({ here }: ReturnType<typeof processes>, cookie: string) => here.open({ cookie }).get({ fresh: true })

describe('get with fresh', () => {
  it('finds nothing of a session that another process has ended, where a copy still opens', async () => {
    const both = processes()
    const cookie = await copied(both)
    await both.here.of('ada').revokeAll()
    assert.equal((await both.there.open({ cookie }).get()).userId, 'ada')
    const session = await both.there.open({ cookie }).get({ fresh: true })
    assert.deepEqual([session.userId, session.keys()], [null, []])
  })

  it('makes a session anonymous that this request has loaded from a copy, for everybody who has it already', async () => {
    const both = processes()
    const cookie = await copied(both)
    await both.here.of('ada').revokeAll()
    const visit = both.there.open({ cookie })
    const early = await visit.get()
    assert.equal(early.get('role'), 'operator')
    both.events.length = 0
    const session = await visit.get({ fresh: true })
    assert.equal(session, early)
    assert.deepEqual([early.userId, early.handle, early.keys()], [null, null, []])
    assert.deepEqual(
      both.events.map(({ type }) => type),
      ['absent'],
    )
    assert.equal((await visit.commit()).setCookie, null)
  })

  it('shows what another process has changed since, also in a session that this request has loaded from a copy', async () => {
    const both = processes()
    const cookie = await copied(both)
    await visit(both.here, cookie, async (visit) => (await visit.get()).set('role', 'visitor'))
    const first = both.there.open({ cookie })
    const early = await first.get()
    assert.equal(early.get('role'), 'operator')
    await first.get({ fresh: true })
    assert.deepEqual([early.userId, early.get('role'), early.get('visits')], ['ada', 'visitor', 1])
    early.set('theme', 'dark')
    await first.commit()
    const stored = await storedOf(both, cookie)
    assert.deepEqual([stored.get('role'), stored.get('theme')], ['visitor', 'dark'])
  })

  it('saves first what this request has changed, and merges it with what another has saved', async () => {
    const both = processes()
    const cookie = await copied(both)
    await visit(both.here, cookie, async (visit) => (await visit.get()).set('role', 'visitor'))
    const second = both.there.open({ cookie })
    const session = await second.get()
    session.update('visits', (visits) => Number(visits) + 1)
    await second.get({ fresh: true })
    assert.deepEqual([session.get('role'), session.get('visits')], ['visitor', 2])
    assert.equal((await storedOf(both, cookie)).get('visits'), 2)
  })

  it('loses no change that is made while it asks', async () => {
    let meanwhile: () => unknown = () => {}
    const durable = memory()
    const read = durable.read.bind(durable)
    durable.read = async (...args) => {
      meanwhile()
      return read(...args)
    }
    const both = processes(durable)
    const cookie = await copied(both)
    const second = both.there.open({ cookie })
    const session = await second.get()
    meanwhile = () => session.set('theme', 'dark')
    await second.get({ fresh: true })
    meanwhile = () => {}
    assert.equal(session.get('theme'), 'dark')
    await second.commit()
    assert.equal((await storedOf(both, cookie)).get('theme'), 'dark')
  })

  it('rejects when this request has changed a session that has ended, and leaves it anonymous', async () => {
    const both = processes()
    const cookie = await copied(both)
    await both.here.of('ada').revokeAll()
    const second = both.there.open({ cookie })
    const session = await second.get()
    session.set('theme', 'dark')
    await assert.rejects(second.get({ fresh: true }), SessionGoneError)
    assert.equal(session.userId, null)
    assert.equal((await second.get({ fresh: true })).userId, null)
    assert.equal((await second.commit()).setCookie, null)
  })

  it('leaves a session alone that this request begins, and one without a cookie costs no call', async () => {
    const { there, events } = processes()
    const visit = there.open({})
    const session = await visit.get({ fresh: true })
    session.login('ada')
    session.set('theme', 'dark')
    await visit.get({ fresh: true })
    assert.deepEqual([session.userId, session.get('theme'), events], ['ada', 'dark', []])
    assert.notEqual((await visit.commit()).setCookie, null)
  })

  it('goes on with the session that this request has renewed', async () => {
    const both = processes()
    const cookie = await copied(both)
    const second = both.there.open({ cookie })
    const session = await second.get()
    session.renew()
    await second.get({ fresh: true })
    assert.equal(session.userId, 'ada')
    const renewed = (await second.commit()).setCookie?.split(';')[0] ?? ''
    assert.notEqual(renewed, cookie)
    assert.equal((await both.here.read({ cookie: renewed })).userId, 'ada')
  })

  it('fails while the store is away, although there is a copy, or gives the stand-in that was asked for', async () => {
    const durable = memory()
    const both = processes(durable)
    const cookie = await copied(both)
    await durable.close()
    const visit = both.there.open({ cookie })
    assert.equal((await visit.get()).userId, 'ada')
    both.events.length = 0
    await assert.rejects(visit.get({ fresh: true }), StoreError)
    assert.deepEqual(
      both.events.map(({ type }) => type),
      ['storeError'],
    )
    const standIn = await visit.get({ fresh: true, onStoreError: 'anonymous' })
    assert.deepEqual([standIn.userId, standIn.isReadOnly], [null, true])
  })

  it('is true or false', async () => {
    const { there } = processes()
    const options = { fresh: 'yes' } as unknown as { fresh: boolean }
    await assert.rejects(there.open({}).get(options), (error: Error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, /get: fresh must be one of: true, false/)
      return true
    })
  })
})
