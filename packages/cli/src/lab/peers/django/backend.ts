import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyOf, filesIn, newFolder, removeFolder } from '../../folder.ts'
import type { Backend } from '../../running.ts'
import type { Server } from '../../servers/daemon.ts'
import { startPostgres } from '../../servers/postgres.ts'
import { startRedis } from '../../servers/redis.ts'
import type { Storage, StoredFile, StoredRow } from '../../site.ts'
import { NOTHING } from '../../stores/memory.ts'
import { rowsIn } from '../files.ts'
import { onDump } from '../redis.ts'
import { dumpPostgres, filesOf } from '../sql.ts'
import { needModules, type Python } from './python.ts'
import { SITE } from './site-text.ts'
import { DjangoStore } from './store.ts'

/** Which of Django's engines, and where it keeps its sessions. */
export interface Kind {
  readonly engine: 'db' | 'file' | 'cache' | 'cached_db' | 'signed_cookies'
  readonly database: 'sqlite' | 'postgres'
  readonly redis?: true
}

/** Modules of Python that it needs beside Django. */
const modulesOf = ({ database, redis }: Kind, python: Python): string[] => [
  ...(database === 'postgres' ? ['psycopg2'] : []),
  ...(redis ? ['redis', ...(hasRedis(python) ? [] : ['django_redis'])] : []),
]

/** Django has a cache on Redis since 4.0. */
const hasRedis = ({ version }: Python) => Number.parseInt(version, 10) >= 4

/** A Django project in a folder of its own, with the servers that its sessions need. */
export interface DjangoBackend extends Backend {
  readonly program: string
  /** Reads the dumps of a Redis, by starting one on them. */
  readonly dumps: (files: readonly StoredFile[]) => Promise<readonly StoredRow[]>
}

export async function djangoBackend(kind: Kind, python: Python): Promise<DjangoBackend> {
  needModules(python, modulesOf(kind, python))
  const project = newFolder('django')
  const servers: Server[] = []
  let store: DjangoStore | null = null
  const stop = async () => {
    await store?.stop()
    for (const server of servers) await server.stop()
    removeFolder(project)
  }
  try {
    const postgres = kind.database === 'postgres' ? await startPostgres() : null
    if (postgres) servers.push(postgres)
    const redis = kind.redis ? await startRedis() : null
    if (redis) servers.push(redis)
    const data = join(project, 'data')
    mkdirSync(data)
    const program = join(project, 'site.py')
    writeFileSync(program, SITE)
    const settings = settingsOf(kind, data, postgres?.port, redis?.url, python)
    store = new DjangoStore(python, project, settings, redis?.url ?? null)
    const place = { kind, data, postgres, redis, store }
    return {
      settings: { django: JSON.stringify(settings) },
      storage: storageOf(place),
      ...(redis && { age: async (by: number) => void (await place.store.ask('redis.age', [by])) }),
      version: await versionOf(place),
      program,
      dumps: (files) => rowsOfDumps(files, store as DjangoStore),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function settingsOf(
  kind: Kind,
  data: string,
  port: number | undefined,
  redis: string | undefined,
  python: Python,
): object {
  const postgres = {
    ENGINE: 'django.db.backends.postgresql',
    HOST: '127.0.0.1',
    PORT: port,
    USER: 'strongroom',
    NAME: 'postgres',
  }
  const sqlite = { ENGINE: 'django.db.backends.sqlite3', NAME: join(data, 'db.sqlite3') }
  const backend = hasRedis(python) ? 'django.core.cache.backends.redis.RedisCache' : 'django_redis.cache.RedisCache'
  return {
    SESSION_ENGINE: `django.contrib.sessions.backends.${kind.engine}`,
    DATABASES: { default: port === undefined ? sqlite : postgres },
    ...(kind.engine === 'file' && { SESSION_FILE_PATH: join(data, 'sessions') }),
    ...(redis && { CACHES: { default: { BACKEND: backend, LOCATION: redis } } }),
  }
}

interface Place {
  readonly kind: Kind
  readonly data: string
  readonly postgres: (Server & { readonly url: string }) | null
  readonly redis: Server | null
  readonly store: DjangoStore
}

function storageOf({ kind, data, postgres, redis, store }: Place): Storage {
  if (kind.engine === 'signed_cookies') return NOTHING
  if (kind.engine === 'file') {
    const folder = join(data, 'sessions')
    mkdirSync(folder)
    return { ...NOTHING, files: async () => filesIn(folder), backup: async () => copyOf(folder), rows: rowsIn(folder) }
  }
  if (kind.engine === 'cache' && redis)
    return {
      server: redis,
      files: async () => filesIn(redis.dir),
      async backup() {
        await store.ask('redis.save')
        return filesIn(redis.dir).filter(({ name }) => name === 'dump.rdb')
      },
      rows: store.rows('redis'),
      cache: null,
    }
  const files = async () => (postgres ? filesOf(postgres, () => store.ask('table.checkpoint')) : filesIn(data))
  const backup = async () => (postgres ? dumpPostgres(postgres.url) : copyOf(data))
  return { server: postgres, files, backup, rows: store.rows('table'), cache: redis ? store.rows('redis') : null }
}

async function versionOf({ postgres, redis, store }: Place): Promise<string | null> {
  const number = postgres ? Number(await store.ask('table.version')) : 0
  const names = [
    ...(redis ? [`Redis ${await store.ask('redis.version')}`] : []),
    ...(postgres ? [`PostgreSQL ${Math.floor(number / 10_000)}.${number % 10_000}`] : []),
  ]
  return names.join(' over ') || null
}

/** Redis compresses what is in a dump, so a thief starts a Redis of their own on it. */
async function rowsOfDumps(files: readonly StoredFile[], store: DjangoStore): Promise<readonly StoredRow[]> {
  const rows: StoredRow[] = []
  for (const { name, bytes } of files)
    if (name.endsWith('.rdb')) rows.push(...(await onDump(bytes, ({ url }) => store.list('redis', url))))
  return rows
}
