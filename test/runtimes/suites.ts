import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import express from 'express'
import { Hono } from 'hono'
import { csrf as expressCsrf, strongroom as inExpress } from '../../packages/strongroom/src/adapters/express.ts'
import { csrf as fetchCsrf, withSessions as withFetch } from '../../packages/strongroom/src/adapters/fetch.ts'
import { csrf as honoCsrf, strongroom as inHono } from '../../packages/strongroom/src/adapters/hono.ts'
import { csrf as nodeCsrf, withSessions as withNode } from '../../packages/strongroom/src/adapters/node.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { memcached } from '../../packages/strongroom/src/engines/memcached/memcached.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Clock, Store } from '../../packages/strongroom/src/store.ts'
import { adapterSuite, manualClock, storeSuite } from '../../packages/strongroom/src/testing/index.ts'
import { environment, send, toResponse } from '../adapters/serve.ts'
import { serveFetch, serveNode } from './serve.ts'

/** Adapters, served as the runtime serves: each is a whole suite of conversations, over memory and cookies. */
export const ADAPTERS: Readonly<Record<string, () => void>> = {
  fetch: () =>
    adapterSuite('fetch', async (sessions, application, protection) => {
      const check = protection && fetchCsrf(sessions, protection)
      return serveFetch(
        withFetch(sessions, async (request) => {
          await check?.(request)
          const field = async (name: string) => (await request.formData()).get(name)
          return toResponse(await application({ request, url: request.url, field }))
        }),
      )
    }),
  hono: () =>
    adapterSuite('hono', async (sessions, application, protection) => {
      const app = new Hono()
      app.use(inHono(sessions))
      if (protection) app.use(honoCsrf(sessions, protection))
      app.onError((error) => new Response('failed', { status: 'status' in error ? Number(error.status) : 500 }))
      app.all('*', async (c) => {
        const field = async (name: string) => (await c.req.parseBody())[name]
        return toResponse(await application({ request: c, url: c.req.url, field }))
      })
      return serveFetch((request) => app.fetch(request))
    }),
  node: () =>
    adapterSuite('node', async (sessions, application, protection) => {
      const check = protection && nodeCsrf(sessions, protection)
      return serveNode(
        withNode(sessions, async (request, response) => {
          const form = check && new URLSearchParams(await text(request))
          await check?.(request, form?.get(protection?.field ?? '_csrf'))
          const field = (name: string) => form?.get(name)
          send(response, await application({ request, url: request.url ?? '', field }))
        }),
      )
    }),
  express: () =>
    adapterSuite('express', async (sessions, application, protection) => {
      const app = express().set('env', environment())
      app.use(inExpress(sessions))
      if (protection) app.use(express.urlencoded(), expressCsrf(sessions, protection))
      app.use(async (request, response) => {
        const field = (name: string) => request.body?.[name]
        await send(response, await application({ request, url: request.url, field }))
      })
      return serveNode(app)
    }),
}

interface Place {
  /** Opens a store; `beside` in the same place, with other data. */
  open(clock: Clock, beside: boolean): Store
  close?(): Promise<unknown>
}

/** A subject of the suite for each place. */
function suiteOver(name: string, place: () => Promise<Place> | Place): void {
  storeSuite(name, async () => {
    const clock = manualClock()
    const { open, close } = await place()
    const stores: Store[] = []
    const opened = (beside: boolean) => {
      const store = open(clock, beside)
      stores.push(store)
      return store
    }
    return {
      store: opened(false),
      clock,
      peer: async () => opened(false),
      sibling: async () => opened(true),
      async close() {
        for (const store of stores) await store.close()
        await close?.()
      },
    }
  })
}

async function directory() {
  const path = await mkdtemp(join(tmpdir(), 'strongroom-runtimes-'))
  return { path, close: () => rm(path, { recursive: true, force: true }) }
}

let names = 0
/** That no other test of this process, nor of another one on the same server, has. */
const newName = () => `t_${process.pid}_${names++}`

/** Of a server that the parent process has started. */
const addressOf = (server: string): string => process.env[`STRONGROOM_${server}`] ?? ''

/** Engines: each has the whole contract of a store checked. */
export const ENGINES: Readonly<Record<string, () => void>> = {
  memory: () =>
    storeSuite('memory', async () => {
      const clock = manualClock()
      const store = memory({ clock })
      return { store, clock, close: () => store.close() }
    }),
  file: () =>
    suiteOver('file', async () => {
      const { path, close } = await directory()
      const open = (clock: Clock, beside: boolean) =>
        file({ dir: join(path, beside ? 'beside' : 'sessions'), clock, timeout: 20_000 })
      return { open, close }
    }),
  sqlite: () =>
    suiteOver('sqlite', async () => {
      const { path, close } = await directory()
      const open = (clock: Clock, beside: boolean) =>
        sqlite({ path: join(path, 's.db'), clock, timeout: 20_000, ...(beside && { table: 'beside' }) })
      return { open, close }
    }),
  redis: () =>
    suiteOver('redis', () => {
      const prefix = `${newName()}:`
      return {
        open: (clock, beside) =>
          redis({ url: addressOf('REDIS'), clock, timeout: 5_000, prefix: beside ? `${prefix}beside:` : prefix }),
      }
    }),
  postgres: () =>
    suiteOver('postgres', () => {
      const table = newName()
      return {
        open: (clock, beside) =>
          postgres({
            url: addressOf('POSTGRES'),
            clock,
            timeout: 20_000,
            createTable: true,
            table: beside ? `${table}_beside` : table,
          }),
      }
    }),
  mysql: () =>
    suiteOver('mysql', () => {
      const table = newName()
      return {
        open: (clock, beside) =>
          mysql({
            url: addressOf('MYSQL'),
            clock,
            timeout: 20_000,
            createTable: true,
            table: beside ? `${table}_beside` : table,
          }),
      }
    }),
  memcached: () =>
    suiteOver('memcached', () => {
      const prefix = `${newName()}:`
      return {
        open: (clock, beside) =>
          memcached({
            servers: [addressOf('MEMCACHED')],
            clock,
            timeout: 5_000,
            prefix: beside ? `${prefix}beside:` : prefix,
          }),
      }
    }),
}
