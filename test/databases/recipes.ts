import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import type { PostgresJs, PostgresPool } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import type { Sessions } from '../../packages/strongroom/src/index.ts'
import { root } from '../../scripts/packages.ts'
import { builtCopy } from '../frameworks/project.ts'

/** A recipe of docs/databases.md at work, in a database of its own. */
export interface Recipe {
  readonly sessions: Sessions<Record<string, unknown>>
  /** What the recipe gives to the store. */
  readonly client: PostgresPool | PostgresJs
  /** Creates the session table as a migration of the tool. */
  migrate(): Promise<unknown>
  /** Inserts a user in a transaction of the tool, which is rolled back when `meanwhile` rejects. Resolves to the user's id. */
  addUser(name: string, meanwhile?: () => Promise<unknown>): Promise<string>
  countUsers(): Promise<number>
  /** Ends the tool and its connections, as the application does. */
  end(): Promise<unknown>
}

const nothing = async () => {}
const load = <Module>(file: string): Promise<Module> => import(join(root, 'examples/databases', file))
const folder = (name: string) => join(root, 'examples/databases', name)
/** Options of the application's. A suite that makes hundreds of calls for one connection, beside other tests, may wait for longer. */
const limit = (pool: pg.Pool, max: number) => Object.assign(pool.options, { max, connectionTimeoutMillis: 60_000 })

/** They read `process.env.DATABASE_URL` when they are loaded, as an application does. */
export const RECIPES: Readonly<Record<string, (max: number) => Promise<Recipe>>> = {
  kysely,
  drizzle,
  knex,
  prisma,
  postgresJs,
}

async function kysely(max: number): Promise<Recipe> {
  const { pool, db, migration, sessions } = await load<typeof import('../../examples/databases/kysely.ts')>('kysely.ts')
  const { Migrator } = await import('kysely/migration')
  limit(pool, max)
  return {
    sessions,
    client: pool,
    async migrate() {
      const provider = { getMigrations: async () => ({ sessions: migration }) }
      const { error } = await new Migrator({ db, provider }).migrateToLatest()
      if (error) throw error
    },
    addUser: (name, meanwhile = nothing) =>
      db.transaction().execute(async (trx) => {
        const { id } = await trx.insertInto('users').values({ name }).returning('id').executeTakeFirstOrThrow()
        await meanwhile()
        return id
      }),
    countUsers: async () => (await db.selectFrom('users').selectAll().execute()).length,
    end: () => db.destroy(),
  }
}

async function drizzle(max: number): Promise<Recipe> {
  const { pool, db, users, sessions } = await load<typeof import('../../examples/databases/drizzle.ts')>('drizzle.ts')
  const { migrate } = await import('drizzle-orm/node-postgres/migrator')
  limit(pool, max)
  return {
    sessions,
    client: pool,
    migrate: () => migrate(db, { migrationsFolder: folder('drizzle') }),
    addUser: (name, meanwhile = nothing) =>
      db.transaction(async (tx) => {
        const [user] = await tx.insert(users).values({ name }).returning()
        await meanwhile()
        return String(user?.id)
      }),
    countUsers: async () => (await db.select().from(users)).length,
    end: () => pool.end(),
  }
}

async function knex(max: number): Promise<Recipe> {
  const { pool, knex, migration, sessions } = await load<typeof import('../../examples/databases/knex.ts')>('knex.ts')
  limit(pool, max)
  const migrationSource = {
    getMigrations: async () => ['sessions'],
    getMigrationName: (name: string) => name,
    getMigration: async () => migration,
  }
  return {
    sessions,
    client: pool,
    migrate: () => knex.migrate.latest({ migrationSource }),
    addUser: (name, meanwhile = nothing) =>
      knex.transaction(async (trx) => {
        const [user] = await trx('users').insert({ name }).returning('id')
        await meanwhile()
        return user.id
      }),
    countUsers: async () => (await knex('users')).length,
    end: async () => {
      await knex.destroy()
      await pool.end()
    },
  }
}

/** The client that `prisma generate` writes, and its types, as far as they are used. */
interface PrismaExample {
  readonly pool: pg.Pool
  readonly sessions: Recipe['sessions']
  readonly prisma: PrismaCalls & {
    $transaction<T>(work: (tx: PrismaCalls) => Promise<T>): Promise<T>
    $disconnect(): Promise<void>
  }
}
interface PrismaCalls {
  readonly user: { create(query: { data: { name: string } }): Promise<{ id: bigint }>; count(): Promise<number> }
}

/**
 * `prisma generate` needs no engine, but the command downloads one first, unless it is told where it has it. `prisma migrate` does need
 * that engine: here, the file of its migration is run by itself.
 */
async function prisma(max: number): Promise<Recipe> {
  const cli = join(root, 'node_modules/prisma/build/index.js')
  const copy = builtCopy(folder('prisma'), [cli, 'generate'], {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    DATABASE_URL: process.env.DATABASE_URL ?? '',
  })
  const { pool, prisma, sessions }: PrismaExample = await import(join(copy.folder, 'db.ts'))
  limit(pool, max)
  const file = join(copy.folder, 'prisma/migrations/20260101000000_sessions/migration.sql')
  return {
    sessions,
    client: pool,
    migrate: async () => pool.query(await readFile(file, 'utf8')),
    addUser: (name, meanwhile = nothing) =>
      prisma.$transaction(async (tx) => {
        const { id } = await tx.user.create({ data: { name } })
        await meanwhile()
        return String(id)
      }),
    countUsers: () => prisma.user.count(),
    end: async () => {
      await prisma.$disconnect()
      await pool.end()
      copy.remove()
    },
  }
}

async function postgresJs(max: number): Promise<Recipe> {
  // postgres.js reads its options from the URL, too.
  process.env.DATABASE_URL += `?max=${max}`
  const { sql, migrate, sessions } =
    await load<typeof import('../../examples/databases/postgres-js.ts')>('postgres-js.ts')
  sql.options.onnotice = () => {}
  return {
    sessions,
    client: sql,
    migrate,
    addUser: (name, meanwhile = nothing) =>
      sql.begin(async (tx) => {
        const [user] = await tx`INSERT INTO users (name) VALUES (${name}) RETURNING id`
        await meanwhile()
        return String(user?.id)
      }),
    countUsers: async () => (await sql`SELECT FROM users`).length,
    end: () => sql.end(),
  }
}
