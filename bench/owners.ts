import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type IndexedStore, type LoginOptions, type ScannableStore, SessionLimitError, type Sessions } from 'strongroom'
import { memory } from 'strongroom/memory'
import { mysql } from 'strongroom/mysql'
import { postgres } from 'strongroom/postgres'
import { redis } from 'strongroom/redis'
import { sqlite } from 'strongroom/sqlite'
import type { Values } from './data.ts'
import { type Figure, median } from './figures.ts'
import { begin } from './micro/sessions.ts'
import { type ProcessorTimes, processorTimes, UNITS } from './scale/cost.ts'
import { type ServerClock, serverClock } from './scale/processes.ts'
import { sessionsIn } from './scale/seed.ts'
import { installed, type RunningServer, type ServerName, startServers } from './servers.ts'

export interface OwnersOptions {
  /** How many sessions the users have: an ordinary one, and one whose scripts log in and never log out. */
  readonly few: number
  readonly many: number
  readonly say: (line: string) => void
}

export const PAUSE = 'µs, longest pause of the event loop'

type OwnersStore = IndexedStore & ScannableStore

interface Place {
  readonly store: OwnersStore
  readonly serverTime?: ServerClock | undefined
  close(): Promise<void>
}

interface User {
  readonly index: number
  readonly owner: string
  readonly store: OwnersStore
  readonly sessions: Sessions<Values>
}

type Step = (user: User, few: number) => Promise<unknown>

/** With the defaults. Resolves to null where its server is not installed. */
const ENGINES: Readonly<Record<string, () => Promise<Place | null>>> = {
  memory: async () => ({ store: memory({ max: 2 ** 18, maxBytes: 2 ** 32 }), async close() {} }),
  sqlite: openSqlite,
  redis: () => onServer('redis', (url) => redis(url)),
  postgres: () => onServer('postgres', (url) => postgres({ url, createTable: true })),
  mysql: () => onServer('mysql', (url) => mysql({ url, createTable: true })),
}

/** These leave the user's sessions as they are, but for those that they add. */
const READING: Readonly<Record<string, Step>> = {
  'first page of the list': ({ store, owner }) => store.byOwner.list(owner)[Symbol.asyncIterator]().next(),
  'the 20 newest devices': ({ sessions, index }) => sessions.of(nameOf(index)).list(undefined, { limit: 20 }),
  'all devices': ({ sessions, index }) => sessions.of(nameOf(index)).list(),
  'login that a limit refuses': (user, few) => logIn(user, { limit: few, atLimit: 'refuse' }),
  'login within a limit': (user) => logIn(user, { limit: 1_000_000 }),
}
const ENDING: Readonly<Record<string, Step>> = {
  'login that ends the oldest': (user, few) => logIn(user, { limit: few }),
  'log out everywhere': ({ sessions, index }) => sessions.of(nameOf(index)).revokeAll(),
}

/** How often a step is measured for the user with few sessions and, where it ends none, for the one with many. */
const [TIMES, TIMES_MANY] = [20, 5]

/** What lists, limits and "log out everywhere" cost for a user with few sessions and for one with many. */
export async function measureOwners({ few, many, say }: OwnersOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [engine, open] of Object.entries(ENGINES)) {
    const place = await open()
    if (!place) continue
    try {
      say(`owners, filling ${engine}`)
      const ending = Object.keys(ENDING).length
      const users = await makeUsers(place, [few, many, ...Array(ending * TIMES).fill(few), ...Array(ending).fill(many)])
      const [ordinary, busy, ...others] = users as [User, User, ...User[]]
      say(`owners, measuring ${engine}`)
      for (const [what, step] of Object.entries(READING)) {
        const run = async (user: User, times: number) => measure(Array(times).fill(user), step, { place, few })
        figures.push(...figuresOf(engine, what, [few, await run(ordinary, TIMES)], [many, await run(busy, TIMES_MANY)]))
      }
      const rich = others.splice(ending * TIMES)
      for (const [what, step] of Object.entries(ENDING)) {
        const small = await measure(others.splice(0, TIMES), step, { place, few })
        const large = await measure(rich.splice(0, 1), step, { place, few })
        figures.push(...figuresOf(engine, what, [few, small], [many, large]))
      }
      say(`owners, ${engine} is measured`)
    } finally {
      await place.store.close()
      await place.close()
    }
  }
  return figures
}

async function openSqlite(): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-bench-'))
  const close = async () => rmSync(directory, { recursive: true, force: true })
  return { store: sqlite({ path: join(directory, 'sessions.db') }), close }
}

async function onServer(name: ServerName, open: (url: string) => OwnersStore): Promise<Place | null> {
  if (!installed(name)) return null
  const servers = await startServers([name])
  const { url, port } = servers.running[name] as RunningServer
  return { store: open(url), serverTime: serverClock(port), close: () => servers.stop() }
}

/** One user for each count. */
async function makeUsers({ store }: Place, counts: readonly number[]): Promise<User[]> {
  const sessions = sessionsIn(store)
  for (const [index, count] of counts.entries())
    for (let left = count; left > 0; left -= 100)
      await Promise.all(Array.from({ length: Math.min(left, 100) }, () => begin(sessions, index)))
  const owned = new Map<string, number>()
  for await (const page of store.scan())
    for (const { owner } of page) if (owner !== null) owned.set(owner, (owned.get(owner) ?? 0) + 1)
  // Which owner is which user makes no difference where they have the same number of sessions.
  const ownerWith = (count: number) => [...owned].find(([, have]) => have === count)?.[0] as string
  return counts.map((count, index) => ({ index, owner: ownerWith(count), store, sessions }))
}

const nameOf = (index: number) => `user-${index}`

async function logIn({ sessions, index }: User, options: LoginOptions): Promise<void> {
  const visit = sessions.open({})
  const session = await visit.get()
  session.login(nameOf(index), options)
  try {
    await visit.commit()
  } catch (error) {
    if (!(error instanceof SessionLimitError)) throw error
  }
}

interface Measured extends ProcessorTimes {
  readonly median: number
  readonly pause: number
}

async function measure(
  users: readonly User[],
  step: Step,
  { place: { serverTime }, few }: { readonly place: Place; readonly few: number },
): Promise<Measured> {
  const times: number[] = []
  const pauses = monitorEventLoopDelay({ resolution: 1 })
  pauses.enable()
  const { processor, server } = await processorTimes(serverTime, async () => {
    for (const user of users) {
      const began = performance.now()
      await step(user, few)
      times.push((performance.now() - began) * 1000)
    }
  })
  pauses.disable()
  return {
    median: median(times),
    processor: processor / users.length,
    server: server === null ? null : server / users.length,
    pause: pauses.max / 1000,
  }
}

/** Ratios are of the user with few sessions to the one with many. */
function figuresOf(
  engine: string,
  what: string,
  ...[[few, small], [many, large]]: [small: [number, Measured], large: [number, Measured]]
): Figure[] {
  const contender = `strongroom ${engine} two-key`
  const units = { ...UNITS, pause: PAUSE }
  const of = (count: number, measured: Measured) =>
    (Object.keys(measured) as (keyof Measured)[]).flatMap((part): Figure[] => {
      const [value, least] = [measured[part], small[part]]
      if (value === null || least === null) return []
      const route = `${what}, of ${count} sessions`
      return [{ bench: 'scale', contender, route, value, unit: units[part], ratioToLimit: least / value }]
    })
  return [...of(few, small), ...of(many, large)]
}
