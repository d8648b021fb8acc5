import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DjangoEngine } from '../../packages/django/src/engine.ts'
import { djangoCookies } from '../../packages/django/src/engine.ts'
import { djangoFiles } from '../../packages/django/src/stores/files.ts'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { need } from '../support/need.ts'
import { Django, djangoNeed } from './peer.ts'

export interface Backend {
  readonly name: string
  readonly skip: string | false
  /** Starts a Django, and an engine with the same storage. */
  start(): Promise<{
    readonly django: Django
    readonly engine: DjangoEngine
    /** Returns another engine with the same storage. */
    again(): DjangoEngine
    stop(): Promise<void>
  }>
}

const folder = () => mkdtempSync(join(tmpdir(), 'strongroom-django-'))
const IN_MEMORY = { default: { ENGINE: 'django.db.backends.sqlite3', NAME: ':memory:' } }

async function migrated(database: Record<string, unknown>): Promise<Django> {
  const django = await Django.start({ DATABASES: { default: database } })
  await django.ask('migrate')
  return django
}

const skipUnless = (...skips: (string | false)[]) => skips.find((skip) => skip !== false) ?? false

/** The backends in which Django and Node can share sessions. `module` is that of Django's backend. */
export const backends: readonly (Backend & { readonly module: string })[] = [
  {
    name: 'db on SQLite',
    module: 'db',
    skip: djangoNeed.skip,
    async start() {
      const dir = folder()
      const path = join(dir, 'db.sqlite3')
      const django = await migrated({ ENGINE: 'django.db.backends.sqlite3', NAME: path })
      const again = () => djangoSqlite(path)
      const stop = async () => {
        await django.stop()
        rmSync(dir, { recursive: true })
      }
      return { django, engine: again(), again, stop }
    },
  },
  {
    name: 'db on PostgreSQL',
    module: 'db',
    skip: skipUnless(djangoNeed.skip, postgresNeed.skip, need('psycopg2').skip),
    async start() {
      const server = await startPostgres()
      const django = await migrated({
        ENGINE: 'django.db.backends.postgresql',
        NAME: 'postgres',
        USER: 'strongroom',
        HOST: '127.0.0.1',
        PORT: server.port,
      })
      const again = () => djangoPostgres(server.url)
      const stop = async () => {
        await django.stop()
        await server.stop()
      }
      return { django, engine: again(), again, stop }
    },
  },
  {
    name: 'db on MariaDB',
    module: 'db',
    skip: skipUnless(djangoNeed.skip, mariadbNeed.skip, need('MySQLdb').skip),
    async start() {
      const server = await startMariadb()
      const django = await migrated({
        ENGINE: 'django.db.backends.mysql',
        NAME: 'test',
        USER: 'root',
        HOST: '127.0.0.1',
        PORT: server.port,
      })
      const again = () => djangoMysql(server.url)
      const stop = async () => {
        await django.stop()
        await server.stop()
      }
      return { django, engine: again(), again, stop }
    },
  },
  {
    name: 'file',
    module: 'file',
    skip: djangoNeed.skip,
    async start() {
      const dir = join(folder(), 'sessions')
      mkdirSync(dir)
      const django = await Django.start({ SESSION_FILE_PATH: dir, DATABASES: IN_MEMORY })
      const again = () => djangoFiles(dir)
      const stop = async () => {
        await django.stop()
        rmSync(join(dir, '..'), { recursive: true })
      }
      return { django, engine: again(), again, stop }
    },
  },
  {
    name: 'signed_cookies',
    module: 'signed_cookies',
    skip: djangoNeed.skip,
    async start() {
      const django = await Django.start({ DATABASES: IN_MEMORY })
      return { django, engine: djangoCookies(), again: djangoCookies, stop: () => django.stop() }
    },
  },
]
