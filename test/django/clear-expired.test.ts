import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import pg from 'pg'
import { sessionCodec } from '../../packages/django/src/session-data.ts'
import { Project } from '../cli/project.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { SECRET } from './peer.ts'

const DAY = 86_400_000
const CREATE =
  'CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL)'
const KEYS = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(32))

suite('clear-expired on the storage of a Django', () => {
  let project: Project
  before(() => {
    project = new Project()
  })
  after(() => project.remove())

  async function removesTwo(url: string, left: () => Promise<number> | number, env = {}): Promise<void> {
    const dry = await project.run(['clear-expired', '--store', url, '--dry-run'], { env })
    assert.deepEqual([dry.code, dry.out, dry.err], [0, '2 expired sessions. Nothing was removed.\n', ''])
    assert.equal(await left(), KEYS.length)
    const { code, out } = await project.run(['clearsessions', '--store', url, '--json', '--batch', '1'], { env })
    const { milliseconds: _, ...report } = JSON.parse(out)
    const engine = `django (${/^django\+(\w+?)(?:ql)?:/.exec(url)?.[1]})`
    assert.deepEqual([code, report], [0, { engine, dryRun: false, count: 2, complete: true }])
    assert.equal(await left(), KEYS.length - 2)
    const again = await project.run(['clear-expired', '--store', url], { env })
    assert.deepEqual([again.code, again.out], [0, 'Nothing has expired.\n'])
  }

  test('removes expired rows in SQLite', async () => {
    const database = new DatabaseSync(project.path('db.sqlite3'))
    database.exec(CREATE.replace('timestamptz', 'datetime'))
    for (const [i, key] of KEYS.entries())
      database
        .prepare('INSERT INTO django_session VALUES (?, ?, ?)')
        .run(key, 'x', `20${i < 2 ? 20 : 90}-01-01 00:00:00`)
    await removesTwo('django+sqlite:./db.sqlite3?timeZone=UTC', () =>
      Number(database.prepare('SELECT COUNT(*) AS n FROM django_session').get()?.n),
    )
    database.close()
  })

  for (const url of ['django+redis://127.0.0.1:1', 'django+redis-cache://127.0.0.1:1/1?keyPrefix=shop'])
    test(`has nothing to do on ${url}, and says so`, async () => {
      for (const more of [[], ['--dry-run']]) {
        const { code, out, err } = await project.run(['clear-expired', '--store', url, ...more])
        const said = "Nothing to do: Redis removes Django's expired sessions by itself.\n"
        assert.deepEqual([code, out, err], [0, said, ''])
      }
      const { code, out } = await project.run(['clear-expired', '--store', url, '--json'])
      const { count, complete } = JSON.parse(out)
      assert.deepEqual([code, count, complete], [0, 0, true])
    })

  test('removes expired rows in PostgreSQL', { skip: postgresNeed.skip }, async () => {
    const server = await startPostgres()
    const client = new pg.Client(server.url)
    try {
      await client.connect()
      await client.query(CREATE)
      for (const [i, key] of KEYS.entries())
        await client.query('INSERT INTO django_session VALUES ($1, $2, $3)', [key, 'x', `20${i < 2 ? 20 : 90}-01-01`])
      const count = async () => Number((await client.query('SELECT COUNT(*) AS n FROM django_session')).rows[0].n)
      await removesTwo(`django+${server.url}`, count)
    } finally {
      await client.end()
      await server.stop()
    }
  })

  test('removes expired session files, for which it needs Django’s key', async () => {
    const dir = project.path('django-sessions')
    mkdirSync(dir)
    const codec = sessionCodec({
      secretKey: SECRET,
      salt: 'django.contrib.sessions.SessionStore',
      legacy: false,
      maxSize: 10_000,
      clock: Date.now,
    })
    // The last one lasts longer than the site's default: only the data says so.
    for (const [key, json, age] of [
      [KEYS[0], '{}', 15 * DAY],
      [KEYS[1], '{"_session_expiry":60}', DAY],
      [KEYS[2], '{}', DAY],
      [KEYS[3], '{"_session_expiry":8640000}', 50 * DAY],
    ] as const) {
      const path = project.path('django-sessions', `sessionid${key}`)
      writeFileSync(path, codec.encode(json))
      utimesSync(path, (Date.now() - age) / 1000, (Date.now() - age) / 1000)
    }
    const url = 'django+file:./django-sessions'
    const left = () => readdirSync(dir).filter((name) => name.startsWith('sessionid')).length
    const without = await project.run(['clear-expired', '--store', url])
    assert.deepEqual([without.code, without.out, left()], [2, '', KEYS.length])
    assert.match(without.err, /^strongroom: [^\n]*set DJANGO_SECRET_KEY[^\n]*\n$/)
    await removesTwo(url, left, { DJANGO_SECRET_KEY: SECRET })
  })

  test('takes the URL from wherever --store may name it', async () => {
    const url = 'django+sqlite:./named.sqlite3?timeZone=UTC'
    const database = new DatabaseSync(project.path('named.sqlite3'))
    database.exec(CREATE.replace('timestamptz', 'datetime'))
    const insert = database.prepare("INSERT INTO django_session VALUES (?, 'x', '2020-01-01 00:00:00')")
    project.write('url.txt', `${url}\n`)
    for (const [args, options] of [
      [['--store', 'env:DJANGO_STORE'], { env: { DJANGO_STORE: ` ${url}\n` } }],
      [['--store', '@url.txt'], {}],
      [['--store', '-'], { input: `${url}\n` }],
      [[], { env: { STRONGROOM_STORE: url } }],
    ] as const) {
      insert.run(KEYS[0] as string)
      const { code, out, err } = await project.run(['clear-expired', '--json', ...args], options)
      assert.deepEqual([code, JSON.parse(out).count, err], [0, 1, ''], args.join(' '))
    }
    database.close()
  })

  test('a wrong URL is misuse, and creates nothing', async () => {
    for (const [url, message] of [
      ['django+sqlite:./none.sqlite3', /none\.sqlite3 does not exist, and nothing was created/],
      ['django+pigeon:x', /Unknown store URL\. Known: django\+sqlite:/],
      [
        'django+sqlite:./db.sqlite3?tabel=x',
        /The django\+sqlite: URL has an unknown option\. Did you mean "table"\? Known: /,
      ],
      ['django+sqlite:~/db.sqlite3', /write the whole path, as in django\+sqlite:\$HOME\//],
      ['django+sqlite:./none.sqlite3?cache=redis%3A%2F%2Fh', /none\.sqlite3 does not exist, and nothing was created/],
      ['django+sqlite:./db.sqlite3?cache=memcached%3A%2F%2Fh', /the URL of Django's cache on Redis, percent-encoded/],
      ['django+redis-cache://h/x', /The path of a Redis URL is the number of a database/],
    ] as const) {
      const { code, out, err } = await project.run(['clear-expired', '--store', url])
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, message)
    }
  })
})
