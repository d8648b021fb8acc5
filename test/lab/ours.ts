import type { IncomingMessage, ServerResponse } from 'node:http'
import { createSessions, type SessionsOptions, type Store, StrongroomError } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { memory } from 'strongroom/memory'
import { type AnySessions, type Data, listenerOn } from '../../packages/cli/src/lab/routes.ts'
import type { Site } from '../../packages/cli/src/lab/site.ts'
import { type Application, type Control, loopback } from './loopback.ts'

process.env.NODE_ENV = 'production'

const SECRET = 'Zk3v0pQ8mY5tR1xW7bN2cJ6hL9dS4gFa'

/** Counts the calls of a store. */
function counted<S extends Store>(store: S): { store: S; calls: () => number } {
  let calls = 0
  const counting = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || name === 'authenticate') return value
      return (...args: unknown[]) => {
        calls += 1
        return value.apply(target, args)
      }
    },
  })
  return { store: counting, calls: () => calls }
}

export interface OurSite extends Site {
  /** How many sessions the store has; none where they are in their cookies. */
  live(): Promise<number>
}

/** One of our engines in this process, as the lab's own rows run it in another. */
export async function ours(
  name: 'memory' | 'cookie' | 'cookie with revocations',
  seal?: 'two-key',
  opened: Store = memory(),
): Promise<OurSite> {
  const stored = counted(opened)
  const engine = (store: Store) => {
    if (name === 'memory') return store
    return name === 'cookie' ? cookie() : cookie({ revocations: store })
  }
  const options = (store: Store, control?: Control): SessionsOptions => ({
    store: engine(store),
    secrets: SECRET,
    idle: control?.options.idle ?? '1h',
    sweep: false,
    ...(seal && name === 'memory' && { seal }),
    ...(control && { clock: control.now }),
    ...(control?.options.cookieName && { cookie: { name: control.options.cookieName } }),
  })
  const { policy, stats } = createSessions(options(stored.store))
  const create = (control: Control): Application => {
    const sessions = createSessions<Data>(options(stored.store, control))
    return {
      listener: listenerOn(sessions as AnySessions, { onError }),
      cookieName: sessions.policy.cookieName,
      secrets: [SECRET],
      isShared: true,
      storeCalls: stored.calls,
      sweep: () => sessions.clearExpired(),
      sessionsOptions: async () => options(memory()),
    }
  }
  const kind = name === 'memory' ? 'memory' : 'cookie'
  const site = await loopback(
    { name, family: 'strongroom', engine: kind, seal: policy.seal, version: 'this repository', traits: policy.traits },
    create,
  )
  return { ...site, live: async () => (name === 'memory' ? (await stats()).live : 0) }
}

/** As the default in production, without its warnings: here, handlers fail on purpose. */
function onError(error: unknown, _request: IncomingMessage, response: ServerResponse): void {
  response.statusCode = error instanceof StrongroomError ? error.status : 500
  response.end(error instanceof StrongroomError ? error.publicMessage : 'Internal Server Error')
}
