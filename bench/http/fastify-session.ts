import { randomBytes } from 'node:crypto'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import fastify, { type FastifyRequest } from 'fastify'
import { createClient } from 'redis'
import { type Data, signedIn } from '../data.ts'
import { type Contender, newName, urlIn } from './contender.ts'
import { listenTo } from './cookie-peers.ts'

/** There is no common type for the sessions of @fastify/session and of the store. */
const sessionIn = (request: FastifyRequest) => (request as unknown as { session: Data }).session

export const fastifySessionOnRedis: Contender = {
  name: '@fastify/session + redis',
  limit: 'limit: redis',
  needs: 'redis',
  routes: ['untouched', 'read', 'read-object', 'write'],
  async listen(place) {
    const client = createClient({ url: urlIn(place, 'redis') })
    await client.connect()
    const app = fastify()
    await app.register(fastifyCookie)
    await app.register(fastifySession, {
      secret: randomBytes(32).toString('hex'),
      saveUninitialized: false,
      cookie: { secure: false, maxAge: 1_800_000 },
      store: new RedisStore({ client, prefix: newName() }) as never,
    })
    app.get('/read', async (request) => ({ value: sessionIn(request).name }))
    app.get('/read-object', async (request) => ({ value: sessionIn(request).cart?.[0]?.sku }))
    app.get('/write', async (request) => {
      const session = sessionIn(request)
      session.n += 1
      return { value: session.index, n: session.n }
    })
    app.get<{ Params: { index: string } }>('/login/:index', async (request) => {
      const index = Number(request.params.index)
      await request.session.regenerate()
      Object.assign(sessionIn(request), signedIn(index))
      return { value: index }
    })
    return listenTo(app)
  },
}
