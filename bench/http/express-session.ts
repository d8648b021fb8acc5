import { createRequire } from 'node:module'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Request } from 'express'
import session, { type SessionData } from 'express-session'
import { type Data, signedIn } from '../data.ts'
import { type Handlers, serve } from './application.ts'
import type { Contender, Place } from './contender.ts'

type Filled = Request & { session: session.Session & Data }

export function expressSession(
  name: string,
  kind: Pick<Contender, 'limit' | 'needs'>,
  store: (place: Place) => session.Store | Promise<session.Store>,
): Contender {
  return {
    name: `express-session + ${name}`,
    hasLogout: true,
    ...kind,
    routes: ['untouched', 'read', 'read-object', 'write'],
    async listen(place) {
      const options = { secret: 'kYz0p3u1WfQmT7dVbNcR9sXeLhGjAoI2', resave: false, saveUninitialized: false }
      const made = await store(place)
      return serve(handlers, session({ ...options, store: made, cookie: { maxAge: 1_800_000 } }))
    },
  }
}

const handlers: Handlers = {
  read: (request, response) => {
    response.json({ value: (request as Filled).session.name })
  },
  readObject: (request, response) => {
    response.json({ value: (request as Filled).session.cart?.[0]?.sku })
  },
  write: (request, response) => {
    const { session } = request as unknown as Filled
    session.n += 1
    response.json({ value: session.index, n: session.n })
  },
  // With a new session, as its documentation says: a planted cookie must not be signed in.
  login: (request, response, next) => {
    const index = Number(request.params.index)
    request.session.regenerate((error) => {
      if (error) return next(error)
      Object.assign(request.session, signedIn(index))
      response.json({ value: index })
    })
  },
  logout: (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.json({})))
  },
}

const expiryOf = ({ cookie }: SessionData) => (cookie.expires ? new Date(cookie.expires).getTime() : 0)

/** The least that a store on node:sqlite can do, with the durability that ours has by default. */
class SqliteStore extends session.Store {
  readonly #get
  readonly #set
  readonly #touch
  readonly #destroy

  constructor(path: string) {
    super()
    const database = new DatabaseSync(path)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = full')
    database.exec('CREATE TABLE session (sid TEXT PRIMARY KEY NOT NULL, data TEXT NOT NULL, expires INTEGER) STRICT')
    this.#get = database.prepare('SELECT data FROM session WHERE sid = ? AND expires > ?')
    this.#set = database.prepare('INSERT OR REPLACE INTO session VALUES (?, ?, ?)')
    this.#touch = database.prepare('UPDATE session SET expires = ? WHERE sid = ?')
    this.#destroy = database.prepare('DELETE FROM session WHERE sid = ?')
  }

  get(sid: string, done: (error: unknown, data?: SessionData | null) => void) {
    const row = this.#get.get(sid, Date.now()) as { data: string } | undefined
    done(null, row ? JSON.parse(row.data) : null)
  }

  set(sid: string, data: SessionData, done?: () => void) {
    this.#set.run(sid, JSON.stringify(data), expiryOf(data))
    done?.()
  }

  override touch(sid: string, data: SessionData, done?: () => void) {
    this.#touch.run(expiryOf(data), sid)
    done?.()
  }

  destroy(sid: string, done?: () => void) {
    this.#destroy.run(sid)
    done?.()
  }
}

/** It has no types. */
type FileStore = new (options: { path: string }) => session.Store

function sessionFileStore({ directory }: Place): session.Store {
  const Store = createRequire(import.meta.url)('session-file-store')(session) as FileStore
  return new Store({ path: join(directory, 'sessions') })
}

export const expressSessions: readonly Contender[] = [
  expressSession('memory', { limit: 'limit: memory' }, () => new session.MemoryStore()),
  expressSession('session-file-store', { limit: 'limit: file' }, sessionFileStore),
  expressSession(
    'sqlite',
    { limit: 'limit: sqlite' },
    ({ directory }) => new SqliteStore(join(directory, 'sessions.db')),
  ),
]
