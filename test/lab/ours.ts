import { createSessions, type Sessions, type SessionsOptions, type Store } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { memory } from 'strongroom/memory'
import { withSessions } from 'strongroom/node'
import type { Site } from '../../packages/cli/src/lab/site.ts'
import { type Application, type Control, loopback } from './loopback.ts'

process.env.NODE_ENV = 'production'

const SECRET = 'Zk3v0pQ8mY5tR1xW7bN2cJ6hL9dS4gFa'

type Values = Record<string, string | number>

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

/** One of our engines in this process, as the lab's own rows run it in another. */
export async function ours(
  name: 'memory' | 'cookie' | 'cookie with revocations',
  seal?: 'two-key',
): Promise<Site & { readonly live: () => Promise<number> }> {
  const stored = counted(memory())
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
    const sessions = createSessions<Values>(options(stored.store, control))
    const listener = withSessions(sessions, async (request, response) => {
      const url = new URL(request.url ?? '', 'http://localhost')
      const { key = '', value = '', user = '', ...rest } = Object.fromEntries(url.searchParams)
      const session = await sessions.get(request)
      const isListed = url.pathname === '/login' && name !== 'cookie'
      const asOf = isListed ? await (sessions as Sessions<Values>).of(user).moment() : undefined
      await control.gate(url)
      if (rest.public) {
        response.setHeader('Cache-Control', 'public, max-age=60')
        response.setHeader('CDN-Cache-Control', 'public, max-age=60')
      }
      if (url.pathname === '/set') session.set(key, value)
      if (url.pathname === '/add') session.update(key, (before) => Number(before ?? 0) + 1)
      if (url.pathname === '/login') session.login(user, asOf && { asOf })
      if (url.pathname === '/logout') session.logout()
      if (url.pathname === '/renew') session.renew()
      if (url.pathname === '/revoke-all') {
        if (name === 'cookie') response.statusCode = 501
        else await (sessions as Sessions<Values>).of(user).revokeAll()
      }
      if (url.pathname === '/fail') {
        session.set(key, value)
        throw new Error(`failed after ${key}`)
      }
      // What this request has changed is in its response, or an error of the commit is.
      await sessions.save(request)
      const data = Object.fromEntries(session.keys().map((each) => [each, session.get(each)]))
      response.end(JSON.stringify({ user: session.userId, data }))
    })
    return {
      listener,
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
  return { ...site, live: async () => (await stats()).live }
}
