import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AlwaysOffSampler, type ReadableSpan } from '@opentelemetry/sdk-trace'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import express from 'express'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import * as names from '../../packages/strongroom/src/opentelemetry/names.ts'
import { type InstrumentOptions, instrument } from '../../packages/strongroom/src/opentelemetry/opentelemetry.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { packageNamed } from '../../scripts/packages.ts'
import { secret } from '../core/fixtures/secret.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import { type Sdk, sdk, traced } from './sdk.ts'

interface Setup {
  readonly store: Store
  readonly sessions?: Partial<SessionsOptions>
  readonly instrument?: InstrumentOptions
  readonly kit?: Sdk
}

/** Express with sessions, instrumented, behind a server that makes a span for each request. */
async function site(t: TestContext, { store, sessions: options, instrument: more, kit = sdk() }: Setup) {
  const sessions = createSessions({
    store,
    secrets: secret('spans'),
    sweep: false,
    seal: 'two-key',
    ...options,
  } as SessionsOptions) as Sessions
  const { tracerProvider, meterProvider } = kit
  const stop = instrument(sessions, { tracerProvider, meterProvider, ...more })
  const app = express().set('env', 'test')
  app.use(strongroom(sessions))
  app.get('/login', async (request, response) => {
    ;(await sessions.get(request)).login('ada-lovelace')
    response.send('hello')
  })
  app.get('/write', async (request, response) => {
    ;(await sessions.get(request)).set('basket', `a-cup-of-tea ${request.url}`)
    response.send('kept')
  })
  app.get('/logout', async (request, response) => {
    ;(await sessions.get(request)).logout()
    response.send('bye')
  })
  app.get('/read', async (request, response) => void response.send(`${(await sessions.get(request)).isNew}`))
  app.get('/none', (_, response) => void response.send('nothing'))
  const server = await traced(kit, app)
  t.after(async () => {
    await server.close()
    await kit.close()
    await sessions.close()
    await store.close()
  })
  return { ...server, sessions, stop, kit }
}

/** Each with the names above it, up to the request's. */
function trees(kit: Sdk): string[] {
  const all = kit.all()
  const parentOf = ({ parentSpanContext }: ReadableSpan) =>
    all.find((span) => span.spanContext().spanId === parentSpanContext?.spanId)
  const path = (span: ReadableSpan): string => {
    const parent = parentOf(span)
    return parent ? `${path(parent)} > ${span.name}` : span.name
  }
  return kit.spans().map(path)
}

const only = (spans: readonly ReadableSpan[], name: string): ReadableSpan => {
  const found = spans.filter((span) => span.name === name)
  assert.equal(found.length, 1, `${name} in ${spans.map((span) => span.name).join(', ')}`)
  return found[0] as ReadableSpan
}

suite('the spans of strongroom/opentelemetry', () => {
  test('the names are those of the current semantic conventions', () => {
    assert.deepEqual(
      [names.DB_SYSTEM, names.DB_OPERATION, names.DB_COLLECTION, names.DB_DURATION, names.ERROR_TYPE],
      [
        conventions.ATTR_DB_SYSTEM_NAME,
        conventions.ATTR_DB_OPERATION_NAME,
        conventions.ATTR_DB_COLLECTION_NAME,
        conventions.METRIC_DB_CLIENT_OPERATION_DURATION,
        conventions.ATTR_ERROR_TYPE,
      ],
    )
    assert.deepEqual(
      [names.SESSION_ID, names.SESSION_PREVIOUS_ID],
      [conventions.ATTR_SESSION_ID, conventions.ATTR_SESSION_PREVIOUS_ID],
    )
    const known = new Set(Object.values(conventions as Record<string, unknown>))
    const own = Object.values(names).filter((name) => name.includes('.') && !known.has(name))
    assert.deepEqual(
      own.filter((name) => !name.startsWith('strongroom.')),
      [names.SCHEMA_URL, names.VERSION],
    )
  })

  test('the version of the scope is that of the package', () =>
    assert.equal(names.VERSION, packageNamed('strongroom').manifest.version))

  test('loads, saves and calls of the database nest below the span of their request', async (t) => {
    const { get, kit } = await site(t, { store: sqlite({ path: ':memory:' }) })
    const { cookie } = await get('/login')
    const login = trees(kit)
    assert.equal(login.at(-1), 'GET /login > save session')
    assert.ok(login.includes('GET /login > save session > create strongroom_sessions'))
    // Which of the user's sessions have been ended: a login reads that when it begins, before anything is saved.
    assert.equal(login[0], 'GET /login > read strongroom_sessions')
    await get('/read', cookie)
    assert.deepEqual(trees(kit), ['GET /read > load session > read strongroom_sessions', 'GET /read > load session'])
    await get('/write', cookie)
    const spans = trees(kit)
    assert.equal(spans.at(-2), 'GET /write > save session > update strongroom_sessions')
    assert.equal(spans.at(-1), 'GET /write > save session')
    assert.equal(spans.length, 4)
  })

  test('they say what was done, by the semantic conventions, and nothing else', async (t) => {
    const { get, kit } = await site(t, { store: sqlite({ path: ':memory:' }) })
    const { cookie } = await get('/write')
    await get('/read', cookie)
    const spans = kit.spans()
    const database = {
      'db.system.name': 'sqlite',
      'db.collection.name': 'strongroom_sessions',
      'strongroom.namespace': '__Host-id',
    }
    const read = only(spans, 'read strongroom_sessions')
    assert.deepEqual(read.attributes, { ...database, 'db.operation.name': 'read' })
    assert.equal(read.kind, SpanKind.INTERNAL)
    assert.equal(read.status.code, SpanStatusCode.UNSET)
    assert.deepEqual(read.instrumentationScope, {
      name: 'strongroom',
      version: names.VERSION,
      schemaUrl: 'https://opentelemetry.io/schemas/1.45.0',
    })
    const load = only(spans, 'load session')
    assert.deepEqual(load.attributes, { 'strongroom.namespace': '__Host-id', 'strongroom.load.result': 'loaded' })
    assert.equal(load.kind, SpanKind.INTERNAL)
    const save = only(spans, 'save session')
    assert.deepEqual(save.attributes, { 'strongroom.namespace': '__Host-id', 'strongroom.save.action': 'create' })
  })

  test('a request that never asks for its session, and a visitor without a cookie, have no spans', async (t) => {
    const { get, kit } = await site(t, { store: memory() })
    const { cookie } = await get('/login')
    kit.spans()
    await get('/none', cookie)
    await get('/read')
    assert.deepEqual(kit.spans(), [])
  })

  test('the spans of parallel requests are below their own', async (t) => {
    const store = watched(sqlite({ path: ':memory:' }))
    // So that all of them are under way.
    store.before = () => new Promise(setImmediate)
    const { get, kit } = await site(t, { store: store.store })
    const { cookie } = await get('/login')
    kit.spans()
    await Promise.all(
      Array.from({ length: 30 }, (_, i) => get(`/${i % 2 ? 'write' : 'read'}?${i}`, i % 3 ? cookie : undefined)),
    )
    const requests = kit.all().filter(({ name }) => name.startsWith('GET'))
    assert.equal(requests.length, 30)
    for (const request of requests) {
      const i = Number(request.name.split('?')[1])
      const inside = kit
        .all()
        .filter((span) => span !== request && span.spanContext().traceId === request.spanContext().traceId)
      const count = (name: string) => inside.filter((span) => span.name.startsWith(name)).length
      assert.equal(count('load session') > 0, i % 3 > 0, `${request.name}: ${inside.map(({ name }) => name)}`)
      assert.equal(count('save session'), i % 2, request.name)
      for (const { parentSpanContext } of inside)
        assert.ok([request, ...inside].some((span) => span.spanContext().spanId === parentSpanContext?.spanId))
    }
  })

  test('what a driver does is below the call that it does it for', async (t) => {
    const store = watched(memory())
    const kit = sdk()
    store.before = (call) => kit.tracerProvider.getTracer('driver').startSpan(`SELECT of ${call}`).end()
    const { get } = await site(t, { store: store.store, kit })
    await get('/write')
    assert.equal(trees(kit)[0], 'GET /write > save session > create > SELECT of create')
  })

  test('calls that are over immediately have spans as long as they took, and one that finds nothing out has none', async (t) => {
    const { get, kit } = await site(t, { store: memory({ max: 100 }) })
    const { cookie } = await get('/login')
    kit.spans()
    await get('/read', cookie)
    const [read, load] = kit.spans() as [ReadableSpan, ReadableSpan]
    assert.deepEqual([read.name, load.name], ['read', 'load session'])
    assert.equal(read.parentSpanContext?.spanId, load.spanContext().spanId)
    assert.equal(read.attributes['db.system.name'], 'strongroom.memory')
    const took = read.duration[0] * 1000 + read.duration[1] / 1e6
    assert.ok(took >= 0 && took < 1000, `${took} ms`)

    const behind = await site(t, {
      store: cached({ durable: sqlite({ path: ':memory:' }), cache: memory({ evicts: true }) }),
    })
    const other = await behind.get('/login')
    behind.kit.spans()
    await behind.get('/read', other.cookie)
    const reads = behind.kit.spans().filter(({ name }) => name === 'read')
    assert.equal(reads.length, 1)
    assert.equal(reads[0]?.attributes['db.system.name'], 'strongroom.cached')
  })

  test('a load says what became of the cookie', async (t) => {
    const { get, kit, sessions } = await site(t, { store: memory() })
    const { cookie } = await get('/login')
    await get('/logout', cookie)
    kit.spans()
    await get('/read', cookie)
    assert.equal(only(kit.spans(), 'load session').attributes['strongroom.load.result'], 'absent')
    const old = await get('/login')
    const visit = sessions.open({ cookie: old.cookie })
    ;(await visit.get()).renew()
    await visit.commit()
    kit.spans()
    await get('/read', old.cookie)
    assert.equal(only(kit.spans(), 'load session').attributes['strongroom.load.result'], 'superseded')
  })

  test('the handle is on the spans as session.id if that is asked for, and nowhere otherwise', async (t) => {
    // Beside a listener, for whom handles are computed.
    const plain = await site(t, { store: memory(), sessions: { on: () => {} } })
    const { cookie } = await plain.get('/login')
    await plain.get('/read', cookie)
    assert.ok(plain.kit.spans().every(({ attributes }) => attributes['session.id'] === undefined))

    const { get, kit, sessions } = await site(t, { store: memory(), instrument: { sessionId: true } })
    const first = await get('/write')
    const visitor = (await sessions.read({ cookie: first.cookie })).handle
    assert.equal(only(kit.spans(), 'save session').attributes['session.id'], visitor)
    await get('/read', first.cookie)
    assert.equal(only(kit.spans(), 'load session').attributes['session.id'], visitor)
    const second = await get('/login', first.cookie)
    const { attributes } = only(kit.spans(), 'save session')
    assert.equal(attributes['session.id'], (await sessions.read({ cookie: second.cookie })).handle)
    assert.equal(attributes['session.previous_id'], visitor)
    assert.notEqual(attributes['session.id'], visitor)
  })

  test('a store that fails marks its spans with the code of its error, and with nothing of its message', async (t) => {
    const store = watched(memory())
    const { get, kit } = await site(t, { store: store.store })
    const { cookie } = await get('/login')
    kit.spans()
    store.before = () => {
      throw Object.assign(new Error(`connect ECONNREFUSED, key ${cookie}`), { code: 'ECONNREFUSED' })
    }
    assert.equal((await get('/read', cookie)).status, 503)
    const spans = kit.spans()
    for (const span of [only(spans, 'read'), only(spans, 'load session')]) {
      assert.equal(span.attributes['error.type'], 'ECONNREFUSED')
      assert.deepEqual(span.status, {
        code: SpanStatusCode.ERROR,
        message: 'The session store failed (ECONNREFUSED); its own error is the cause.',
      })
      assert.deepEqual(span.events, [])
    }
    store.before = () => {
      throw Object.assign(new TypeError(`of ${cookie}`), { name: `Odd ${cookie}` })
    }
    await get('/read', cookie)
    assert.equal(only(kit.spans(), 'read').attributes['error.type'], 'StoreError')
  })

  test('changes that are dropped mark the save', async (t) => {
    const store = watched(sqlite({ path: ':memory:' }))
    const { get, kit, sessions } = await site(t, { store: store.store })
    const { cookie } = await get('/login')
    kit.spans()
    let isFirst = true
    store.before = async (call) => {
      if (call !== 'update' || !isFirst) return
      isFirst = false
      await sessions.of('ada-lovelace').revokeAll()
    }
    await get('/write', cookie)
    const save = only(kit.spans(), 'save session')
    assert.equal(save.attributes['error.type'], 'SessionGoneError')
    assert.equal(save.status.code, SpanStatusCode.ERROR)
  })

  test('nothing is made outside of a span, unless that is asked for', async (t) => {
    const kit = sdk()
    const { sessions, stop } = await site(t, { store: memory(), kit })
    await sessionFor(sessions, { data: { theme: 'dark' } })
    assert.deepEqual(kit.spans(), [])
    stop()
    instrument(sessions, { tracerProvider: kit.tracerProvider, requireParentSpan: false })
    await sessionFor(sessions, { data: { theme: 'dark' } })
    assert.deepEqual(trees(kit), ['save session > create', 'save session'])
  })

  test('nothing is made of a request that is not sampled', async (t) => {
    const kit = sdk(new AlwaysOffSampler())
    let asked = 0
    const tracer = {
      startSpan: () => {
        asked++
        return trace.getTracer('none').startSpan('none')
      },
    }
    const tracerProvider = { getTracer: () => tracer } as never
    const { get } = await site(t, { store: memory(), kit, instrument: { tracerProvider } })
    const { cookie } = await get('/login')
    await get('/read', cookie)
    assert.equal(asked, 0)
    assert.deepEqual(kit.all(), [])
  })

  test('after stop() nothing is made, and another instrumentation of the same sessions goes on', async (t) => {
    const { get, kit, sessions, stop } = await site(t, { store: memory() })
    const other = sdk()
    const stopOther = instrument(sessions, { tracerProvider: other.tracerProvider, requireParentSpan: false })
    stop()
    await get('/write')
    assert.deepEqual(kit.spans(), [])
    assert.deepEqual(
      other.spans().map(({ name }) => name),
      ['create', 'save session'],
    )
    stopOther()
    await get('/write')
    assert.deepEqual(other.spans(), [])
  })

  test('two createSessions of one process are told apart by their namespace', async (t) => {
    const kit = sdk()
    const staff = createSessions({ store: memory(), secrets: secret('staff'), namespace: 'staff', seal: 'two-key' })
    instrument(staff, { tracerProvider: kit.tracerProvider })
    const { get } = await site(t, {
      store: memory(),
      kit,
      sessions: {
        credential: async () => {
          const visit = staff.open({})
          ;(await visit.get()).login('eve')
          await visit.commit()
          return 'hash'
        },
      },
    })
    await get('/login')
    const spans = kit.spans()
    const namespaces = spans
      .filter(({ name }) => name === 'save session')
      .map((span) => span.attributes['strongroom.namespace'])
    assert.deepEqual(namespaces.sort(), ['__Host-id', 'staff'])
    const stores = spans.filter(({ attributes }) => attributes['db.system.name'] !== undefined)
    assert.ok(stores.some(({ attributes }) => attributes['strongroom.namespace'] === 'staff'))
    assert.ok(stores.some(({ attributes }) => attributes['strongroom.namespace'] === '__Host-id'))
  })

  test('no token, id, user or data is in any span of a whole scenario', async (t) => {
    const store = watched(sqlite({ path: ':memory:' }))
    const { get, kit } = await site(t, { store: store.store, instrument: { sessionId: true } })
    const cookies: string[] = []
    let cookie = ''
    for (const path of ['/write', '/login', '/write', '/read', '/logout', '/read']) {
      ;({ cookie } = await get(path, cookie))
      cookies.push(cookie)
    }
    await get('/read', '__Host-id=made-up-by-somebody')
    const spans = kit.spans()
    assert.ok(spans.length > 12)
    const text = JSON.stringify(
      spans.map(({ name, attributes, events, links, status }) => ({ name, attributes, events, links, status })),
    )
    const values = cookies.map((one) => one.slice(one.indexOf('=') + 1)).filter((value) => value !== '')
    assert.ok(store.ids.size > 1 && values.length > 3)
    for (const hidden of [...values, ...store.ids, 'ada-lovelace', 'basket', 'a-cup-of-tea', 'made-up'])
      assert.ok(!text.includes(hidden), hidden)
  })

  test('wrong arguments are refused with words that help', () => {
    const sessions = createSessions({ store: memory(), secrets: secret('wrong') })
    assert.throws(() => instrument({} as never), ConfigError)
    assert.throws(() => instrument(sessions, { tracer: 1 } as never), /instrument\(\).*tracer.*tracerProvider/)
    assert.throws(() => instrument(sessions, { tracerProvider: {} as never }), /tracerProvider must be a provider/)
    assert.throws(() => instrument(sessions, { meterProvider: 1 as never }), /meterProvider must be a provider/)
    assert.throws(() => instrument(sessions, { sessionId: 'yes' as never }), ConfigError)
    assert.throws(() => instrument(sessions, { system: '' }), ConfigError)
  })
})

suite('the spans of strongroom/opentelemetry on Redis', { skip: redisNeed.skip }, () => {
  test('are those of a client, and say why it could not be asked', async (t) => {
    const server = await startRedis()
    t.after(() => server.stop())
    const { get, kit } = await site(t, { store: redis({ url: server.url }) })
    const { cookie } = await get('/write')
    await get('/read', cookie)
    const read = only(kit.spans(), 'read')
    assert.equal(read.kind, SpanKind.CLIENT)
    assert.deepEqual(read.attributes, {
      'db.system.name': 'redis',
      'db.operation.name': 'read',
      'strongroom.namespace': '__Host-id',
    })
    await Promise.all(Array.from({ length: 20 }, (_, i) => get(`/write?${i}`, cookie)))
    const traces = new Set(
      kit
        .spans()
        .filter(({ name }) => name === 'save session')
        .map((span) => span.spanContext().traceId),
    )
    assert.equal(traces.size, 20)
    await server.kill()
    assert.equal((await get('/read', cookie)).status, 503)
    const load = only(kit.spans(), 'load session')
    assert.equal(load.status.code, SpanStatusCode.ERROR)
    assert.match(`${load.attributes['error.type']}`, /^(?:E[A-Z]+|StoreError)$/)
  })
})
