import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { CookieEngine, Store } from '../../packages/strongroom/src/store.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import { act, closedWithin, type OpenConnection, TRANSPORTS } from './client.ts'
import { type AppNode, startNode } from './node.ts'

/** Asked for so often, an end elsewhere is noticed within this, and the time of one call. */
const EVERY = 300
/** The bound as documented, and what this machine may be busy with. */
const BOUND = EVERY + 2_000 + 5_000
/** For ends that nobody asks about: they are told. No timer of theirs fires within a test. */
const NEVER = '1h'

interface Subject {
  readonly skip?: string | false
  /** Returns what opens the store, once for each server of the application, and what removes it. */
  start(): Promise<{ open(): Store | CookieEngine; end(): Promise<void> }>
  /** Does the store report what others change? Then the interval does not matter. */
  readonly reports?: boolean
}

const inFolder = (open: (file: string) => Store): Subject => ({
  async start() {
    const folder = await mkdtemp(join(tmpdir(), 'strongroom-ws-'))
    return {
      open: () => open(join(folder, 'sessions.db')),
      end: async () => rmSync(folder, { recursive: true, force: true }),
    }
  },
})

const onRedis = (notify: boolean): Subject => ({
  skip: redisNeed.skip,
  reports: notify,
  async start() {
    const server = await startRedis({ appendfsync: 'no' })
    return { open: () => redis({ url: server.url, notify }), end: () => server.stop() }
  },
})

const onPostgres = (notify: boolean): Subject => ({
  skip: postgresNeed.skip,
  reports: notify,
  async start() {
    const server = await startPostgres()
    const first = postgres({ url: server.url })
    await first.schema.migrate()
    await first.close()
    return { open: () => postgres({ url: server.url, notify }), end: () => server.stop() }
  },
})

const SUBJECTS: Readonly<Record<string, Subject>> = {
  memory: {
    async start() {
      const store = memory()
      return { open: () => store, end: async () => {} }
    },
  },
  sqlite: inFolder((file) => sqlite(file)),
  'sqlite, with copies in memory': inFolder((file) =>
    cached({ durable: sqlite(file), cache: memory({ evicts: true }), maxAge: 60_000 }),
  ),
  redis: onRedis(false),
  'redis with notify': onRedis(true),
  postgres: onPostgres(false),
  'postgres with notify': onPostgres(true),
  'sealed cookies with revocations': {
    async start() {
      const revocations = memory()
      return { open: () => cookie({ revocations }), end: async () => {} }
    },
  },
}

for (const [engine, subject] of Object.entries(SUBJECTS))
  suite(`connections end with their sessions: ${engine}`, { skip: subject.skip || false, timeout: 120_000 }, () => {
    let here: AppNode
    let there: AppNode
    let quiet: AppNode
    let place: Awaited<ReturnType<Subject['start']>>
    const stores: Store[] = []
    const openStore = () => {
      const store = place.open()
      if (!('kind' in store)) stores.push(store)
      return store as Store
    }

    before(async () => {
      place = await subject.start()
      const every = subject.reports ? NEVER : EVERY
      const times = { every, maxUnknown: NEVER }
      ;[here, there, quiet] = await Promise.all([
        startNode({ store: openStore() }, times),
        startNode({ store: openStore() }, times),
        // Nothing is asked here: what closes a connection was told.
        startNode({ store: openStore() }, { every: NEVER, maxUnknown: NEVER }),
      ])
    })
    after(async () => {
      await Promise.all([here, there, quiet].map((node) => node?.close()))
      await Promise.all(stores.map((store) => store.close()))
      await place?.end()
    })

    async function connected(t: TestContext, node: AppNode, transport: string, userId = `ada ${engine} ${transport}`) {
      const visitor = await sessionFor(node.sessions, { userId })
      const connection = await TRANSPORTS[transport]?.(node.url, visitor.cookie)
      t.after(() => connection?.close())
      return { ...visitor, userId, connection: connection as OpenConnection }
    }

    /** Where the store reports changes, it may do so before this server's own end is told. */
    async function assertClosed(connection: OpenConnection, reason: string) {
      const closed = await closedWithin(BOUND, connection)
      assert.ok(closed.reason === reason || (subject.reports && closed.reason === 'ended'), closed.reason)
    }

    for (const transport of Object.keys(TRANSPORTS)) {
      test(`${transport}: a logout on the same server closes it immediately`, async (t) => {
        const { connection, cookie } = await connected(t, quiet, transport)
        await act(quiet.url, 'logout', cookie)
        await assertClosed(connection, 'logout')
      })

      test(`${transport}: revoke-all on the same server closes all of the user's, and nobody else's`, async (t) => {
        const [one, two] = [await connected(t, quiet, transport), await connected(t, quiet, transport)]
        const other = await connected(t, quiet, transport, 'grace')
        await quiet.sessions.of(one.userId).revokeAll()
        await assertClosed(one.connection, 'revoked')
        await assertClosed(two.connection, 'revoked')
        await act(quiet.url, 'logout', other.cookie)
        await assertClosed(other.connection, 'logout')
      })

      test(`${transport}: a login as another user closes it, and a renewal and a login of the same user do not`, async (t) => {
        const { connection, cookie } = await connected(t, here, transport)
        const renewed = await act(here.url, 'renew', cookie)
        assert.notEqual(renewed.cookie, cookie)
        const again = await act(here.url, 'again', renewed.cookie)
        assert.notEqual(again.cookie, renewed.cookie)
        await settled(there)
        await act(here.url, 'bob', again.cookie)
        await assertClosed(connection, 'login')
      })

      test(`${transport}: a logout on another server closes it within the bound`, async (t) => {
        const { connection, cookie } = await connected(t, here, transport)
        const { ms, reason } = await endElsewhere(connection, () => act(there.url, 'logout', cookie))
        assert.equal(reason, 'ended')
        assert.ok(ms < BOUND, `${ms}`)
      })

      test(`${transport}: a logout on another server after a renewal there closes it, too`, async (t) => {
        const { connection, cookie } = await connected(t, here, transport)
        const renewed = await act(there.url, 'renew', cookie)
        await settled(here)
        await act(there.url, 'logout', renewed.cookie)
        assert.equal((await closedWithin(BOUND, connection)).reason, 'ended')
      })

      test(`${transport}: revoke-all on another server closes it within the bound`, async (t) => {
        const { connection, userId } = await connected(t, here, transport)
        const { ms, reason } = await endElsewhere(connection, () => there.sessions.of(userId).revokeAll())
        assert.equal(reason, 'ended')
        assert.ok(ms < BOUND, `${ms}`)
      })
    }

    /** Ms from when the end was acknowledged. */
    async function endElsewhere(connection: OpenConnection, end: () => Promise<unknown>) {
      await end()
      return closedWithin(BOUND, connection)
    }

    /** When the server has asked for every session at least once since now, if it asks. */
    async function settled(node: AppNode): Promise<void> {
      const probe = await sessionFor(node.sessions, { userId: 'probe' })
      const elsewhere = node === here ? there : here
      const session = await node.sessions.read({ headers: { cookie: probe.cookie } })
      const { signal } = node.live.watch(session)
      await act(elsewhere.url, 'logout', probe.cookie)
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    }
  })
