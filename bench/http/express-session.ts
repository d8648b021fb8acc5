import * as fs from 'node:fs'
import { open, readFile, rename, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Request } from 'express'
import session, { type SessionData } from 'express-session'
import { type Data, sessionOf } from '../data.ts'
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
    response.json({ value: (request as Filled).session.cart?.length })
  },
  write: (request, response) => {
    const { session } = request as unknown as Filled
    session.n += 1
    response.json({ value: session.index, n: session.n })
  },
  login: (request, response) => {
    const index = Number(request.params.index)
    Object.assign(request.session, sessionOf(index))
    response.json({ value: index })
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

/** What session-file-store does (write a draft, sync it, rename it), without its retries and its reaper. */
class FileStore extends session.Store {
  readonly #directory: string

  constructor(directory: string) {
    super()
    this.#directory = directory
  }

  get(sid: string, done: (error: unknown, data?: SessionData | null) => void) {
    readFile(this.#path(sid), 'utf8').then(
      (text) => done(null, JSON.parse(text)),
      (error) => (error.code === 'ENOENT' ? done(null, null) : done(error)),
    )
  }

  set(sid: string, data: SessionData, done?: (error?: unknown) => void) {
    this.#write(sid, JSON.stringify(data)).then(() => done?.(), done)
  }

  override touch(sid: string, data: SessionData, done?: () => void) {
    const moment = expiryOf(data) / 1000
    utimes(this.#path(sid), moment, moment).then(done, done)
  }

  destroy(sid: string, done?: () => void) {
    unlink(this.#path(sid)).then(done, done)
  }

  async #write(sid: string, text: string) {
    const draft = `${this.#path(sid)}.${process.hrtime.bigint()}`
    const file = await open(draft, 'w', 0o600)
    await file.writeFile(text)
    await file.sync()
    await file.close()
    await rename(draft, this.#path(sid))
  }

  #path(sid: string): string {
    return join(this.#directory, `${encodeURIComponent(sid)}.json`)
  }
}

const folder = (directory: string) => {
  fs.mkdirSync(directory)
  return directory
}

export const expressSessions: readonly Contender[] = [
  expressSession('memory', { limit: 'limit: memory' }, () => new session.MemoryStore()),
  expressSession(
    'file',
    { limit: 'limit: file' },
    ({ directory }) => new FileStore(folder(join(directory, 'sessions'))),
  ),
  expressSession(
    'sqlite',
    { limit: 'limit: sqlite' },
    ({ directory }) => new SqliteStore(join(directory, 'sessions.db')),
  ),
]
