import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import type { SealName } from '../../packages/strongroom/src/crypto/seal.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { HOUR } from '../../packages/strongroom/src/testing/store/entries.ts'
import { visitor } from '../core/fixtures/visitor.ts'
import type { Server } from '../servers/daemon.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { filesIn } from './fixtures/disk.ts'
import { openStore } from './fixtures/location.ts'
import { find, type Secret } from './fixtures/search.ts'
import { type Anything, sessionsOn } from './fixtures/site.ts'

interface Database {
  readonly name: string
  readonly skip: string | false
  start(): Promise<Server & { readonly url: string }>
  readonly engine: 'postgres' | 'mysql'
  /** The logs that it keeps by itself, by the names of their files. */
  readonly logs: Readonly<Record<string, RegExp>>
  /** How many rows the table has, and everything else that is done before the files are read. */
  rows(url: string): Promise<number>
}

const mariadb = (format: string): Database => ({
  name: `MariaDB, binlog_format ${format}`,
  skip: mariadbNeed.skip,
  engine: 'mysql',
  start: () => startMariadb({ 'log-bin': 'binlog', 'server-id': '1', 'binlog-format': format }),
  logs: { 'the redo log': /^data\/ib_logfile\d+$/, 'the binary log': /^data\/binlog\.\d+$/ },
  async rows(url) {
    const connection = await createConnection(url)
    try {
      const [rows] = await connection.query('SELECT COUNT(*) AS count FROM strongroom_sessions')
      return Number((rows as { count: number }[])[0]?.count)
    } finally {
      await connection.end()
    }
  },
})

const DATABASES: readonly Database[] = [
  {
    name: 'PostgreSQL',
    skip: postgresNeed.skip,
    engine: 'postgres',
    start: () => startPostgres(),
    logs: { 'the write-ahead log': /^data\/pg_wal\/[0-9A-F]{24}$/ },
    async rows(url) {
      const client = new Client({ connectionString: url })
      await client.connect()
      try {
        await client.query('VACUUM strongroom_sessions')
        await client.query('CHECKPOINT')
        const { rows } = await client.query('SELECT COUNT(*)::int AS count FROM strongroom_sessions')
        return rows[0].count
      } finally {
        await client.end()
      }
    },
  },
  mariadb('ROW'),
  mariadb('MIXED'),
]

const unique = (name: string) => `${name}-${randomBytes(8).toString('hex')}`

/** Sessions that have ended, and what was left of them removed: one by a logout, one at its deadline. */
async function ended(store: IndexedStore, clock: ReturnType<typeof manualClock>, seal?: SealName) {
  const sessions = sessionsOn(store, { sweep: false, clock, ...(seal && { seal }) })
  const [canary, user, label] = [unique('canary'), unique('user'), unique('label')]
  const cookies = new Set<string>()
  for (const how of ['logout', 'deadline']) {
    const guest = visitor<Anything>(sessions)
    await guest.visit((session) => session.set('data', canary))
    cookies.add(guest.cookie ?? '')
    await guest.visit((session) => session.login(user, { label }))
    cookies.add(guest.cookie ?? '')
    await guest.visit((session) => session.set('more', canary))
    if (how === 'logout') await guest.visit((session) => session.logout())
  }
  // Marks of the library live longer than sessions.
  clock.advance(10_000 * HOUR)
  await sessions.clearExpired()
  return { canary, user, label, cookies: [...cookies] }
}

const secretsOf = ({ canary, user, label, cookies }: Awaited<ReturnType<typeof ended>>): Secret[] => [
  ...Object.entries({ canary, user, label }),
  ...cookies.flatMap((cookie): Secret[] => [
    ['a cookie', cookie],
    ['a token', Buffer.from(cookie, 'base64url').subarray(22, 54)],
  ]),
]

for (const { name, skip, engine, start, logs, rows } of DATABASES)
  suite(`what ${name} has of sessions that have ended`, { skip }, () => {
    let server: Server & { readonly url: string }
    before(async () => {
      server = await start()
    })
    after(() => server.stop())

    test('is in its logs, where nobody can read it, unless it was never sealed', async (context) => {
      const clock = manualClock()
      const store = (await openStore({ engine, url: server.url }, { clock })) as IndexedStore
      try {
        const sealed = await ended(store, clock)
        const open = await ended(store, clock, 'none')
        assert.equal(await rows(server.url), 0)
        const files = filesIn(server.dir)
        assert.deepEqual(find(secretsOf(sealed), files), [])
        for (const [log, pattern] of Object.entries(logs)) {
          const own = new Map([...files].filter(([file]) => pattern.test(file)))
          assert.ok(own.size > 0, `${log} is not there`)
          const found = find(secretsOf(open), own).map(({ what }) => what)
          for (const what of ['canary', 'user']) assert.ok(found.includes(what), `without a seal, ${what} is in ${log}`)
        }
        const elsewhere = new Set(find(secretsOf(open), files).map(({ where }) => where))
        context.diagnostic(`without a seal, it was found in ${[...elsewhere].join(', ')}`)
      } finally {
        await store.close()
      }
    })
  })
