import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, afterEach, before, suite, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { djangoCookies } from '../../packages/django/src/engine.ts'
import { django as djangoSource } from '../../packages/django/src/source.ts'
import { djangoFiles } from '../../packages/django/src/stores/files.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import type { AdoptionSource } from '../../packages/strongroom/src/adoption/source.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore } from '../../packages/strongroom/src/store.ts'
import { main } from '../cli/project.ts'
import { rows } from '../core/fixtures/other-framework.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { need } from '../support/need.ts'
import { Django, djangoNeed, SECRET } from './peer.ts'

const OURS = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const DAY = 86_400_000
const until = new Date(Date.now() + 30 * DAY)
const PASSWORD = 'pbkdf2 of user '

type Sessions = ReturnType<typeof sessionsOn>

const sessionsOn = (store: IndexedStore, source: AdoptionSource, namespace?: string) =>
  createSessions({ store, secrets: OURS, sweep: false, adoptFrom: source, storeTimeout: '10s', namespace })

/** A browser that stores the cookies of both. */
class Browser {
  readonly jar = new Map<string, string>()

  constructor(key: string) {
    this.jar.set('sessionid', key)
  }

  async visit<T>(
    sessions: Sessions,
    work: (session: Awaited<ReturnType<ReturnType<Sessions['open']>['get']>>) => T,
  ): Promise<T> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const visit = sessions.open({ cookie })
    const result = work(await visit.get())
    const { setCookie, clearCookies = [] } = await visit.commit()
    for (const line of setCookie === null ? clearCookies : [...clearCookies, setCookie]) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '' || /max-age=0\b/i.test(line)) this.jar.delete(name)
      else this.jar.set(name, value)
    }
    return result
  }
}

const who = ({ userId }: { userId: string | null }) => userId
const folder = () => mkdtempSync(join(tmpdir(), 'strongroom-move-'))

interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs `strongroom move`. It is killed when `kill` resolves. */
async function move(
  args: readonly string[],
  { env = {}, kill }: { env?: object; kill?: Promise<unknown> } = {},
): Promise<Run> {
  const flags = ['--disable-warning=ExperimentalWarning', main, 'move', ...args]
  const child = spawn(process.execPath, flags, {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH, STRONGROOM_SECRETS: OURS, DJANGO_SECRET_KEY: SECRET, ...env },
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    err += data
  })
  kill?.then(() => child.kill('SIGKILL'))
  await once(child, 'close')
  assert.doesNotMatch(out + err, new RegExp(`${SECRET}|${OURS}|pbkdf2`))
  return { code: child.exitCode, out, err }
}

interface Setup {
  readonly django: Django
  readonly url: string
  engine(): ReturnType<typeof djangoSqlite>
  ours(): IndexedStore
  readonly oursUrl: string
  sql(text: string, values?: readonly string[]): Promise<readonly Record<string, unknown>[]>
  stop(): Promise<void>
}

async function onSqlite(): Promise<Setup> {
  const dir = folder()
  const path = join(dir, 'db.sqlite3')
  const django = await Django.start({ DATABASES: { default: { ENGINE: 'django.db.backends.sqlite3', NAME: path } } })
  await django.ask('migrate')
  const database = new DatabaseSync(path, { timeout: 5000 })
  const ours = join(dir, 'ours.db')
  return {
    ...{ django, url: `django+sqlite:${path}?timeZone=UTC`, oursUrl: `sqlite:${ours}` },
    engine: () => djangoSqlite({ path, timeout: 10_000 }),
    ours: () => sqlite({ path: ours, timeout: 10_000 }),
    sql: async (text, values = []) => database.prepare(text.replace(/\$\d/g, '?')).all(...values) as never,
    async stop() {
      database.close()
      await django.stop()
      rmSync(dir, { recursive: true })
    },
  }
}

async function onPostgres(): Promise<Setup> {
  const server = await startPostgres()
  const django = await Django.start({
    DATABASES: {
      default: {
        ...{ ENGINE: 'django.db.backends.postgresql', NAME: 'postgres', USER: 'strongroom' },
        ...{ HOST: '127.0.0.1', PORT: server.port },
      },
    },
  })
  await django.ask('migrate')
  const pool = new pg.Pool({ connectionString: server.url, max: 4 })
  const first = postgres(server.url)
  await first.schema?.migrate()
  await first.close()
  return {
    ...{ django, url: `django+${server.url}`, oursUrl: server.url },
    engine: () => djangoPostgres(server.url),
    ours: () => postgres(server.url),
    sql: async (text, values = []) => (await pool.query(text, [...values])).rows,
    async stop() {
      await pool.end()
      await django.stop()
      await server.stop()
    },
  }
}

const setups = [
  { name: 'SQLite', skip: djangoNeed.skip, start: onSqlite },
  {
    name: 'PostgreSQL',
    skip: djangoNeed.skip || postgresNeed.skip || need('psycopg2').skip,
    start: onPostgres,
  },
]

for (const { name, skip, start } of setups)
  suite(`from Django on ${name}`, { skip }, () => {
    let setup: Setup
    let password: (id: string) => Promise<string | null>
    const opened: { close(): Promise<void> }[] = []
    before(async () => {
      setup = await start()
      for (const id of ['1', '2'])
        await setup.sql(
          `INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) VALUES (${id}, '${PASSWORD}${id}', false, 'user${id}', '', '', '', false, true, '2023-11-14')`,
        )
      password = async (id) => {
        const [row] = await setup.sql('SELECT password FROM auth_user WHERE id = $1', [id])
        return row ? String(row.password) : null
      }
    })
    // After each test, because together their pools come close to the connection limit of PostgreSQL.
    afterEach(async () => {
      for (const each of opened.splice(0)) await each.close()
    })
    after(() => setup?.stop())

    const open = (change: { until?: Date } = {}) => {
      const store = setup.ours()
      const source = djangoSource({ store: setup.engine(), secretKey: SECRET, password, until, ...change })
      const sessions = sessionsOn(store, source)
      opened.push(sessions, store)
      return sessions
    }
    const openMoved = (namespace?: string) => {
      const store = setup.ours()
      opened.push(store)
      return sessionsOn(store, djangoSource({ until }), namespace)
    }
    const signIn = (data: object = { basket: 3 }, user = '1'): Promise<string> =>
      setup.django.ask('put', ['db', JSON.stringify(data)], { user, password: `${PASSWORD}${user}` })
    const atDjango = (key: string) => setup.django.ask('see', ['db', key])

    test('a user who is signed in to Django is signed in here with the same data, and gets a new cookie', async () => {
      const sessions = open()
      const key = await signIn({ basket: ['é 🐍'], n: 1.5 })
      const browser = new Browser(key)
      assert.deepEqual(
        await browser.visit(sessions, (session) => [session.userId, session.get('basket'), session.get('n')]),
        ['1', ['é 🐍'], 1.5],
      )
      assert.deepEqual([...browser.jar.keys()], ['__Host-id'])
      assert.equal(await atDjango(key), null)
      assert.equal(await browser.visit(sessions, who), '1')
    })

    test('twenty concurrent first requests to two nodes lead to one session', async () => {
      const nodes = [open(), open()]
      const key = await signIn()
      const handles = await Promise.all(
        Array.from({ length: 20 }, (_, i) => new Browser(key).visit(nodes[i % 2] as Sessions, ({ handle }) => handle)),
      )
      assert.equal(new Set(handles).size, 1)
      assert.notEqual(handles[0], null)
    })

    test('a logout here is final on both sides, also for copies of either cookie', async () => {
      const sessions = open()
      const key = await signIn()
      const [browser, thief] = [new Browser(key), new Browser(key)]
      await browser.visit(sessions, who)
      const copy = new Browser('')
      for (const [cookie, value] of browser.jar) copy.jar.set(cookie, value)
      await browser.visit(sessions, (session) => session.logout())
      assert.equal(browser.jar.size, 0)
      for (const each of [thief, copy]) assert.equal(await each.visit(sessions, who), null)
      assert.equal(await atDjango(key), null)
    })

    test('a logout at Django before the first visit here is effective here', async () => {
      const key = await signIn()
      await setup.django.ask('flush', ['db', key])
      assert.equal(await new Browser(key).visit(open(), who), null)
    })

    test('a password change at Django ends the user’s sessions here, too', async () => {
      const sessions = open()
      const key = await signIn({}, '2')
      await setup.sql(`UPDATE auth_user SET password = 'another' WHERE id = 2`)
      assert.equal(await new Browser(key).visit(sessions, who), null)
      await setup.sql(`UPDATE auth_user SET password = '${PASSWORD}2' WHERE id = 2`)
      assert.equal(await new Browser(key).visit(sessions, who), '2')
    })

    test('after the end date, a cookie of Django is ignored', async () => {
      const key = await signIn()
      assert.equal(await new Browser(key).visit(open({ until: new Date(Date.now() - 1) }), who), null)
      assert.notEqual(await atDjango(key), null)
    })

    test('a row that was altered or signed with another key is not adopted', async () => {
      const key = await signIn()
      await setup.sql(`UPDATE django_session SET session_data = 'x' || session_data WHERE session_key = $1`, [key])
      assert.equal(await new Browser(key).visit(open(), who), null)
      await setup.sql('DELETE FROM django_session WHERE session_key = $1', [key])
    })

    test('strongroom move skips what Django would refuse, says so, and leaves Django’s rows alone', async () => {
      await setup.sql('DELETE FROM django_session')
      const [good, altered, stale] = [await signIn(), await signIn(), await signIn({}, '2')]
      await setup.sql(`UPDATE django_session SET session_data = 'x' || session_data WHERE session_key = $1`, [altered])
      await setup.sql(`UPDATE auth_user SET password = 'another' WHERE id = 2`)
      const dry = await move(['--from', setup.url, '--to', setup.oursUrl, '--dry-run', '--json'])
      assert.deepEqual([JSON.parse(dry.out).moved, JSON.parse(dry.out).unreadable, dry.code], [1, 1, 1])
      const { code, out, err } = await move(['--from', setup.url, '--to', setup.oursUrl, '--json'])
      const { moved, compared, unreadable, signedOut } = JSON.parse(out)
      assert.deepEqual([moved, compared, unreadable, signedOut, code], [1, 1, 1, 1, 1], err)
      assert.match(err, /Not moved: 1 session not signed with DJANGO_SECRET_KEY or its fallbacks\./)
      await setup.sql(`UPDATE auth_user SET password = '${PASSWORD}2' WHERE id = 2`)
      const sessions = openMoved()
      assert.equal(await new Browser(good).visit(sessions, who), '1')
      for (const key of [altered, stale]) assert.equal(await new Browser(key).visit(sessions, who), null)
      assert.equal((await setup.sql('SELECT session_key FROM django_session')).length, 3)
    })

    test('strongroom move moves into the namespace that is named, and says which one if none is', async () => {
      await setup.sql('DELETE FROM django_session')
      const key = await signIn()
      const args = ['--from', setup.url, '--to', setup.oursUrl, '--json']
      const { code, err } = await move([...args, '--namespace', 'shop'])
      assert.deepEqual([code, err], [0, ''])
      assert.equal(await new Browser(key).visit(openMoved(), who), null)
      assert.equal(await new Browser(key).visit(openMoved('shop'), who), '1')
      const { err: noted } = await move([...args, '--dry-run'])
      assert.equal(noted, 'strongroom: in the namespace __Host-id; --namespace names another.\n')
    })

    if (name === 'SQLite')
      test('strongroom move prints the store’s error for a session that it refused, and moves that session the next time', async () => {
        await setup.sql('DELETE FROM django_session')
        await signIn()
        await signIn({ text: 'x'.repeat(20_000) })
        const args = ['--from', setup.url, '--to', setup.oursUrl, '--namespace', '__Host-id', '--json']
        const database = new DatabaseSync(setup.oursUrl.slice('sqlite:'.length), { timeout: 5000 })
        database.exec(`CREATE TRIGGER small BEFORE INSERT ON strongroom_sessions WHEN length(NEW.payload) > 10000
          BEGIN SELECT RAISE(ABORT, 'too large'); END`)
        const first = await move(args)
        database.exec('DROP TRIGGER small')
        database.close()
        const { moved, failed, firstError } = JSON.parse(first.out)
        assert.deepEqual(
          [moved, failed, firstError, first.code],
          [1, 1, 'A call to the session database failed. The cause says why.', 1],
        )
        assert.equal(
          first.err,
          'strongroom: Not moved: 1 session for which a store did not respond. The session could not be stored: A call to the session database failed: too large. Running it again will not help until that is mended.\n',
        )
        const { out, code } = await move(args)
        const second = JSON.parse(out)
        assert.deepEqual([second.moved, second.existing, second.failed, second.firstError, code], [1, 1, 0, null, 0])
      })

    for (const end of [false, true])
      test(`three hundred sessions move${end ? ', and end at Django,' : ''} during traffic and across a crash, and nobody is logged out`, async () => {
        await setup.sql('DELETE FROM django_session')
        const data = fc.sample(
          fc.dictionary(fc.stringMatching(/^[a-z]\w{0,8}$/), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 }),
          {
            numRuns: 300,
            seed: 42,
          },
        )
        const keys: string[] = []
        for (const each of data) keys.push(await signIn({ ...each, me: keys.length }))
        const nodes = [open(), open()]
        const browsers = keys.map((key) => new Browser(key))
        const seen = async (i: number, sessions: Sessions) => {
          const mine = await (browsers[i] as Browser).visit(sessions, (session) => {
            session.set('seen' as never, 1 as never)
            return [session.userId, session.get('me')]
          })
          assert.deepEqual(mine, ['1', i])
        }
        const args = ['--from', setup.url, '--to', setup.oursUrl, '--page', '7']
        if (end) args.push('--delete', '--namespace', '__Host-id')
        const ours = setup.ours()
        opened.push(ours)
        // Copies are no sessions yet.
        const stored = async () => (await rows(ours)).length
        const begun = async (count: number) => {
          for (let i = 0; i < 100_000 && (await stored()) === count; i++) await new Promise(setImmediate)
        }
        const cut = await move([...args, '--page', '1'], { kill: begun(await stored()) })
        assert.equal(cut.code, null)
        let busy = true
        const clients = Array.from({ length: 4 }, async (_, client) => {
          // Each client has its own browsers. A third of them make no request before the move is over.
          for (let at = client; busy; at = (at + 4) % 200) {
            await seen(at, nodes[at % 2] as Sessions)
            // SQLite is synchronous: without a turn of the event loop, nothing else would run.
            await new Promise(setImmediate)
          }
        })
        const traffic = Promise.all(clients)
        try {
          const { code, out, err } = await move([...args, '--json'])
          assert.equal(code, 0, err)
          const { failed, unreadable, signedOut, tooLarge } = JSON.parse(out)
          assert.deepEqual([failed, unreadable, signedOut, tooLarge], [0, 0, 0, 0])
        } finally {
          busy = false
          await traffic
        }
        if (end) assert.equal((await setup.sql('SELECT session_key FROM django_session')).length, 0)
        // From here on, Django is no longer read.
        const sessions = openMoved()
        for (let i = 0; i < 300; i++) await seen(i, sessions)
        const again = browsers[299] as Browser
        for (const [key, value] of Object.entries(data[299] ?? {}))
          assert.deepEqual(
            await again.visit(sessions, (session) => session.get(key)),
            JSON.parse(JSON.stringify(value)),
          )
        await again.visit(sessions, (session) => session.logout())
        assert.equal(await new Browser(keys[299] as string).visit(sessions, who), null)
      })
  })

suite('django()', { skip: djangoNeed.skip }, () => {
  let django: Django
  const dir = folder()
  before(async () => {
    django = await Django.start({
      SESSION_FILE_PATH: dir,
      DATABASES: { default: { ENGINE: 'django.db.backends.sqlite3', NAME: ':memory:' } },
    })
  })
  after(async () => {
    await django?.stop()
    rmSync(dir, { recursive: true })
  })

  for (const [name, backend, engine] of [
    ['session files', 'file', () => djangoFiles(dir)],
    ['signed cookies', 'signed_cookies', djangoCookies],
  ] as const)
    test(`django() adopts ${name} once`, async () => {
      const store = sqlite(':memory:')
      const password = () => PASSWORD
      const sessions = sessionsOn(store, djangoSource({ store: engine(), secretKey: SECRET, password, until }))
      const key: string = await django.ask('put', [backend, '{"a":1}'], { user: '7', password: PASSWORD })
      const browser = new Browser(key)
      assert.deepEqual(await browser.visit(sessions, (session) => [session.userId, session.get('a')]), ['7', 1])
      await browser.visit(sessions, (session) => session.logout())
      // Django cannot end a signed cookie. Here it no longer works.
      assert.equal(await new Browser(key).visit(sessions, who), null)
      await store.close()
    })

  test('a session that ends with the browser at Django does so here, too', async () => {
    const store = sqlite(':memory:')
    const sessions = sessionsOn(
      store,
      djangoSource({ store: djangoFiles(dir), secretKey: SECRET, password: false, until }),
    )
    for (const [expiry, lasts] of [
      [0, false],
      [3600, true],
    ] as const) {
      const key = await django.ask('put', ['file', '{}'], { user: '7', password: PASSWORD, expiry })
      const visit = sessions.open({ cookie: `sessionid=${key}` })
      await visit.get()
      assert.equal(/max-age=3[56]\d\d\b/i.test((await visit.commit()).setCookie ?? ''), lasts)
    }
    await store.close()
  })

  test('wrong options of django() are refused', () => {
    const good = { store: djangoFiles(dir), secretKey: SECRET, password: false as const, until }
    for (const options of [
      { ...good, password: undefined },
      { ...good, secretkey: 'x' },
      { ...good, store: {} },
      { until, secretKey: SECRET },
    ])
      assert.throws(() => djangoSource(options as never), ConfigError)
  })

  test('strongroom move from Django reports wrong use with one line and exit code 2', async () => {
    const to = `sqlite:${join(dir, 'never.db')}`
    const from = `django+file:${dir}`
    const cases = [
      [['--from', from, '--to', to], {}, /say where Django's users are, with --users/],
      [['--from', from, '--to', to], { DJANGO_SECRET_KEY: '' }, /Set DJANGO_SECRET_KEY/],
      [['--from', from, '--to', to], { STRONGROOM_SECRETS: '' }, /set STRONGROOM_SECRETS/],
      [['--from', 'django+pigeon:x', '--to', to], {}, /Unknown store URL\. Known: django\+sqlite:/],
      [['--from', `django+sqlite:${dir}/none`, '--to', to], {}, /none does not exist, and nothing was created/],
      [['--from', from, '--to', from], {}, /--to must be a store of Strongroom/],
      [['--from', from, '--to', 'memory:'], {}, /belongs to one process/],
      [['--from', `${from}?table=x`, '--to', to], {}, /URL has an unknown option/],
      [['--from', from, '--namespace', 'shop'], {}, /--namespace is for --to: a config has/],
      [['--from', 'file:./x', '--to', to, '--namespace', 'shop'], {}, /--namespace is for moving from Django/],
      [['--from', 'file:./x', '--to', to, '--delete'], {}, /--delete is for moving from Django/],
      [['--from', 'file:./x'], {}, /required option '--to <url>' not specified/],
    ] as const
    const runs = cases.map(async ([args, env, message]) => {
      const { code, out, err } = await move(args, { env })
      assert.deepEqual([code, out], [2, ''], err)
      assert.match(err, message)
      assert.match(err, /^strongroom: [^\n]+\n$/)
    })
    await Promise.all(runs)
  })
})
