import { drizzle } from 'drizzle-orm/node-postgres'
import { bigint, pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { createSessions } from 'strongroom'
import { postgres } from 'strongroom/postgres'

export const users = pgTable('users', {
  id: bigint({ mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  name: text().notNull(),
})

// Without the time limit, pg waits for ever for a server that hangs; without the listener, a lost connection ends the process.
export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2000 })
pool.on('error', () => {})

export const db = drizzle({ client: pool })
export const sessions = createSessions({ store: postgres(pool), secrets: process.env.STRONGROOM_SECRETS })
