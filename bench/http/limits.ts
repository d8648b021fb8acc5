import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseCookie } from 'cookie'
import type { Request, RequestHandler, Response } from 'express'
import { type Data, signedIn } from '../data.ts'
import { type Handlers, serve } from './application.ts'
import type { Contender, Place } from './contender.ts'

/**
 * The fastest possible: one read of the driver and `JSON.parse` before the handler, `JSON.stringify` and one write of the
 * driver in it, and nothing else. No check of the cookie, no deadline, no lock, no comparison: nobody could run this.
 */
export interface Driver {
  read(request: Request): string | Promise<string>
  write(request: Request, response: Response, text: string): unknown
  /** The cookie of a new visitor. */
  cookie(text: string): string
}

type Loaded = Request & { data: Data }

/** Bare cookies: `id=` and the id. */
export const idOf = (request: Request) => (request.headers.cookie as string).slice(3)
const newId = () => randomBytes(32).toString('hex')

export function limit(
  name: string,
  driver: (place: Place) => Driver | Promise<Driver>,
  kind: Pick<Contender, 'needs'> = {},
): Contender {
  return {
    name,
    limit: name,
    routes: ['read', 'read-object', 'write'],
    ...kind,
    trustsAnyCookie: true,
    async listen(place) {
      const made = await driver(place)
      return serve(handlersOf(made), loading(made))
    },
  }
}

function loading({ read }: Driver): RequestHandler {
  return function load(request, _response, next) {
    if (request.url.startsWith('/login')) return next()
    const text = read(request)
    if (typeof text === 'string') {
      ;(request as Loaded).data = JSON.parse(text)
      return next()
    }
    text.then((text) => {
      ;(request as Loaded).data = JSON.parse(text)
      next()
    }, next)
  }
}

function handlersOf({ write, cookie }: Driver): Handlers {
  return {
    read: (request, response) => {
      response.json({ value: (request as Loaded).data.name })
    },
    readObject: (request, response) => {
      response.json({ value: (request as Loaded).data.cart[0]?.sku })
    },
    write: async (request, response) => {
      const { data } = request as unknown as Loaded
      data.n += 1
      await write(request, response, JSON.stringify(data))
      response.json({ value: data.index, n: data.n })
    },
    login: async (request, response) => {
      const index = Number(request.params.index)
      const text = JSON.stringify(signedIn(index))
      const made = cookie(text)
      request.headers.cookie = made
      response.setHeader('Set-Cookie', made)
      await write(request, response, text)
      response.json({ value: index })
    },
  }
}

export const newCookie = () => `id=${newId()}`

const memory = (): Driver => {
  const stored = new Map<string, string>()
  return {
    read: (request) => stored.get(idOf(request)) as string,
    write: (request, _response, text) => stored.set(idOf(request), text),
    cookie: newCookie,
  }
}

const file = ({ directory }: Place): Driver => ({
  read: (request) => readFile(join(directory, idOf(request)), 'utf8'),
  write: (request, _response, text) => writeFile(join(directory, idOf(request)), text),
  cookie: newCookie,
})

const sqlite = ({ directory }: Place): Driver => {
  const database = new DatabaseSync(join(directory, 'limit.db'))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = full')
  database.exec('CREATE TABLE session (id TEXT PRIMARY KEY NOT NULL, data TEXT NOT NULL) STRICT')
  const get = database.prepare('SELECT data FROM session WHERE id = ?')
  const put = database.prepare('INSERT INTO session VALUES (?, ?) ON CONFLICT DO UPDATE SET data = excluded.data')
  return {
    read: (request) => (get.get(idOf(request)) as { data: string }).data,
    write: (request, _response, text) => put.run(idOf(request), text),
    cookie: newCookie,
  }
}

const cookie = (): Driver => ({
  read: (request) => Buffer.from(parseCookie(request.headers.cookie as string).id as string, 'base64url').toString(),
  write: (_request, response, text) => response.setHeader('Set-Cookie', cookieOf(text)),
  cookie: (text) => cookieOf(text),
})

const cookieOf = (text: string) => `id=${Buffer.from(text).toString('base64url')}`

export const limits: readonly Contender[] = [
  limit('limit: memory', memory),
  limit('limit: file', file),
  limit('limit: sqlite', sqlite),
  limit('limit: cookie', cookie),
]
