import { randomBytes } from 'node:crypto'
import {
  type BaseSessions,
  type CookieEngine,
  createSessions,
  type LoginOptions,
  type Session,
  type SessionsOptions,
  type Store,
} from 'strongroom'
import { cookie } from 'strongroom/cookie'
import type { AnyUser } from 'strongroom/internal'
import { type AttackContext, NotRun } from '../attack.ts'
import { type Choose, explore, Interleaver } from '../interleaver.ts'
import type { Site } from '../site.ts'

type Verb = 'renew' | 'change' | 'login' | 'revoke-others'
/** What it is called, what a thief does one after the other, and how the owner ends it. */
export type Plan = readonly [what: string, thief: readonly Verb[], end: 'logout' | 'revoke-all']

type Data = { theme: string }
type Everything = BaseSessions<Data> & { of(userId: string): AnyUser }

/** Sessions on the store of a site, in this process. */
export interface InProcess {
  readonly options: SessionsOptions
  /** The store itself; for sessions in cookies, that of their revocations; null without one. */
  readonly store: Store | null
  /** The same sessions on another view of the store, or with other options. */
  sessions(view?: (store: Store) => Store, more?: SessionsOptions): Everything
  close(): Promise<void>
}

export async function inProcess(site: Site): Promise<InProcess> {
  if (!site.sessionsOptions) throw new NotRun('Only rows of our own library can be attacked step by step.')
  const options = await site.sessionsOptions()
  const engine = options.store as Store | CookieEngine
  const store = 'kind' in engine ? (engine.revocations ?? null) : engine
  const viewed = (view: (store: Store) => Store) => {
    if (!store) return engine
    return 'kind' in engine ? cookie({ protection: engine.protection, revocations: view(store) }) : view(store)
  }
  return {
    options,
    store,
    sessions: (view = (same) => same, more = {}) =>
      createSessions<Data>({
        ...options,
        sweep: false,
        storeTimeout: '30s',
        ...more,
        store: viewed(view),
      } as SessionsOptions) as Everything,
    close: async () => store?.close(),
  }
}

export const hasRevokeAll = async (site: Site): Promise<boolean> => {
  const process = await inProcess(site)
  try {
    return await canEndAll(process.sessions())
  } finally {
    await process.close()
  }
}

/** This engine cannot do it, and says so. */
export const isUnsupported = (error: unknown): boolean => error instanceof Error && error.name === 'UnsupportedError'

async function canEndAll(sessions: Everything): Promise<boolean> {
  try {
    await sessions.of(`nobody-${randomBytes(6).toString('hex')}`).moment()
    return true
  } catch (error) {
    if (isUnsupported(error)) return false
    throw error
  }
}

const USUAL = { limit: 100, longest: 500 }
const THOROUGH = { limit: 5_000, longest: 60_000 }
/** A store that waits for its disk does that for several together. */
const ABREAST = 6

/** Runs the plan in many orders of the calls to the store, or all. */
export async function runPlan(site: Site, plan: Plan, { thorough, signal }: AttackContext) {
  const process = await inProcess(site)
  try {
    await expectSignIn(process)
    const places = Array.from({ length: ABREAST }, () => serversOn(process))
    const { complete, outcomes } = await explore((choose, place) => runOrder(places[place] as Servers, plan, choose), {
      ...(thorough ? THOROUGH : USUAL),
      abreast: ABREAST,
      signal,
    })
    return {
      orders: outcomes.length,
      complete,
      alive: outcomes.filter(({ alive }) => alive > 0).length,
      refused: outcomes.filter(({ isRefused }) => isRefused).length,
    }
  } finally {
    await process.close()
  }
}

/** A user who signs in is known on another server. Otherwise nothing could outlive anything. */
async function expectSignIn(process: InProcess): Promise<void> {
  const user = `ada-${randomBytes(6).toString('hex')}`
  const { cookie } = await signIn(process.sessions(), user)
  if ((await countAlive(process.sessions(), [cookie], user)) === 0)
    throw new Error('The store does not know a user who has just signed in, so no order shows anything.')
}

/** The thief's server and the owner's, so that neither remembers what the other has done, and one that has seen nothing. */
function serversOn(process: InProcess): Servers {
  const interleaver = new Interleaver()
  const theirs = process.sessions((store) => interleaver.store(0, store))
  const owners = process.sessions((store) => interleaver.store(1, store))
  return { interleaver, theirs, owners, third: process.sessions() }
}

interface Servers {
  readonly interleaver: Interleaver
  readonly theirs: Everything
  readonly owners: Everything
  readonly third: Everything
}

/** A browser in this process. */
interface Jar {
  cookie: string
  readonly copies: string[]
}

async function runOrder({ interleaver, theirs, owners, third }: Servers, [, verbs, end]: Plan, choose: Choose) {
  const user = `ada-${randomBytes(6).toString('hex')}`
  const owner = await signIn(owners, user)
  // A login that is under way has begun before the end: the thief's password was already being checked.
  const asOf = verbs.includes('login') ? await theirs.of(user).moment() : undefined
  const thief: Jar = { cookie: asOf ? '' : owner.cookie, copies: [] }
  const attack = async () => {
    for (const verb of verbs)
      await request(theirs, thief, async (session) => {
        if (verb === 'renew') session.renew()
        if (verb === 'change') session.set('theme', 'dark')
        if (verb === 'login') session.login(user, asOf ? { asOf } : {})
        if (verb === 'revoke-others') await theirs.of(user).revokeOthers(session)
      })
  }
  const ending = () =>
    end === 'revoke-all' ? owners.of(user).revokeAll() : request(owners, owner, (session) => session.logout())
  const [, ended] = await interleaver.run([attack, ending], choose)
  const isRefused = ended?.status === 'rejected'
  const copies = [...new Set([...owner.copies, ...thief.copies])]
  return { isRefused, alive: isRefused ? 0 : await countAlive(third, copies, user) }
}

/** The cookie of a new session of this user. */
export async function signInTo(sessions: Everything, user: string, options: LoginOptions = {}): Promise<string> {
  const jar: Jar = { cookie: '', copies: [] }
  await request(sessions, jar, (session) => session.login(user, options))
  return jar.cookie
}

async function signIn(sessions: Everything, user: string): Promise<Jar> {
  const jar: Jar = { cookie: '', copies: [] }
  await request(sessions, jar, (session) => session.login(user))
  return jar
}

async function request(sessions: Everything, jar: Jar, handler: (session: Session<Data>) => unknown): Promise<void> {
  const visit = sessions.open(jar.cookie === '' ? {} : { cookie: jar.cookie })
  await handler(await visit.get())
  const { setCookie } = await visit.commit()
  const pair = setCookie?.split(';', 1)[0]
  if (pair === undefined) return
  jar.copies.push(pair)
  jar.cookie = pair.endsWith('=') ? '' : pair
}

async function countAlive(sessions: Everything, copies: readonly string[], user: string): Promise<number> {
  const seen = await Promise.all(copies.map((cookie) => sessions.read({ cookie })))
  return seen.filter(({ userId }) => userId === user).length
}
