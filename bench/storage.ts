import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BaseSessions, createSessions } from 'strongroom'
import type { Figure } from './figures.ts'
import { type CountedStore, openers } from './storage/stores.ts'

export interface StorageOptions {
  /** How many sessions are stored in each size, and how many of 1 KB among which operations are measured. */
  readonly few: number
  readonly many: number
  readonly say: (line: string) => void
}

/** Bytes of a session's data as JSON. Two would make a line through anything; the third shows whether it is one. */
export const SIZES = [256, 1024, 4096] as const
const USUAL = 1024
/** How many operations of each kind are measured. */
const OPERATIONS = 2000
const PARALLEL = 32
const HOUR = 3_600_000

export const OPERATION_NAMES = ['read', 'touch', 'write', 'login', 'logout'] as const
type Operation = (typeof OPERATION_NAMES)[number]

export const STORAGE_UNITS = {
  size: 'bytes per session',
  log: 'bytes of log',
  server: "µs of the server's processor time",
} as const

/**
 * What sizing needs: the bytes that a session takes where it is stored, by the size of its data; and for each operation, what it
 * adds to the server's log and what it costs the server's processor. Every session has a user of its own.
 */
export async function measureStorage({ few, many, say }: StorageOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [engine, open] of openers()) {
    const folder = mkdtempSync(join(tmpdir(), 'strongroom-bench-'))
    const server = await open(folder)
    const common = { bench: 'storage', contender: `strongroom ${engine} two-key`, ratioToLimit: null } as const
    try {
      for (const size of SIZES) {
        const count = size === USUAL ? many : few
        say(`storage, ${engine}, ${count} sessions of ${size} bytes`)
        const store = await server.open(`of_${size}`)
        const { value, cookies, secrets } = await filled(store, size, count)
        figures.push({ ...common, route: `${count} sessions of ${size} bytes`, value, unit: STORAGE_UNITS.size })
        if (size === USUAL) figures.push(...(await costs(store, { cookies, secrets, say, engine, common })))
        await store.close()
      }
    } finally {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return figures
}

/** Touches are due when the clock is this far ahead. */
const sessionsAt = (store: CountedStore['store'], secrets: Uint8Array, ahead = 0): BaseSessions<Values> =>
  createSessions<Values>({
    store,
    secrets,
    memo: false,
    sweep: false,
    idle: '2d',
    absolute: '4d',
    clock: () => Date.now() + ahead,
  }) as BaseSessions<Values>

interface Values extends Record<string, unknown> {
  n: number
  data: string
}

async function filled(store: CountedStore, size: number, count: number) {
  const secrets = randomBytes(32)
  const sessions = sessionsAt(store.store, secrets)
  const before = await store.bytes()
  const cookies: string[] = []
  let next = 0
  const worker = async () => {
    while (next < count) {
      const index = next++
      cookies[index] = await login(sessions, `user-${index}`, size)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
  return { value: ((await store.bytes()) - before) / count, cookies, secrets }
}

async function login(sessions: BaseSessions<Values>, user: string, size: number): Promise<string> {
  const visit = sessions.open({})
  const session = await visit.get()
  session.login(user)
  session.set('n', 0)
  session.set('data', '')
  // As JSON, {"n":0,"data":"…"} has 16 bytes without the string.
  session.set(
    'data',
    randomBytes(size)
      .toString('base64url')
      .slice(0, size - 16),
  )
  const { setCookie } = await visit.commit()
  return (setCookie as string).split(';', 1)[0] as string
}

interface Measured {
  readonly cookies: readonly string[]
  readonly secrets: Uint8Array
  readonly engine: string
  readonly common: Pick<Figure, 'bench' | 'contender' | 'ratioToLimit'>
  readonly say: StorageOptions['say']
}

/** One operation at a time, each on a session of its own. */
async function costs({ store, log, serverTime }: CountedStore, { cookies, secrets, engine, common, say }: Measured) {
  const figures: Figure[] = []
  const sessions = sessionsAt(store, secrets)
  const later = sessionsAt(store, secrets, 6 * HOUR)
  const share = Math.min(OPERATIONS, Math.floor(cookies.length / OPERATION_NAMES.length))
  const operations: Record<Operation, (cookie: string, index: number) => Promise<unknown>> = {
    read: (cookie) => visit(sessions, cookie, () => {}),
    touch: (cookie) => visit(later, cookie, () => {}),
    write: (cookie, index) => visit(sessions, cookie, (session) => session.set('n', index + 1)),
    login: (_cookie, index) => login(sessions, `another-${index}`, USUAL),
    logout: (cookie) => visit(sessions, cookie, (session) => session.logout()),
  }
  for (const [at, name] of OPERATION_NAMES.entries()) {
    say(`storage, ${engine}, ${name}`)
    const [logged, time] = [await log?.(), serverTime?.()]
    for (let i = 0; i < share; i++) await operations[name](cookies[at * share + i] as string, i)
    const [loggedAfter, timeAfter] = [await log?.(), serverTime?.()]
    if (time !== undefined && timeAfter !== undefined)
      figures.push({ ...common, route: name, value: (timeAfter - time) / share, unit: STORAGE_UNITS.server })
    if (logged !== undefined && loggedAfter !== undefined)
      figures.push({ ...common, route: name, value: (loggedAfter - logged) / share, unit: STORAGE_UNITS.log })
  }
  return figures
}

type Handler = (session: Awaited<ReturnType<ReturnType<BaseSessions<Values>['open']>['get']>>) => void

async function visit(sessions: BaseSessions<Values>, cookie: string, handler: Handler): Promise<void> {
  const opened = sessions.open({ cookie })
  const session = await opened.get()
  if (session.userId === null) throw new Error('A session that was stored was not found again.')
  handler(session)
  await opened.commit()
}
