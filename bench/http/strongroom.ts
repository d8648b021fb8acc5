import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type BaseSessions, createSessions, type SessionsOptions } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { strongroom as middleware } from 'strongroom/express'
import { file } from 'strongroom/file'
import { memory } from 'strongroom/memory'
import { sqlite } from 'strongroom/sqlite'
import { type Data, sessionOf } from '../data.ts'
import { type Handlers, serve } from './application.ts'
import type { Contender, Place } from './contender.ts'

type Values = Data & Record<string, unknown>

type Kind = Pick<Contender, 'limit' | 'inCookie' | 'needs'>

export function strongroom(name: string, kind: Kind, options: (place: Place) => SessionsOptions): Contender {
  return {
    name: `strongroom ${name}`,
    routes: ['untouched', 'read', 'read-object', 'write'],
    hasLogout: true,
    ...kind,
    listen(place) {
      const sessions = createSessions<Values>({ secrets: randomBytes(32), ...options(place) } as SessionsOptions)
      return serve(handlersOf(sessions), middleware(sessions))
    },
  }
}

const handlersOf = (sessions: BaseSessions<Values>): Handlers => ({
  read: async (request, response) => {
    const session = await sessions.get(request)
    response.json({ value: session.get('name') })
  },
  readObject: async (request, response) => {
    const session = await sessions.get(request)
    response.json({ value: session.get('cart')?.length })
  },
  write: async (request, response) => {
    const session = await sessions.get(request)
    const n = (session.get('n') ?? 0) + 1
    session.set('n', n)
    response.json({ value: session.get('index'), n })
  },
  login: async (request, response) => {
    const index = Number(request.params.index)
    const session = await sessions.get(request)
    session.login(`user-${index}`)
    for (const [key, value] of Object.entries(sessionOf(index))) session.set(key, value)
    response.json({ value: index })
  },
  logout: async (request, response) => {
    const session = await sessions.get(request)
    session.logout()
    response.json({})
  },
})

const inMemory = { limit: 'limit: memory' }
const inFiles = { limit: 'limit: file' }
const inSqlite = { limit: 'limit: sqlite' }
const inCookies = { limit: 'limit: cookie', inCookie: true }

const files = (directory: string) => join(directory, 'sessions')
const database = (directory: string) => join(directory, 'sessions.db')

/** Each embedded engine and seal, with the defaults apart from what the name says. */
export const ours: readonly Contender[] = [
  strongroom('memory none', inMemory, () => ({ store: memory() })),
  strongroom('memory two-key', inMemory, () => ({ store: memory(), seal: 'two-key' })),
  strongroom('memory two-key, no memo', inMemory, () => ({ store: memory(), seal: 'two-key', memo: false })),
  strongroom('file two-key', inFiles, ({ directory }) => ({ store: file(files(directory)) })),
  strongroom('file two-key, not durable', inFiles, ({ directory }) => ({
    store: file({ dir: files(directory), durable: false }),
  })),
  strongroom('sqlite two-key', inSqlite, ({ directory }) => ({ store: sqlite(database(directory)) })),
  strongroom('sqlite two-key, no memo', inSqlite, ({ directory }) => ({
    store: sqlite(database(directory)),
    memo: false,
  })),
  strongroom('sqlite server-key', inSqlite, ({ directory }) => ({
    store: sqlite(database(directory)),
    seal: 'server-key',
  })),
  strongroom('cookie sealed', inCookies, () => ({ store: cookie() })),
  strongroom('cookie sealed, no memo', inCookies, () => ({ store: cookie(), memo: false })),
  strongroom('cookie signed', inCookies, () => ({ store: cookie({ protection: 'signed' }) })),
]
