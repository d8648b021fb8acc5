import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { Redis } from 'ioredis'
import { django as djangoSource } from '../../packages/django/src/source.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { SECRET as OURS, Project } from '../cli/project.ts'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { type RedisServer, redisNeed, startRedis } from '../servers/redis.ts'
import { need } from '../support/need.ts'
import { Django, djangoNeed, SECRET } from './peer.ts'

const DAY = 86_400_000
const PASSWORD = 'hash of a password'
const REDIS_PASSWORD = 'open:sesame/%'

interface Servers {
  readonly redis: RedisServer
  readonly client: Redis
  readonly postgres: PostgresServer | null
  readonly mariadb: MariadbServer | null
}

/** A Django with its sessions, and the URL by which the command line finds them. */
interface Form {
  readonly title: string
  readonly url: (servers: Servers, project: Project) => string
  readonly backend: 'db' | 'cached_db' | 'cache' | 'file' | 'redis_sessions'
  /** As reports name it. */
  readonly engine: string
  readonly database?: 'postgres' | 'mariadb'
  readonly cache?: { readonly KEY_PREFIX?: string; readonly VERSION?: number; readonly pickles?: true }
  readonly skip?: string | false
}

const encoded = encodeURIComponent
const path = (project: Project) => project.path('django.db')
const cacheUrl = ({ redis }: Servers) => encoded(`redis://127.0.0.1:${redis.port}/1`)
const psycopg = postgresNeed.skip || need('psycopg2').skip
const mysqlClient = mariadbNeed.skip || need('MySQLdb').skip
const naming = { KEY_PREFIX: 'shop:*', VERSION: 7 }

const onRedis = ({ redis }: Servers) => `127.0.0.1:${redis.port}/1`
const named = `keyPrefix=${encoded(naming.KEY_PREFIX)}&version=7`

const FORMS: readonly Form[] = [
  {
    title: 'django+sqlite:',
    url: (_, project) => `django+sqlite:${path(project)}?timeZone=UTC`,
    backend: 'db',
    engine: 'sqlite',
  },
  {
    title: 'django+sqlite:///…?cache=…&keyPrefix=…&version=…',
    url: (servers, project) => `django+sqlite://${path(project)}?cache=${cacheUrl(servers)}&${named}&timeZone=UTC`,
    ...{ backend: 'cached_db', engine: 'cached_db, sqlite', cache: naming },
  },
  {
    title: 'django+postgres:',
    url: ({ postgres }) => `django+${postgres?.url}`,
    ...{ backend: 'db', engine: 'postgres', database: 'postgres', skip: psycopg },
  },
  {
    title: 'django+postgresql:…?cache=…',
    url: (servers) => `django+${servers.postgres?.url.replace('postgres:', 'postgresql:')}?cache=${cacheUrl(servers)}`,
    ...{ backend: 'cached_db', engine: 'cached_db, postgres', database: 'postgres', skip: psycopg },
  },
  {
    title: 'django+mysql:',
    url: ({ mariadb }) => `django+${mariadb?.url}?timeZone=UTC`,
    ...{ backend: 'db', engine: 'mysql', database: 'mariadb', skip: mysqlClient },
  },
  {
    title: 'django+mariadb:…?cache=…, not encoded: there is nothing in it that could be misread',
    url: (servers) =>
      `django+${servers.mariadb?.url.replace('mysql:', 'mariadb:')}?timeZone=UTC&cache=redis://${onRedis(servers)}`,
    ...{ backend: 'cached_db', engine: 'cached_db, mysql', database: 'mariadb', skip: mysqlClient },
  },
  { title: 'django+file:', url: (_, { dir }) => `django+file:${dir}/files`, backend: 'file', engine: 'file' },
  {
    title: 'django+redis:…?prefix=…',
    url: (servers) => `django+redis://${onRedis(servers)}?prefix=session`,
    ...{ backend: 'redis_sessions', engine: 'redis' },
  },
  {
    title: 'django+redis-cache:',
    url: (servers) => `django+redis-cache://${onRedis(servers)}`,
    ...{ backend: 'cache', engine: 'cache' },
  },
  {
    title: 'django+redis-cache:…?keyPrefix=…&version=…',
    url: (servers) => `django+redis-cache://${onRedis(servers)}?${named}`,
    ...{ backend: 'cache', engine: 'cache', cache: naming },
  },
]

const skip = djangoNeed.skip || redisNeed.skip || need('django_redis').skip

suite('every django+ URL, with a Django that stores its sessions there', { skip }, () => {
  let servers: Servers
  before(async () => {
    const redis = await startRedis({ databases: '2' })
    const client = new Redis(redis.port, { db: 1, password: REDIS_PASSWORD, lazyConnect: true })
    const open = new Redis(redis.port)
    await open.config('SET', 'requirepass', REDIS_PASSWORD)
    open.disconnect()
    servers = {
      ...{ redis, client },
      postgres: psycopg ? null : await startPostgres(),
      mariadb: mysqlClient ? null : await startMariadb(),
    }
  })
  after(async () => {
    servers?.client.disconnect()
    await Promise.all([servers?.redis.stop(), servers?.postgres?.stop(), servers?.mariadb?.stop()])
  })

  function settingsOf({ backend, database, cache = {} }: Form, project: Project): Record<string, unknown> {
    const { redis, postgres, mariadb } = servers
    const databases = {
      sqlite: { ENGINE: 'django.db.backends.sqlite3', NAME: path(project) },
      postgres: { ENGINE: 'django.db.backends.postgresql', NAME: 'postgres', USER: 'strongroom', PORT: postgres?.port },
      mariadb: { ENGINE: 'django.db.backends.mysql', NAME: 'test', USER: 'root', PORT: mariadb?.port },
    }
    const { pickles = backend === 'cached_db', ...names } = cache
    return {
      DATABASES: { default: { ...databases[database ?? 'sqlite'], HOST: '127.0.0.1' } },
      SESSION_FILE_PATH: project.path('files'),
      CACHES: {
        default: {
          BACKEND: 'django_redis.cache.RedisCache',
          LOCATION: `redis://:${encoded(REDIS_PASSWORD)}@127.0.0.1:${redis.port}/1`,
          OPTIONS: { SERIALIZER: `django_redis.serializers.${pickles ? 'pickle.Pickle' : 'json.JSON'}Serializer` },
          ...names,
        },
      },
    }
  }

  async function startDjango(form: Form, project: Project): Promise<Django> {
    mkdirSync(project.path('files'))
    await servers.client.flushall()
    const django = await Django.start(settingsOf(form, project))
    await django.ask('migrate')
    await django.ask('empty')
    return django
  }

  /** Stores a session as the backend does. django-redis-sessions is not needed for that. */
  async function put(django: Django, { backend }: Form, n: number, user: string | null, password = PASSWORD) {
    if (backend !== 'redis_sessions') return django.ask('put', [backend, JSON.stringify({ n })], { user, password })
    const key = `${n}`.padStart(32, 'k')
    const hash = await django.ask('auth_hash', [password])
    const data = { n, ...(user !== null && { _auth_user_id: user, _auth_user_hash: hash }) }
    await servers.client.set(`session:${key}`, await django.ask('encode', [JSON.stringify(data)]), 'PX', DAY)
    return key
  }

  const remains = (django: Django, { backend }: Form, key: string): Promise<boolean> =>
    backend === 'redis_sessions'
      ? servers.client.exists(`session:${key}`).then(Boolean)
      : django.ask('see', [backend, key]).then((data) => data !== null)

  test('a prefix, a version or a database with no sessions is pointed out', async () => {
    const project = new Project()
    const django = await startDjango(FORMS[0] as Form, project)
    await django.stop()
    const env = { DJANGO_SECRET_KEY: SECRET, STRONGROOM_SECRETS: OURS, REDISCLI_AUTH: REDIS_PASSWORD }
    const more = ['--users', `django+sqlite:${path(project)}`, '--to', `sqlite:${project.path('ours.db')}`]
    for (const [scheme, hint] of [
      ['redis-cache', "?keyPrefix= and ?version= with Django's CACHES"],
      ['redis', "?prefix= with Django's SESSION_REDIS"],
    ]) {
      const from = `django+${scheme}://${onRedis(servers)}`
      const { code, out, err } = await project.run(['move', '--from', from, ...more, '--namespace', 'x'], { env })
      assert.deepEqual([code, err], [0, ''])
      assert.match(
        out,
        /^Moved 0 sessions from .*\nNo key there is that of a session: compare the number of the database/,
      )
      assert.ok(out.includes(`${hint}.\n`), out)
    }
    project.remove()
  })

  test('what a cache with another serializer has is refused, and nothing is moved', async () => {
    const project = new Project()
    const form: Form = { ...(FORMS.at(-2) as Form), cache: { pickles: true } }
    const django = await startDjango(form, project)
    await put(django, form, 0, null)
    const env = { DJANGO_SECRET_KEY: SECRET, STRONGROOM_SECRETS: OURS, REDISCLI_AUTH: REDIS_PASSWORD }
    const from = form.url(servers, project)
    const more = ['--users', `django+sqlite:${path(project)}`, '--to', `sqlite:${project.path('ours.db')}`]
    const { code, out, err } = await project.run(['move', '--from', from, ...more, '--namespace', 'x'], { env })
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^strongroom: Django's session could not be read: A Django session is a Python pickle\..*\n$/)
    await django.stop()
    project.remove()
  })

  for (const form of FORMS) {
    test(`clear-expired, and then move: ${form.title}`, { skip: form.skip ?? false }, async () => {
      const project = new Project()
      const django = await startDjango(form, project)
      const env = { DJANGO_SECRET_KEY: SECRET, STRONGROOM_SECRETS: OURS, REDISCLI_AUTH: REDIS_PASSWORD }
      const store = form.url(servers, project)
      const run = async (...args: readonly string[]) => {
        const { code, out, err } = await project.run(args, { env: { ...env, FROM: ` ${store}\n` } })
        assert.deepEqual([code, err], [0, ''], out)
        return out
      }
      try {
        const expires = !['cache', 'redis_sessions'].includes(form.backend)
        const ada = await django.ask('add_user', ['ada', PASSWORD])
        await django.ask('at', [Date.now() - 20 * DAY])
        if (expires) await put(django, form, 8, null)
        await django.ask('at', [null])
        const keys = [await put(django, form, 0, ada), await put(django, form, 1, null)]
        const refused = await put(django, form, 2, ada, 'an older password')

        // As JSON, because a report for people has a line for each second that it takes.
        const cleared = JSON.parse(await run('clear-expired', '--store', 'env:FROM', '--json'))
        assert.deepEqual([cleared.count, cleared.complete], [expires ? 1 : 0, true])

        const inDatabase = ['db', 'cached_db'].includes(form.backend)
        const users = inDatabase ? [] : ['--users', `django+sqlite:${path(project)}`]
        const to = ['--to', `sqlite:${project.path('ours.db')}`, '--namespace', '__Host-id']
        const report = JSON.parse(await run('move', '--from', 'env:FROM', ...to, ...users, '--delete', '--json'))
        assert.deepEqual(
          [report.from, report.moved, report.compared, report.signedOut, report.gone, report.unreadable],
          [`django (${form.engine})`, 2, 2, 1, 0, 0],
        )
        assert.deepEqual(await whoAre(project.path('ours.db'), keys), [
          [ada, 0],
          [null, 1],
        ])
        for (const key of keys) assert.equal(await remains(django, form, key), false)
        assert.equal(await remains(django, form, refused), true)
      } finally {
        await django.stop()
        project.remove()
      }
    })
  }
})

/** Returns who the visitors with these keys are, without Django. */
async function whoAre(path: string, keys: readonly string[]) {
  const store = sqlite(path)
  const source = djangoSource({ until: new Date(Date.now() + DAY) })
  const sessions = createSessions({ store, secrets: OURS, sweep: false, adoptFrom: source })
  const found = await Promise.all(keys.map((key) => sessions.read({ cookie: `sessionid=${key}` })))
  await store.close()
  return found.map((session) => [session.userId, session.get('n')])
}
