import { createRequire } from 'node:module'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Request, RequestHandler } from 'express'
import session, { type SessionData } from 'express-session'
import dropInSession, { type SessionOptions as DropInOptions } from 'strongroom/express-session'
import { type Data, signedIn } from '../data.ts'
import { type Handlers, serve } from './application.ts'
import type { Contender, Place } from './contender.ts'

type Filled = Request & { session: session.Session & Data }

type Kind = Pick<Contender, 'limit' | 'needs'>

const COMMON = {
  secret: 'kYz0p3u1WfQmT7dVbNcR9sXeLhGjAoI2',
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 1_800_000, secure: false, sameSite: 'lax' },
} as const

const contender = (name: string, kind: Kind, middleware: (place: Place) => Promise<RequestHandler>): Contender => ({
  name,
  hasLogout: true,
  ...kind,
  routes: ['untouched', 'read', 'read-object', 'write'],
  listen: async (place) => serve(handlers, await middleware(place)),
})

export const expressSession = (
  name: string,
  kind: Kind,
  store: (place: Place) => session.Store | Promise<session.Store>,
): Contender =>
  contender(`express-session + ${name}`, kind, async (place) => session({ ...COMMON, store: await store(place) }))

/** The same application with one other import. */
export const dropIn = (
  name: string,
  kind: Kind,
  store: (place: Place) => DropInOptions['store'] | Promise<session.Store>,
): Contender =>
  contender(`drop-in + ${name}`, kind, async (place) => dropInSession({ ...COMMON, store: await store(place) }))

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
  dropIn('memory', { limit: 'limit: memory' }, () => 'memory:'),
  expressSession('session-file-store', { limit: 'limit: file' }, sessionFileStore),
  expressSession(
    'sqlite',
    { limit: 'limit: sqlite' },
    ({ directory }) => new SqliteStore(join(directory, 'sessions.db')),
  ),
]
