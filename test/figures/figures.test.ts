import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { Blocks } from '../../packages/strongroom/src/figures/blocks.ts'
import { Counter } from '../../packages/strongroom/src/figures/counter.ts'
import { type FiguresOptions, figures } from '../../packages/strongroom/src/figures/figures.ts'
import { bucketOf, type Histogram, percentile } from '../../packages/strongroom/src/figures/latency.ts'
import { emptyPoint } from '../../packages/strongroom/src/figures/point.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import { root } from '../../scripts/packages.ts'
import { eventTypes } from '../support/docs/events.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

function counted(t: TestContext, options: Partial<SessionsOptions> = {}, more: FiguresOptions = {}) {
  const clock = manualClock()
  const sessions = createSessions({
    store: memory({ clock }),
    secrets: randomBytes(32),
    clock,
    sweep: false,
    ...options,
  } as SessionsOptions) as Sessions
  const counting = figures(sessions, { clock, ...more })
  t.after(() => counting.close().catch(() => undefined))
  const request = async (
    cookie: string | null,
    work: (session: Awaited<ReturnType<typeof sessions.read>>) => unknown,
  ) => {
    const visit = sessions.open(cookie === null ? {} : { cookie })
    await work(await visit.get())
    const { setCookie } = await visit.commit()
    return setCookie?.split(';')[0] ?? cookie
  }
  return { clock, sessions, counting, request }
}

suite('figures', () => {
  test('what happens to sessions is counted, by reason', async (t) => {
    const { clock, sessions, counting, request } = counted(t)
    const guest = await request(null, (session) => session.set('basket', 1))
    const ada = await request(guest, (session) => session.login('ada'))
    await request(ada, (session) => session.set('basket', 2))
    await request(ada, () => {})
    const renewed = await request(ada, (session) => session.renew())
    await request(renewed, (session) => session.renew())
    await request(ada, () => {})
    const { cookie: second } = await sessionFor(sessions, { userId: 'ada' })
    await request(second, (session) => session.logout())
    await sessionFor(sessions, { userId: 'ada' })
    await sessions.revoke((await sessions.of('ada').list())[0]?.handle as string).catch(() => false)
    await request('__Host-id=made-up', () => {})
    clock.advance(13 * HOUR)
    await request((await sessionFor(sessions, { userId: 'eve' })).cookie, () => {})
    const { day } = await counting.snapshot()
    const { counts } = day.total
    assert.equal(counts.created, 4)
    assert.equal(counts.logins, 4)
    assert.equal(counts['ended.logout'], 1)
    assert.equal(counts['ended.revoke'], 1)
    assert.equal(counts.superseded, 1)
    assert.equal(counts['rejected.cookie'], 1)
    assert.equal(counts.updated, 1)
    assert.equal(counts.renewed, 3)
    assert.ok((counts.loaded ?? 0) >= 5)
    assert.ok((day.total.calls.create?.count ?? 0) >= 4)
  })

  test('visitors who are refused a session are counted', async (t) => {
    const { counting, sessions } = counted(t, { anonymous: { perMinute: 1 } })
    for (let visitor = 0; visitor < 3; visitor++) await sessionFor(sessions, { data: { basket: 1 } }).catch(() => null)
    assert.equal((await counting.snapshot()).hour.total.counts.anonymousRefused, 1)
  })

  test('every event is counted, by a name that is on the page', () => {
    const page = readFileSync(join(root, 'docs', 'figures.md'), 'utf8')
    const clock = manualClock()
    const counts = eventTypes().map((type) => {
      const found: string[] = []
      const counter = new Counter(clock, (_, { counts }) =>
        found.push(...Object.entries(counts).map(([name, count]) => `${name} ${count}`)),
      )
      const reason = type === 'expired' ? 'idle' : 'revoke'
      counter.event({ type, count: 7, reason, what: 'cookie' } as unknown as SessionEvent)
      counter.handOver(true)
      const [first = assert.fail(`${type} is not counted`)] = found
      assert.ok(page.includes(`\`${first.split(' ')[0]}\``), `${first} is not in docs/figures.md`)
      return first
    })
    for (const count of ['reused 1', 'proofsRefused 1', 'signals 1', 'guessing 1', 'bound 1', 'anonymousRefused 7'])
      assert.ok(counts.includes(count), `${count} is not in ${counts}`)
  })

  test('two createSessions of one process are counted apart', async (t) => {
    const [one, two] = [counted(t), counted(t)]
    await sessionFor(one.sessions, { userId: 'ada' })
    await sessionFor(one.sessions, { userId: 'ada' })
    await sessionFor(two.sessions, { userId: 'ada' })
    assert.equal((await one.counting.snapshot()).hour.total.counts.created, 2)
    assert.equal((await two.counting.snapshot()).hour.total.counts.created, 1)
  })

  test('each interval has what happened in it, and a series has all of them', async (t) => {
    const { clock, sessions, counting } = counted(t)
    clock.set(2_000_000_000_000 - (2_000_000_000_000 % HOUR))
    const began = clock()
    for (const count of [1, 0, 3]) {
      for (let n = 0; n < count; n++) await sessionFor(sessions, { userId: 'ada' })
      clock.advance(10_000)
    }
    const { hour, day, month } = await counting.snapshot()
    assert.deepEqual([hour.points.length, day.points.length, month.points.length], [360, 288, 720])
    const created = ({ points }: typeof hour) =>
      points.filter(({ at }) => at >= began).map(({ counts }) => counts.created ?? 0)
    assert.deepEqual(created(hour), [1, 0, 3, 0])
    assert.deepEqual([created(day), created(month)], [[4], [4]])
    clock.advance(HOUR)
    const later = await counting.snapshot()
    assert.deepEqual([later.hour.total.counts.created, later.day.total.counts.created], [undefined, 4])
    clock.advance(31 * 24 * HOUR)
    assert.equal((await counting.snapshot()).month.total.counts.created, undefined)
  })

  test('what is held in memory does not grow with time', async (t) => {
    const { clock, sessions, counting } = counted(t, {}, { every: false })
    for (let day = 0; day < 70; day++) {
      await sessionFor(sessions, { userId: 'ada' })
      await counting.flush()
      clock.advance(24 * HOUR)
    }
    const { month } = await counting.snapshot()
    assert.equal(month.total.counts.created, 29)
    const blocks = new Blocks()
    for (let at = 0; at < 100 * 24 * HOUR; at += 10 * MINUTE) {
      blocks.add(at, emptyPoint())
      blocks.prune(at)
    }
    // Of 30 days by two days, one day by four hours, and one hour by ten minutes; and the one of each that is about to go.
    assert.ok(blocks.take().length <= 16 + 8 + 8)
  })

  test('what is held in memory does not grow with time where nobody ever flushes, as with every: false', () => {
    const blocks = new Blocks()
    for (let at = 0; at < 100 * 24 * HOUR; at += 10 * MINUTE) blocks.add(at, emptyPoint())
    assert.ok(blocks.take().length <= 16 + 8 + 8)
  })

  test('a snapshot survives JSON, and contains no user, handle, id or token', async (t) => {
    const { counting, sessions, request } = counted(t)
    const { cookie, handle } = await sessionFor(sessions, { userId: 'ada-lovelace' })
    await request(cookie, (session) => session.set('x', 1))
    const snapshot = await counting.snapshot()
    const text = JSON.stringify(snapshot)
    assert.deepEqual(JSON.parse(text), snapshot)
    for (const secret of ['ada-lovelace', handle, cookie.slice(10)]) assert.ok(!text.includes(secret))
  })

  test('calls of the store are timed by method, and those that failed are counted', async (t) => {
    const clock = manualClock()
    const watch = watched(memory({ clock }))
    const { sessions, counting, request } = counted(t, { store: watch.store, seal: 'two-key', clock })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    for (let n = 0; n < 10; n++) {
      // Reads of one turn of the event loop are one.
      await setImmediate()
      await request(cookie, () => {})
    }
    await setImmediate()
    watch.before = () => {
      throw new Error('down')
    }
    await assert.rejects(request(cookie, () => {}))
    const { calls, counts } = (await counting.snapshot()).hour.total
    assert.equal(calls.read?.failed, 1)
    assert.equal(counts.storeErrors, 1)
    assert.ok((calls.read?.count ?? 0) >= 11)
    assert.ok((calls.read?.p50 as number) <= (calls.read?.p95 as number))
    assert.ok((calls.read?.p95 as number) <= (calls.read?.p99 as number))
  })

  test('a percentile is right to 9 %, whatever was measured', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.02, max: 50_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.95, 0.99),
        (times, share) => {
          const histogram: Histogram = {}
          for (const ms of times) histogram[bucketOf(ms)] = (histogram[bucketOf(ms)] ?? 0) + 1
          const sorted = [...times].sort((a, b) => a - b)
          const exact = sorted[Math.ceil(share * sorted.length) - 1] as number
          const found = percentile(histogram, share) as number
          assert.ok(Math.abs(found / exact - 1) < 0.1, `${found} for ${exact}`)
        },
      ),
    )
    assert.equal(percentile({}, 0.5), null)
    for (const ms of [0, -1, Number.NaN]) assert.equal(bucketOf(ms), 0)
    assert.equal(bucketOf(Number.POSITIVE_INFINITY), 95)
  })

  test('after close, nothing is counted, and a listener is asked for no handles', async (t) => {
    const { sessions, counting } = counted(t)
    await sessionFor(sessions, { userId: 'ada' })
    await counting.close()
    await sessionFor(sessions, { userId: 'ada' })
    assert.equal((await counting.snapshot()).hour.total.counts.created, 1)
  })

  test('several figures of the same sessions count the same, and end each for itself', async (t) => {
    const { clock, sessions, counting } = counted(t)
    const other = figures(sessions, { clock })
    await sessionFor(sessions, { userId: 'ada' })
    await counting.close()
    await sessionFor(sessions, { userId: 'ada' })
    const { counts, calls } = (await other.snapshot()).hour.total
    assert.deepEqual([counts.created, calls.create?.count], [2, 2 + 1])
    assert.equal((await counting.snapshot()).hour.total.calls.create?.count, 1 + 1)
    await other.close()
    await sessionFor(sessions, { userId: 'ada' })
    assert.equal((await other.snapshot()).hour.total.calls.create?.count, 3)
  })

  test('sessions in cookies are counted, too', async (t) => {
    const { sessions, counting, request } = counted(t, { store: cookie() })
    const { cookie: ada } = await sessionFor(sessions, { userId: 'ada' })
    await request(ada, (session) => session.logout())
    const { history, stored, hour } = await counting.snapshot()
    await counting.flush()
    assert.deepEqual([history, stored], ['process', null])
    assert.deepEqual([hour.total.counts.created, hour.total.counts['ended.logout']], [1, 1])
  })

  test('what is stored is counted exactly where that is cheap', async (t) => {
    const { clock, sessions, counting } = counted(t)
    for (let n = 0; n < 5; n++) await sessionFor(sessions, { data: { n } })
    await counting.flush()
    assert.deepEqual((await counting.snapshot()).stored?.live, { count: 5, is: 'exact' })
    clock.advance(HOUR)
    await sessionFor(sessions, { data: { n: 6 } })
    await counting.flush()
    const { stored, hour } = await counting.snapshot()
    assert.deepEqual([stored?.live?.count, stored?.expired], [1, { count: 5, is: 'exact' }])
    assert.deepEqual([hour.total.live, hour.total.expired], [1, 5])
  })

  test('what is stored is what was seen before while somebody looks again, and unknown when that fails', async (t) => {
    const watch = watched(memory())
    let looking: () => Promise<unknown> = async () => undefined
    const clearExpired = () => looking().then(() => 0)
    const store = { ...watch.store, clearExpired }
    const { sessions, counting } = counted(t, { store: store as never })
    await sessionFor(sessions, { userId: 'ada' })
    await counting.flush()
    const before = (await counting.snapshot()).stored?.live?.count
    assert.ok(before)
    let seen: number | undefined
    looking = async () => {
      seen = (await counting.snapshot()).stored?.live?.count
    }
    await counting.flush()
    assert.equal(seen, before)
    looking = () => Promise.reject(new Error('down'))
    await assert.rejects(counting.flush())
    assert.equal((await counting.snapshot()).stored, null)
  })

  test('a large store is counted up to a bound, and the figure says so', async (t) => {
    const counts = sqlite({ path: ':memory:' })
    t.after(() => counts.close())
    // One that can only be walked.
    const { store } = watched(counts)
    const { sessions, counting } = counted(t, { store: store as never, clock: Date.now }, { clock: Date.now })
    const now = Date.now()
    const entry = { bytes: Buffer.from('x'), expiresAt: now + HOUR, owner: null, label: null, createdAt: now }
    for (let n = 0; n < 10_500; n++) await store.create(n.toString(16).padStart(64, '0') as never, entry)
    await counting.flush()
    const { stored } = await counting.snapshot()
    assert.deepEqual(stored?.live, { count: 10_000, is: 'at least' })
    await sessions.close()
  })

  test('where more have expired than are counted, what is live is an upper bound, and no exact number', async (t) => {
    const clock = manualClock()
    const store = memory({ clock })
    const { sessions, counting } = counted(t, { store, clock }, { clock })
    const now = clock()
    const entry = { bytes: Buffer.from('x'), expiresAt: now + 1000, owner: null, label: null, createdAt: now }
    for (let n = 0; n < 25_000; n++) await store.create(n.toString(16).padStart(64, '0') as never, entry)
    clock.advance(1000)
    await sessionFor(sessions, { data: { n: 1 } })
    await counting.flush()
    const { live, expired } = (await counting.snapshot()).stored ?? assert.fail()
    assert.equal(expired?.is, 'at least')
    assert.deepEqual(live, { count: 25_001 - expired.count, is: 'at most' })
  })

  test('wrong options are refused', () => {
    const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
    assert.throws(() => figures(undefined as never), ConfigError)
    assert.throws(() => figures(sessions, { every: 10 }), /every must be at least/)
    assert.throws(() => figures(sessions, { interval: '1m' } as never), /Known: every, calls, readOnly, clock/)
    assert.throws(() => figures(sessions, { clock: 5 as never }), /clock/)
  })
})
