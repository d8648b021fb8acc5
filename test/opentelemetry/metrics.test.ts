import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { metrics } from '@opentelemetry/api'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { reasonOf } from '../../packages/strongroom/src/opentelemetry/metrics.ts'
import { type InstrumentOptions, instrument } from '../../packages/strongroom/src/opentelemetry/opentelemetry.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { secret } from '../core/fixtures/secret.ts'
import { sdk } from './sdk.ts'

const HOUR = 3_600_000

function measured(t: TestContext, options: Partial<SessionsOptions> = {}, more: InstrumentOptions = {}) {
  const clock = manualClock()
  const kit = sdk()
  const sessions = createSessions({
    store: sqlite({ path: ':memory:', clock }),
    secrets: secret('metrics'),
    sweep: false,
    clock,
    ...options,
  } as SessionsOptions) as Sessions
  const stop = instrument(sessions, { meterProvider: kit.meterProvider, ...more })
  t.after(() => kit.close())
  const request = async (cookie: string, work: (session: Awaited<ReturnType<typeof sessions.read>>) => unknown) => {
    const visit = sessions.open({ cookie })
    await work(await visit.get())
    return (await visit.commit()).setCookie?.split(';')[0] ?? cookie
  }
  /** By attributes that tell the points apart, in one word. */
  const counts = async (name: string, ...by: string[]) => {
    const points = (await kit.metrics())[name]?.points ?? []
    return Object.fromEntries(
      points.map(({ attributes, value }) => [
        by.flatMap((one) => attributes[one] ?? []).join(' '),
        typeof value === 'number' ? value : (value as { count: number }).count,
      ]),
    )
  }
  return { clock, kit, sessions, stop, request, counts }
}

suite('the metrics of strongroom/opentelemetry', () => {
  test('store calls are timed in seconds, in the buckets that the conventions advise', async (t) => {
    const { kit, sessions } = measured(t)
    const { cookie } = await sessionFor(sessions, { data: { theme: 'dark' } })
    await sessions.read({ cookie })
    const { descriptor, points } = (await kit.metrics())['db.client.operation.duration'] as never as {
      descriptor: { unit: string }
      points: { attributes: object; value: { count: number; sum: number; buckets: { boundaries: number[] } } }[]
    }
    assert.equal(descriptor.unit, 's')
    const [create, read] = points
    assert.deepEqual(read?.attributes, {
      'db.system.name': 'sqlite',
      'db.collection.name': 'strongroom_sessions',
      'db.operation.name': 'read',
      'strongroom.namespace': '__Host-id',
    })
    assert.equal(create?.value.count, 1)
    assert.ok(read && read.value.sum > 0 && read.value.sum < 1)
    assert.deepEqual(read.value.buckets.boundaries, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
  })

  test('loads and saves are timed, with what was done and why it failed', async (t) => {
    const store = watched(memory())
    const { sessions, counts, request } = measured(t, { store: store.store })
    const { cookie } = await sessionFor(sessions, { data: { theme: 'dark' } })
    await request(cookie, (session) => session.set('theme', 'light'))
    store.before = () => {
      throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    }
    await assert.rejects(sessions.read({ cookie }))
    assert.deepEqual(await counts('strongroom.session.load.duration', 'error.type'), { '': 1, ECONNREFUSED: 1 })
    assert.deepEqual(await counts('strongroom.session.save.duration', 'strongroom.save.action'), {
      create: 1,
      write: 1,
    })
    const calls = await counts('db.client.operation.duration', 'db.operation.name', 'error.type')
    assert.equal(calls['read ECONNREFUSED'], 1)
    const events = await counts('strongroom.session.events', 'strongroom.event.type', 'error.type')
    assert.equal(events['storeError ECONNREFUSED'], 1)
  })

  test('events are counted by type and reason, and ended and cleared sessions by their number', async (t) => {
    const { clock, sessions, counts, request } = measured(t)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    for (let i = 0; i < 3; i++) await sessionFor(sessions, { userId: 'ada' })
    await request('__Host-id=made-up', () => {})
    await request(await request(cookie, (session) => session.renew()), () => {})
    await request(cookie, () => {})
    await request(cookie, (session) => session.login('ada'))
    await sessions.of('ada').revokeAll()
    await sessionFor(sessions, { data: { theme: 'dark' } })
    clock.advance(13 * HOUR)
    await sessions.clearExpired()
    const events = await counts(
      'strongroom.session.events',
      'strongroom.event.type',
      'strongroom.event.what',
      'strongroom.event.reason',
    )
    assert.equal((events['created login'] ?? 0) + (events['renewed login'] ?? 0), 5)
    assert.equal(events['rejected cookie malformed'], 1)
    assert.equal(events['renewed renew'], 1)
    assert.equal(events.superseded, 2)
    assert.equal(events.cleared, 1)
    assert.equal(events['revoked revoke-all'], 1)
    const { 'revoke-all': ended } = await counts('strongroom.session.ended', 'strongroom.event.reason')
    assert.ok(ended && ended >= 4, `${ended}`)
    const { '': cleared } = await counts('strongroom.session.cleared')
    assert.ok(cleared && cleared >= 1)
  })

  test('a reason that is not one word of a list is no series of its own', () => {
    const reason = (reason: string) => reasonOf({ type: 'rejected', what: 'cookie', reason })
    assert.equal(reason('unknown-key'), 'unknown-key')
    for (const odd of ['user 4711 is gone', 'x'.repeat(41), '', 'Forged']) assert.equal(reason(odd), '_OTHER')
  })

  test('a global provider that is registered after the sessions were instrumented is used', async (t) => {
    const { sessions, counts, kit } = measured(t, {}, { meterProvider: undefined })
    await sessionFor(sessions, { data: { theme: 'dark' } })
    assert.deepEqual(await counts('strongroom.session.events', 'strongroom.event.type'), {})
    metrics.setGlobalMeterProvider(kit.meterProvider)
    t.after(() => metrics.disable())
    await sessionFor(sessions, { data: { theme: 'dark' } })
    assert.deepEqual(await counts('strongroom.session.events', 'strongroom.event.type'), { created: 1 })
  })

  test('after stop() nothing is counted', async (t) => {
    const { sessions, stop, counts } = measured(t)
    await sessionFor(sessions, { data: { theme: 'dark' } })
    stop()
    await sessionFor(sessions, { data: { theme: 'dark' } })
    assert.deepEqual(await counts('strongroom.session.events', 'strongroom.event.type'), { created: 1 })
    assert.deepEqual(await counts('db.client.operation.duration', 'db.operation.name'), { create: 1 })
  })

  test('no attribute names a session, a user, or anything that grows with them', async (t) => {
    const { kit, sessions, request } = measured(t, {}, { sessionId: true })
    for (const user of ['ada', 'eve', 'bob']) {
      const { cookie } = await sessionFor(sessions, { userId: user })
      await request(cookie, (session) => session.set('basket', user))
      await request(cookie, (session) => session.logout())
    }
    const known = new Set([
      ...['db.system.name', 'db.collection.name', 'db.operation.name', 'error.type', 'strongroom.namespace'],
      ...['strongroom.save.action', 'strongroom.event.type', 'strongroom.event.reason', 'strongroom.event.what'],
    ])
    for (const { points } of Object.values(await kit.metrics()))
      for (const { attributes } of points)
        assert.deepEqual(
          Object.keys(attributes).filter((name) => !known.has(name)),
          [],
        )
  })
})
