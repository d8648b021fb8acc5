import type { TestContext } from 'node:test'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { type PendingSession, strongroom } from '../../packages/strongroom/src/adapters/fastify.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { http1 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { slowSessions, type Values } from './site.ts'

/** By hand, because @fastify/session declares `request.session`, too, and this repository has both. */
export const sessionOf = (request: FastifyRequest) => request.getDecorator<PendingSession<Values>>('session')

export interface Site {
  readonly app: FastifyInstance
  readonly sessions: ReturnType<typeof slowSessions>['sessions']
  readonly watch: ReturnType<typeof slowSessions>['watch']
  readonly visitor: Visitor
  readonly url: string
}

/** An application whose plugin is registered, unless `plugin` is false. `/read` responds with the data. */
export async function site(
  t: TestContext,
  build: (app: FastifyInstance, sessions: Site['sessions']) => unknown,
  { plugin = true, options = {} }: { plugin?: boolean; options?: object } = {},
): Promise<Site> {
  const { sessions, watch } = slowSessions()
  const app = fastify({ forceCloseConnections: true, ...options }) as unknown as FastifyInstance
  if (plugin) app.register(strongroom(sessions))
  app.get('/read', async (request) => {
    const session = await sessions.get(request)
    return { userId: session.userId, ...Object.fromEntries(session.keys().map((key) => [key, session.get(key)])) }
  })
  await build(app, sessions)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => app.close())
  const client = http1(url)
  t.after(() => client.close())
  return { app, sessions, watch, url, visitor: new Visitor(client) }
}

export const down = ({ watch }: Pick<Site, 'watch'>, calls = ['update', 'create']) => {
  watch.before = (call) => {
    if (calls.includes(call)) throw new StoreError('Redis at "10.0.0.1:6379" refused the connection.')
  }
}
