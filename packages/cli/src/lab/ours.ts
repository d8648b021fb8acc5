import { randomBytes } from 'node:crypto'
import { type CookieEngine, createSessions, type Store } from 'strongroom'
import { engineFromUrl } from 'strongroom/internal'
import { APPLICATION, optionsFor } from './application.ts'
import { nodeProgram } from './process.ts'
import { type Backend, startSite } from './running.ts'
import type { Row } from './site.ts'
import { memoryBackend } from './stores/memory.ts'
import { sqliteBackend } from './stores/sqlite.ts'

/** What the default cookie of the library is called. */
const COOKIE = '__Host-id'

interface Ours {
  readonly name: string
  /** A URL of this engine, which need not lead anywhere: for what the engine says of itself. */
  readonly url: string
  /** Empty for the engine's default. */
  readonly seal?: 'two-key' | 'server-key' | 'none'
  backend(): Promise<Backend>
}

const OURS: readonly Ours[] = [
  { name: 'memory', url: 'memory:', backend: memoryBackend },
  { name: 'sqlite', url: 'sqlite:./sessions.db', backend: sqliteBackend },
]

function rowOf({ name, url, seal, backend }: Ours): Row {
  const engine = engineFromUrl(url)
  const { traits } = engine
  const info = {
    name,
    family: 'strongroom' as const,
    engine: traits.engine,
    seal: seal ?? sealOf(engine),
    traits,
  }
  const withSeal = async () => {
    const made = await backend()
    return { ...made, settings: { ...made.settings, seal: seal ?? '' } }
  }
  const runnable = {
    info,
    program: nodeProgram(APPLICATION),
    cookieName: COOKIE,
    shared: traits.shared !== 'process' || 'kind' in engine,
    backend: withSeal,
    sessionsOptions: optionsFor,
  }
  return { ...info, start: (options) => startSite(runnable, options) }
}

/** The seal that `createSessions` takes for this engine when nobody names one. */
function sealOf(engine: Store | CookieEngine): string {
  const sessions = createSessions({ store: engine as Store, secrets: randomBytes(32), sweep: false })
  return sessions.policy.seal
}

export const ourRows = (): Row[] => OURS.map(rowOf)
