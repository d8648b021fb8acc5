import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import mysql from 'mysql2/promise'
import pg from 'pg'
import type { DjangoEngine } from '../../packages/django/src/engine.ts'
import { createDjangoSessions } from '../../packages/django/src/sessions.ts'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import type { Server } from '../servers/daemon.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { NOW, SECRET } from './peer.ts'
import { Visitor } from './visitor.ts'

interface Database {
  readonly name: string
  readonly skip: string | false
  start(): Promise<Server & { readonly url: string }>
  /** Runs one statement on a connection of its own. */
  run(url: string, sql: string): Promise<void>
  readonly ddl: string
  engine(url: string): DjangoEngine
  /** An engine with an existing client, and how to use and end that client. */
  given(url: string): { readonly engine: DjangoEngine; works(): Promise<unknown>; end(): Promise<void> }
}

const databases: readonly Database[] = [
  {
    name: 'PostgreSQL',
    skip: postgresNeed.skip,
    start: () => startPostgres(),
    ddl: 'CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL)',
    async run(url, sql) {
      const client = new pg.Client(url)
      await client.connect()
      await client.query(sql)
      await client.end()
    },
    engine: (url) => djangoPostgres({ url, timeout: 2000 }),
    given(url) {
      const pool = new pg.Pool({ connectionString: url })
      return {
        engine: djangoPostgres({ client: pool, timeout: 20_000 }),
        works: () => pool.query('SELECT 1'),
        end: () => pool.end(),
      }
    },
  },
  {
    name: 'MariaDB',
    skip: mariadbNeed.skip,
    start: () => startMariadb(),
    ddl: 'CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data longtext NOT NULL, expire_date datetime(6) NOT NULL)',
    async run(url, sql) {
      const client = await mysql.createConnection(url)
      await client.query(sql)
      await client.end()
    },
    engine: (url) => djangoMysql({ url, timeout: 2000 }),
    given(url) {
      // Settings that would change the format of rows if they were applied.
      const pool = mysql.createPool({
        uri: url,
        dateStrings: false,
        timezone: '+05:00',
        rowsAsArray: true,
        flags: ['-FOUND_ROWS'],
      })
      return {
        engine: djangoMysql({ client: pool, timeout: 20_000 }),
        works: () => pool.query('SELECT 1'),
        end: () => pool.end(),
      }
    },
  },
]

for (const database of databases)
  suite(`django_session during an outage: ${database.name}`, { skip: database.skip }, () => {
    let server: Server & { readonly url: string }
    const clock = manualClock(NOW)
    const sessionsOver = (store: DjangoEngine, storeTimeout: number | string = '3s') =>
      createDjangoSessions({ store, secretKey: SECRET, password: false, clock, storeTimeout })
    let sessions: ReturnType<typeof sessionsOver>
    const quiet = (error: Error) => {
      const all = `${error.message} ${(error.cause as Error | undefined)?.message} ${JSON.stringify(error.cause ?? '')}`
      return (error as { code?: string }).code === 'STRONGROOM_STORE' && !/kkkk|:1r31eq:|127\.0\.0\.1:\d+\//.test(all)
    }

    before(async () => {
      server = await database.start()
      sessions = sessionsOver(database.engine(server.url))
    })
    after(async () => {
      await sessions?.close()
      await server?.stop()
    })

    test('a missing table is an error that names manage.py migrate, and not a logout', async () => {
      const failed = (error: Error) => quiet(error) && /manage\.py migrate/.test(error.message)
      await assert.rejects(
        new Visitor(sessions, 'k'.repeat(32)).visit(() => undefined),
        failed,
      )
      await database.run(server.url, database.ddl)
    })

    test('a server that hangs, is killed and restarts gives errors in time, and then the same session', async () => {
      const visitor = new Visitor(sessions)
      await visitor.visit((session) => session.set('a', 1))
      server.pause()
      const began = performance.now()
      await assert.rejects(
        visitor.visit(() => undefined),
        quiet,
      )
      assert.ok(performance.now() - began < 5000)
      server.resume()
      await server.kill()
      await assert.rejects(
        visitor.visit(() => undefined),
        quiet,
      )
      await server.start()
      assert.equal(await visitor.visit((session) => session.get('a')), 1)
    })

    test('an existing client is used whatever its settings, and stays open', async () => {
      const { engine, works, end } = database.given(server.url)
      // A long limit, because the speed of a busy machine is not the question here.
      const own = sessionsOver(engine, '20s')
      const visitor = new Visitor(own)
      await visitor.visit((session) => session.set('n', 0))
      const same = () => new Visitor(own, visitor.cookie)
      await Promise.all(
        Array.from({ length: 30 }, () => same().visit((session) => session.update('n', (n) => Number(n) + 1))),
      )
      assert.equal(await visitor.visit((session) => session.get('n')), 30)
      assert.equal(await new Visitor(sessions, visitor.cookie).visit((session) => session.get('n')), 30)
      clock.advance(15 * 86_400_000)
      assert.equal(await visitor.visit((session) => session.has('n')), false)
      assert.ok((await own.clearExpired({ batch: 1 })) >= 1)
      clock.set(NOW)
      await own.close()
      await works()
      await end()
    })

    test('after close() every call is an error', async () => {
      const own = sessionsOver(database.engine(server.url))
      await own.close()
      await assert.rejects(
        new Visitor(own, 'k'.repeat(32)).visit(() => undefined),
        quiet,
      )
    })
  })
