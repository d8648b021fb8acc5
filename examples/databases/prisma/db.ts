import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { createSessions } from 'strongroom'
import { postgres } from 'strongroom/postgres'
import { PrismaClient } from './generated/client.ts'

// Without the time limit, pg waits for ever for a server that hangs; without the listener, a lost connection ends the process.
export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2000 })
pool.on('error', () => {})

export const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
export const sessions = createSessions({ store: postgres(pool), secrets: process.env.STRONGROOM_SECRETS })
