import { fastify } from 'fastify'
import type { SessionsOptions } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { strongroom } from 'strongroom/fastify'
import { redis } from 'strongroom/redis'
import { sessionOf, userOf, type Values } from '../data.ts'
import { type Contender, newName, type Place, urlIn } from './contender.ts'
import { listenTo } from './cookie-peers.ts'
import { type Kind, sessionsWith } from './strongroom.ts'

function onFastify(name: string, kind: Kind, options: (place: Place) => SessionsOptions): Contender {
  const open = sessionsWith(options)
  return {
    name: `strongroom ${name} on Fastify`,
    routes: ['read', 'read-object', 'write'],
    ...kind,
    open,
    async listen(place) {
      const sessions = open(place)
      const app = fastify()
      await app.register(strongroom<Values>(sessions))
      app.get('/read', async (request) => ({ value: (await sessions.get(request)).get('name') }))
      app.get('/read-object', async (request) => ({ value: (await sessions.get(request)).get('cart')?.[0]?.sku }))
      app.get('/write', async (request) => {
        const session = await sessions.get(request)
        const n = (session.get('n') ?? 0) + 1
        session.set('n', n)
        return { value: session.get('index'), n }
      })
      app.get<{ Params: { index: string } }>('/login/:index', async (request) => {
        const index = Number(request.params.index)
        const session = await sessions.get(request)
        session.login(userOf(index))
        for (const [key, value] of Object.entries(sessionOf(index))) session.set(key, value)
        return { value: index }
      })
      return listenTo(app)
    },
  }
}

export const redisOnFastify = onFastify('redis two-key', { limit: 'limit: redis', needs: 'redis' }, (place) => ({
  store: redis({ url: urlIn(place, 'redis'), prefix: newName() }),
}))

/** Beside @fastify/secure-session, and Fastify without any session. */
export const cookieOnFastify = onFastify(
  'cookie sealed',
  { limit: 'fastify', routes: ['untouched', 'read', 'read-object', 'write'] },
  () => ({ store: cookie() }),
)
