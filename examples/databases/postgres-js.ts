import connect from 'postgres'
import { createSessions } from 'strongroom'
import { postgres } from 'strongroom/postgres'

export const sql = connect(process.env.DATABASE_URL ?? '')
export const sessions = createSessions({ store: postgres(sql), secrets: process.env.STRONGROOM_SECRETS })

/** postgres.js has no migrations of its own: this runs the file, once. */
export const migrate = () => sql.file(new URL('sessions.sql', import.meta.url).pathname)
