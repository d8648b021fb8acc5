import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { RequestHandler } from 'express'
import { type BaseSessions, createSessions, type SessionsOptions } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { strongroom as middleware } from 'strongroom/express'
import { type Figures, figures } from 'strongroom/figures'
import { file } from 'strongroom/file'
import { memory } from 'strongroom/memory'
import { sqlite } from 'strongroom/sqlite'
import { sessionOf, userOf, type Values } from '../data.ts'
import { type Handlers, serve } from './application.ts'
import { type Contender, type Place, ROUTES, type Route } from './contender.ts'

export type Kind = Pick<Contender, 'limit' | 'needs'> & Partial<Pick<Contender, 'routes' | 'visitorFactor'>>

export const sessionsWith =
  (options: (place: Place) => SessionsOptions) =>
  (place: Place): BaseSessions<Values> =>
    createSessions<Values>({ secrets: randomBytes(32), ...options(place) } as SessionsOptions)

export function strongroom(name: string, kind: Kind, options: (place: Place) => SessionsOptions): Contender {
  const open = sessionsWith(options)
  return {
    name: `strongroom ${name}`,
    routes: ROUTES,
    hasLogout: true,
    ...kind,
    open,
    listen(place) {
      const sessions = open(place)
      return serve({ ...handlersOf(sessions), figures: switching(sessions) }, middleware(sessions))
    },
  }
}

/** What is measured of a variant, which differs from another contender in one option. */
export const VARIANT: readonly Route[] = ['read', 'write']

/**
 * Ten times as many visitors as the memo holds, which is the common case on a busy site. In the memo a session of 1 KB counts
 * as about 8 KB, so this one holds a thousand.
 */
export const NEW_VISITORS = { kind: { routes: VARIANT, visitorFactor: 10 }, memo: 8 * 2 ** 20 } as const

const handlersOf = (sessions: BaseSessions<Values>): Handlers => ({
  read: async (request, response) => {
    const session = await sessions.get(request)
    response.json({ value: session.get('name') })
  },
  readObject: async (request, response) => {
    const session = await sessions.get(request)
    response.json({ value: session.get('cart')?.[0]?.sku })
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
    session.login(userOf(index))
    for (const [key, value] of Object.entries(sessionOf(index))) session.set(key, value)
    response.json({ value: index })
  },
  logout: async (request, response) => {
    const session = await sessions.get(request)
    session.logout()
    response.json({})
  },
})

/** Counts, or does not, so that one process can be measured both ways. Responds with how many requests were counted. */
function switching(sessions: BaseSessions<Values>): RequestHandler {
  let counting: Figures | null = null
  return async (request, response) => {
    const counted = counting ? await endCounting(counting) : 0
    counting = request.params.state === 'on' ? figures(sessions, { every: SELDOM }) : null
    response.json({ value: counted })
  }
}

/** How many requests it has counted that had a session. */
export async function endCounting(counting: Figures): Promise<number> {
  const { hour } = await counting.snapshot()
  await counting.close()
  return hour.total.counts.loaded ?? 0
}

/** With a history, but not so often that it is written in the middle of a slice: what that costs is measured by itself. */
export const SELDOM = '6h'

const inMemory = { limit: 'limit: memory' }
const inFiles = { limit: 'limit: file' }
const inSqlite = { limit: 'limit: sqlite' }
const inCookies = { limit: 'limit: cookie' }

const files = (directory: string) => join(directory, 'sessions')
const database = (directory: string) => join(directory, 'sessions.db')

/** Each embedded engine and seal, with the defaults apart from what the name says. */
export const ours: readonly Contender[] = [
  strongroom('memory none', inMemory, () => ({ store: memory() })),
  strongroom('memory two-key', inMemory, () => ({ store: memory(), seal: 'two-key' })),
  strongroom('memory two-key, node:crypto', { ...inMemory, routes: VARIANT }, () => ({
    store: memory(),
    seal: 'two-key',
    crypto: 'node',
  })),
  strongroom('memory two-key, no memo', { ...inMemory, routes: VARIANT }, () => ({
    store: memory(),
    seal: 'two-key',
    memo: false,
  })),
  strongroom('memory two-key, no memo, node:crypto', { ...inMemory, routes: VARIANT }, () => ({
    store: memory(),
    seal: 'two-key',
    memo: false,
    crypto: 'node',
  })),
  strongroom('memory two-key, new visitors', { ...inMemory, ...NEW_VISITORS.kind }, () => ({
    store: memory(),
    seal: 'two-key',
    memo: NEW_VISITORS.memo,
  })),
  strongroom('file two-key', inFiles, ({ directory }) => ({ store: file(files(directory)) })),
  strongroom('file two-key, not durable', { ...inFiles, routes: VARIANT }, ({ directory }) => ({
    store: file({ dir: files(directory), durable: false }),
  })),
  strongroom('sqlite two-key', inSqlite, ({ directory }) => ({ store: sqlite(database(directory)) })),
  strongroom('sqlite two-key, no memo', { ...inSqlite, routes: VARIANT }, ({ directory }) => ({
    store: sqlite(database(directory)),
    memo: false,
  })),
  strongroom('sqlite server-key', { ...inSqlite, routes: VARIANT }, ({ directory }) => ({
    store: sqlite(database(directory)),
    seal: 'server-key',
  })),
  strongroom('cookie sealed', inCookies, () => ({ store: cookie() })),
  strongroom('cookie sealed, node:crypto', { ...inCookies, routes: VARIANT }, () => ({
    store: cookie(),
    crypto: 'node',
  })),
  strongroom('cookie sealed, no memo', { ...inCookies, routes: VARIANT }, () => ({ store: cookie(), memo: false })),
  strongroom('cookie signed', { ...inCookies, routes: VARIANT }, () => ({ store: cookie({ protection: 'signed' }) })),
]
