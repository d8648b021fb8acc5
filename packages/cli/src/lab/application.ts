import { readFileSync } from 'node:fs'
import { type CookieEngine, createSessions, type SealName, type SessionsOptions, type Store } from 'strongroom'
import { engineFromUrl } from 'strongroom/internal'
import { useDriversOfApplication } from '../drivers.ts'
import type { StartConfig } from './protocol.ts'
import { type AnySessions, type Data, listenerOn } from './routes.ts'
import { type Application, serve } from './serve.ts'

/** This file, which runs as a process of its own: the application of our rows. */
export const APPLICATION = new URL(import.meta.url)

const manifest = new URL(import.meta.resolve('strongroom/package.json'))
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }

/**
 * How the application makes its sessions; its store is opened by this call. `settings` has the store, as `createSessions` takes it, and
 * the seal, which is empty for the default.
 */
export function optionsFor({ cookieName, idle, secrets, settings }: StartConfig): SessionsOptions {
  const { store = '', seal = '' } = settings
  return {
    store: engineFromUrl(store),
    secrets: [...secrets],
    cookie: { name: cookieName },
    idle,
    // Sweeps run when the lab says so.
    sweep: false,
    ...(seal !== '' && { seal: seal as SealName }),
    // A busy machine is not an outage.
    storeTimeout: '10s',
    on: () => undefined,
  }
}

async function make(config: StartConfig): Promise<Application> {
  useDriversOfApplication()
  const calls = { count: 0 }
  const options = optionsFor(config)
  const store = countingEngine(options.store as Store | CookieEngine, calls)
  const sessions = createSessions<Data>({ ...options, store } as SessionsOptions) as AnySessions
  await sessions.schema?.migrate()
  return {
    listener: listenerOn(sessions),
    version: `strongroom ${version}`,
    sweep: () => sessions.clearExpired(),
    storeCalls: () => calls.count,
  }
}

function countingEngine(engine: Store | CookieEngine, calls: { count: number }): Store | CookieEngine {
  if (!('kind' in engine)) return counting(engine, calls)
  return engine.revocations ? { ...engine, revocations: counting(engine.revocations, calls) } : engine
}

const COUNTED: readonly (string | symbol)[] = ['create', 'read', 'readSync', 'update', 'updateSync', 'touch', 'delete']

/** The store itself, with a count of the calls that are about a session. */
function counting(store: Store, calls: { count: number }): Store {
  const methods = new Map<string | symbol, unknown>()
  return new Proxy(store, {
    get(target, name) {
      const found = methods.get(name)
      if (found) return found
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = (...args: readonly unknown[]) => {
        if (COUNTED.includes(name)) calls.count++
        return Reflect.apply(value, target, args)
      }
      methods.set(name, method)
      return method
    },
  })
}

if (process.argv[1] === import.meta.filename) await serve(make)
