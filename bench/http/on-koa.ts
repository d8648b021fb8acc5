import { once } from 'node:events'
import type { Server } from 'node:http'
import Koa, { type DefaultContext } from 'koa'
import type { BaseSessions } from 'strongroom'
import { strongroom } from 'strongroom/koa'
import { memory } from 'strongroom/memory'
import { sessionOf, userOf, type Values } from '../data.ts'
import { NOT_ASKED } from './application.ts'
import type { Contender } from './contender.ts'
import { sessionsWith } from './strongroom.ts'

type Routes = Readonly<Record<string, (ctx: DefaultContext & { path: string }) => unknown>>

/** By the first segment of the path: Koa itself has no router. */
async function serve(routes: Routes, sessions?: BaseSessions<Values>): Promise<Server> {
  const app = new Koa()
  if (sessions) app.use(strongroom(sessions))
  app.use(async (ctx) => {
    const [, name = ''] = ctx.path.split('/', 2)
    ctx.body = await routes[name]?.(ctx)
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const untouched = () => ({ value: NOT_ASKED })

const koaAlone: Contender = {
  name: 'koa',
  limit: 'koa',
  routes: ['untouched'],
  trustsAnyCookie: true,
  listen: () => serve({ untouched, login: () => ({}) }),
}

const open = sessionsWith(() => ({ store: memory(), seal: 'two-key' }))

/** There is no peer here: koa-session has its sessions in signed cookies that anyone can read. */
const memoryOnKoa: Contender = {
  name: 'strongroom memory two-key on Koa',
  limit: 'koa',
  routes: ['untouched', 'read', 'read-object', 'write'],
  open,
  listen(place) {
    const sessions = open(place)
    const routes: Routes = {
      untouched,
      read: async (ctx) => ({ value: (await sessions.get(ctx)).get('name') }),
      'read-object': async (ctx) => ({ value: (await sessions.get(ctx)).get('cart')?.[0]?.sku }),
      async write(ctx) {
        const session = await sessions.get(ctx)
        const n = (session.get('n') ?? 0) + 1
        session.set('n', n)
        return { value: session.get('index'), n }
      },
      async login(ctx) {
        const index = Number(ctx.path.split('/')[2])
        const session = await sessions.get(ctx)
        session.login(userOf(index))
        for (const [key, value] of Object.entries(sessionOf(index))) session.set(key, value)
        return { value: index }
      },
    }
    return serve(routes, sessions)
  },
}

export const onKoa: readonly Contender[] = [koaAlone, memoryOnKoa]
