import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { suite, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fastify } from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { parse } from 'yaml'
import { logEvents, requestLog } from '../../examples/pino.ts'
import { sessionMetrics } from '../../examples/prometheus.ts'
import { strongroom } from '../../packages/strongroom/src/adapters/fastify.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Listener } from '../../packages/strongroom/src/events.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { root } from '../../scripts/packages.ts'
import { secret } from '../core/fixtures/secret.ts'
import { eventTypes } from '../support/docs/events.ts'

/** The lines of a scrape that are numbers, by what stands before the number. */
const samples = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )

function scenario(on?: Listener) {
  const clock = manualClock()
  const store = watched(sqlite({ path: ':memory:', clock }))
  const options = { store: store.store, secrets: secret('recipes'), sweep: false, clock, on } as const
  const sessions = createSessions(options) as Sessions
  return { clock, store, sessions }
}

suite('the Prometheus recipe', () => {
  test('a scrape has what happened to sessions, by the conventions of Prometheus', async () => {
    const { clock, store, sessions } = scenario()
    const register = new Registry()
    const stop = sessionMetrics(sessions, register)
    const before = samples(await register.metrics())
    assert.equal(before['strongroom_session_events_total{type="storeError"}'], 0)
    assert.equal(before['strongroom_session_events_total{type="superseded"}'], 0)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    await sessionFor(sessions, { userId: 'ada' })
    await sessions.read({ cookie })
    await sessions.read({ cookie: '__Host-id=made-up' })
    await sessions.of('ada').revokeAll()
    await sessionFor(sessions, { data: { theme: 'dark' } })
    store.before = () => {
      throw new Error('down')
    }
    await assert.rejects(sessions.read({ cookie }))
    store.before = null
    clock.advance(24 * 3_600_000)
    const cleared = await sessions.clearExpired()

    const text = await register.metrics()
    const found = samples(text)
    assert.equal(found['strongroom_session_events_total{type="created"}'], 3)
    assert.equal(found['strongroom_session_events_total{type="storeError"}'], 1)
    assert.equal(found['strongroom_rejected_total{what="cookie",reason="malformed"}'], 1)
    assert.ok((found['strongroom_sessions_ended_total{reason="revoke-all"}'] ?? 0) >= 2)
    assert.equal(found.strongroom_sessions_cleared_total, cleared)
    assert.equal(found['strongroom_store_call_duration_seconds_count{method="read",result="failed"}'], 1)
    assert.ok((found['strongroom_store_call_duration_seconds_bucket{le="2.5",method="read",result="ok"}'] ?? 0) >= 1)
    assert.ok(Math.abs((found.strongroom_last_sweep_timestamp_seconds ?? 0) - Date.now() / 1000) < 60)
    assert.match(text, /^# TYPE strongroom_store_call_duration_seconds histogram$/m)
    for (const id of [...store.ids, cookie.slice(cookie.indexOf('=') + 1), 'ada']) assert.ok(!text.includes(id), id)

    stop()
    await sessionFor(sessions, { userId: 'ada' })
    assert.equal(samples(await register.metrics())['strongroom_session_events_total{type="created"}'], 3)
  })

  test('every metric and label that an alert asks for is in a scrape', async () => {
    const page = readFileSync(join(root, 'docs', 'telemetry.md'), 'utf8')
    const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
    const { groups } = parse(yaml) as { groups: { rules: { alert: string; expr: string }[] }[] }
    const rules = groups.flatMap(({ rules }) => rules)
    assert.ok(rules.length >= 5)
    const { sessions } = scenario()
    const register = new Registry()
    sessionMetrics(sessions, register)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    await sessions.read({ cookie: '__Host-id=made-up' })
    await sessions.read({ cookie })
    const text = await register.metrics()
    for (const alarm of ['reused', 'proofRefused', 'signal', 'guessing', 'anonymousRefused'])
      assert.ok(text.includes(`type="${alarm}"} 0\n`), `${alarm} begins at 0, so that its first time is an increase`)
    for (const { alert, expr } of rules) {
      const names = expr.match(/strongroom_\w+/g) ?? []
      assert.ok(names.length > 0, alert)
      for (const name of names) assert.ok(text.includes(`\n${name}`), `${alert}: ${name}`)
      for (const [, label] of expr.matchAll(/(\w+)=~?"/g)) assert.ok(text.includes(`${label}="`), `${alert}: ${label}`)
      for (const [, type] of expr.matchAll(/\btype="(\w+)"/g))
        assert.ok(text.includes(`type="${type}"`), `${alert}: ${type}`)
    }
  })
})

/** Fastify with the recipe of the page, logging to memory. */
async function logged(t: TestContext) {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of `${chunk}`.trim().split('\n')) lines.push(JSON.parse(line))
      done()
    },
  })
  const log = pino({ level: 'debug' }, stream)
  const { store, sessions } = scenario(logEvents(log))
  let requests = 0
  const app = fastify({ loggerInstance: log, genReqId: () => `request-${++requests}`, disableRequestLogging: true })
  app.addHook('onRequest', (request, _reply, done) => requestLog.run(request.log, done))
  app.register(strongroom(sessions))
  app.get('/login', async (request) => {
    ;(await sessions.get(request)).login('ada-lovelace')
    return 'hello'
  })
  app.get('/write', async (request) => {
    ;(await sessions.get(request)).set('basket', 'a-cup-of-tea')
    return 'kept'
  })
  app.get('/renew', async (request) => {
    ;(await sessions.get(request)).renew()
    return 'renewed'
  })
  app.get('/logout', async (request) => {
    ;(await sessions.get(request)).logout()
    return 'bye'
  })
  t.after(() => app.close())
  const get = async (url: string, cookie = '') => {
    const { cookies, statusCode } = await app.inject({ url, headers: cookie ? { cookie } : {} })
    const [set] = cookies
    return { status: statusCode, cookie: set?.value ? `${set.name}=${set.value}` : cookie }
  }
  return { get, lines, store, sessions }
}

suite('the pino recipe', () => {
  test('an event is logged with the logger of its request, at a level that says how much it matters', async (t) => {
    const { get, lines, sessions } = await logged(t)
    const { cookie } = await get('/login')
    await get('/write', cookie)
    await get('/write', '__Host-id=made-up-by-somebody')
    await sessions.clearExpired()
    const shown = lines.map(({ level, msg, reqId }) => [level, msg, reqId])
    assert.deepEqual(shown, [
      [30, 'session created', 'request-1'],
      [20, 'session loaded', 'request-2'],
      [20, 'session updated', 'request-2'],
      [40, 'session rejected', 'request-3'],
      [30, 'session created', 'request-3'],
      [30, 'session cleared', undefined],
    ])
    const [{ handle }] = (await sessions.of('ada-lovelace').list()) as never as [{ handle: string }]
    const first = lines[0]?.session as Record<string, unknown>
    assert.deepEqual([first.type, first.handle], ['created', handle])
  })

  test('every event has a level of its own, which is that of the page', () => {
    const page = readFileSync(join(root, 'docs', 'telemetry.md'), 'utf8')
    const rows = [...page.matchAll(/^\| (error|warn|info|debug) \| (.+) \|$/gm)]
    const said = rows.flatMap(([, level, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, type]) => `${type}: ${level}`),
    )
    const lines: string[] = []
    const levels = ['error', 'warn', 'info', 'debug'] as const
    const write = levels.map((level) => [level, (_: object, text: string) => lines.push(`${text}: ${level}`)])
    const listener = logEvents(Object.fromEntries(write) as Parameters<typeof logEvents>[0])
    for (const type of eventTypes()) listener({ type, error: new Error('down') } as Parameters<Listener>[0])
    assert.deepEqual(lines.toSorted(), said.map((line) => `session ${line}`).sort())
    for (const alarm of ['rejected', 'superseded', 'reused', 'proofRefused', 'signal', 'guessing', 'anonymousRefused'])
      assert.ok(lines.includes(`session ${alarm}: warn`), alarm)
  })

  test('parallel requests do not log with the logger of another one', async (t) => {
    const { get, lines, store } = await logged(t)
    store.before = () => new Promise(setImmediate)
    await Promise.all(Array.from({ length: 20 }, () => get('/write')))
    const created = lines.filter(({ msg }) => msg === 'session created')
    assert.equal(new Set(created.map(({ reqId }) => reqId)).size, 20)
  })

  test('no token, id, user or data is in any line of a whole scenario', async (t) => {
    const { get, lines, store } = await logged(t)
    const values: string[] = []
    let cookie = ''
    for (const path of ['/write', '/login', '/write', '/renew', '/write']) {
      const before = cookie
      ;({ cookie } = await get(path, cookie))
      values.push(cookie.slice(cookie.indexOf('=') + 1))
      if (path === '/renew') await get('/write', before)
    }
    // inject() does no I/O, and reads of one turn of the event loop are shared.
    await nextTurn()
    store.before = () => {
      throw Object.assign(new Error(`no answer for ${[...store.ids][0]}, of ada-lovelace`), { code: 'ECONNRESET' })
    }
    assert.equal((await get('/write', cookie)).status, 503)
    store.before = null
    await nextTurn()
    await get('/logout', cookie)
    await get('/write', cookie)
    const messages = lines.map(({ msg }) => msg)
    for (const type of ['created', 'renewed', 'superseded', 'storeError', 'revoked', 'absent'])
      assert.ok(messages.includes(`session ${type}`), `${type}: ${messages}`)
    const events = lines.filter(({ msg }) => `${msg}`.startsWith('session '))
    const text = JSON.stringify(events)
    assert.ok(store.ids.size > 1)
    for (const hidden of [...values, ...store.ids, 'ada-lovelace', 'basket', 'a-cup-of-tea'])
      assert.ok(!text.includes(hidden), hidden)
    const failure = lines.find(({ msg }) => msg === 'session storeError') as {
      level: number
      session: { error: object }
    }
    assert.equal(failure.level, 50)
    assert.deepEqual(failure.session.error, {
      type: 'StoreError',
      message: 'The session store failed (ECONNRESET); its own error is the cause.',
    })
  })
})
