import { randomBytes } from 'node:crypto'
import type { SessionsOptions } from 'strongroom'
import { NotRun } from './attack.ts'
import { ApplicationProcess, type Program } from './process.ts'
import type { StartConfig } from './protocol.ts'
import type { RowInfo } from './report.ts'
import { NotShared, type Site, type SiteOptions, type Storage, type Thief } from './site.ts'

/** What stands behind an application: a server of the lab's own, a folder, or nothing. */
export interface Backend {
  /** What the application needs to find it. */
  readonly settings: Readonly<Record<string, string>>
  readonly storage: Storage
  /** "PostgreSQL 17.2"; null where there is no server. */
  readonly version: string | null
  /**
   * For a store that ends sessions by a clock of its own, which nobody can set: makes everything in it so much older, in ms, or younger
   * if it is negative. Called when the clock of the first application on it is set, so that time passes for both.
   */
  age?(by: number): Promise<void>
  /** Ends what was started, and removes its data. */
  stop(): Promise<void>
}

/** What a row needs to run; the rest is the same for all of them. */
export interface Runnable {
  readonly info: Omit<RowInfo, 'version'>
  readonly program: Program
  readonly cookieName: string
  /** Do other processes see the same sessions? */
  readonly shared: boolean
  /** "strongroom 0.1.0", where the application does not say it. */
  readonly library?: string
  backend(): Promise<Backend>
  thief?(config: StartConfig): Thief
  /** See `Site`. */
  sessionsOptions?(config: StartConfig): SessionsOptions
}

/** In ms. */
const IDLE = 3_600_000

const newSecret = () => randomBytes(32).toString('base64url')

/** Starts the backend and an application on it. */
export async function startSite(runnable: Runnable, options: SiteOptions = {}): Promise<Site> {
  const backend = await runnable.backend()
  const shared: Shared = { backend, secrets: [newSecret()], users: 0 }
  try {
    return await siteOn(runnable, shared, options)
  } catch (error) {
    await backend.stop()
    throw error
  }
}

interface Shared {
  readonly backend: Backend
  readonly secrets: readonly string[]
  /** Sites that use it. The last one stops it. */
  users: number
}

async function siteOn(runnable: Runnable, shared: Shared, options: SiteOptions): Promise<Site> {
  const { backend, secrets } = shared
  const config: StartConfig = {
    port: 0,
    cookieName: options.cookieName ?? runnable.cookieName,
    idle: options.idle ?? IDLE,
    clockBy: options.clockBy ?? 0,
    secrets,
    settings: backend.settings,
  }
  const application = await ApplicationProcess.start(runnable.program, config)
  // Time passes once for what they share, however many clocks are set.
  const isFirst = shared.users++ === 0
  let stopped = false
  const library = application.version ?? runnable.library ?? null
  const version = [library, backend.version].filter((part) => part !== null).join(' on ') || null
  const when = <T>(can: boolean, then: T): T | null => (can ? then : null)
  let ahead = config.clockBy
  const setClock = async (by: number) => {
    await application.ask('clock', by)
    if (isFirst) await backend.age?.(by - ahead)
    ahead = by
  }
  return {
    row: { ...runnable.info, version },
    url: application.url,
    cookieName: config.cookieName,
    secrets,
    storage: backend.storage,
    shared: runnable.shared,
    waiting: (gate) => application.waiting(gate),
    open: (gate) => application.open(gate),
    clock: when(application.can('clock'), setClock),
    sweep: when(application.can('sweep'), async () => void (await application.ask('sweep'))),
    storeCalls: when(application.can('storeCalls'), async () => counted(await application.ask('storeCalls'))),
    memory: when(application.can('memory'), () => application.memory()),
    ...(runnable.thief && { thief: runnable.thief(config) }),
    ...(runnable.sessionsOptions && { sessionsOptions: async () => runnable.sessionsOptions?.(config) ?? {} }),
    async another(other = {}) {
      if (!runnable.shared) throw new NotShared(`${runnable.info.name}: sessions stay in one process.`)
      return siteOn(runnable, shared, other)
    },
    kill: () => application.kill(),
    restart: () => application.start(),
    async stop() {
      if (stopped) return
      stopped = true
      await application.kill()
      if (--shared.users === 0) await backend.stop()
    },
  }
}

function counted(value: number | null): number {
  if (value === null) throw new NotRun('The application does not count the calls of its store.')
  return value
}
