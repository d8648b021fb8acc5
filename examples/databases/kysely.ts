import { readFile } from 'node:fs/promises'
import { type Generated, Kysely, PostgresDialect, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import pg from 'pg'
import { createSessions } from 'strongroom'
import { postgres } from 'strongroom/postgres'

interface Tables {
  users: { id: Generated<string>; name: string }
}

// Without the time limit, pg waits for ever for a server that hangs; without the listener, a lost connection ends the process.
export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2000 })
pool.on('error', () => {})

export const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
export const sessions = createSessions({ store: postgres(pool), secrets: process.env.STRONGROOM_SECRETS })

/** In your folder of migrations, this is a file that exports `up`. */
export const migration: Migration = {
  async up(db) {
    const statements = await readFile(new URL('sessions.sql', import.meta.url), 'utf8')
    await sql.raw(statements).execute(db)
  },
}
