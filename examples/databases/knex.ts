import { readFile } from 'node:fs/promises'
import createKnex, { type Knex } from 'knex'
import pg from 'pg'
import { createSessions } from 'strongroom'
import { postgres } from 'strongroom/postgres'

// Without the time limit, pg waits for ever for a server that hangs; without the listener, a lost connection ends the process.
export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2000 })
pool.on('error', () => {})

export const knex = createKnex({ client: 'pg', connectionPool: pool })
export const sessions = createSessions({ store: postgres(pool), secrets: process.env.STRONGROOM_SECRETS })

/** In your folder of migrations, this is a file that exports `up` and `down`. */
export const migration: Knex.Migration = {
  async up(knex) {
    await knex.raw(await readFile(new URL('sessions.sql', import.meta.url), 'utf8'))
  },
  async down(knex) {
    await knex.schema.dropTable('strongroom_sessions')
  },
}
