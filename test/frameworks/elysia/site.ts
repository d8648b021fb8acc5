/** An application of Elysia that runs on Node and on Bun. It prints its address. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Elysia, file, status, t } from 'elysia'
import { strongroom } from '../../../packages/strongroom/src/adapters/elysia.ts'
import { withSessions } from '../../../packages/strongroom/src/adapters/fetch.ts'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { StrongroomError } from '../../../packages/strongroom/src/errors.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'

type Values = Record<string, unknown>

const watch = watched(memory({ max: 1000 }))
let isDown = false
watch.before = async (call) => {
  await new Promise((resolve) => setImmediate(resolve))
  if (isDown && call !== 'read') throw new Error('down')
}
const sessions: Sessions<Values> = createSessions<Values>({
  secrets: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2),
  store: watch.store as ReturnType<typeof memory>,
  on: () => {},
})

const isBun = 'Bun' in globalThis
const adapter = isBun ? {} : { adapter: (await import('@elysiajs/node')).node() }

const page = join(mkdtempSync(join(tmpdir(), 'strongroom-elysia-')), 'page.txt')
writeFileSync(page, 'a file')

/** A handler may return the same response to every visitor. */
const SHARED = new Response(null, { status: 204 })

/** Uses the plugin itself, as an application that is written to be used by others. */
const child = new Elysia({ prefix: '/child' }).use(strongroom(sessions)).get('/login', async ({ session }) => {
  ;(await session).login('ada')
  return String((await session).get('basket'))
})

const app = new Elysia(adapter)
  .onError(({ error, code, path, request }) => {
    if (error instanceof StrongroomError)
      return { code, message: error.publicMessage, path, header: request.headers.get('x-own') }
    if (code === 'NOT_FOUND') return new Response('own 404', { status: 404 })
    if (path === '/logout-fails') return new Response('own 500', { status: 500 })
    if (code === 'VALIDATION' || typeof code === 'number') return
    return 'failed'
  })
  .use(strongroom(sessions))
  .onBeforeHandle(async ({ path, session }) => {
    if (path.startsWith('/child')) (await session).set('basket', 1)
  })
  .use(child)
  .get('/plain', () => 'plain')
  .get('/constant', 'constant')
  .get('/read', async ({ session }) => {
    const s = await session
    return { userId: s.userId, ...Object.fromEntries(s.keys().map((key) => [key, s.get(key)])) }
  })
  .get('/login', async ({ request }) => {
    ;(await sessions.get(request)).login('ada')
    return 'welcome'
  })
  .get('/set/text', async ({ session }) => {
    ;(await session).set('a', 1)
    return 'text'
  })
  .get('/set/json', async ({ session }) => {
    ;(await session).set('a', 1)
    return { a: 1 }
  })
  .get('/set/status', async ({ session }) => {
    ;(await session).set('a', 1)
    return status(418, 'tea')
  })
  .get('/set/thrown', async ({ session }) => {
    ;(await session).set('a', 1)
    throw status(403, 'no')
  })
  .get('/set/response', async ({ session }) => {
    ;(await session).set('a', 1)
    return SHARED
  })
  .get('/set/file', async ({ session }) => {
    ;(await session).set('a', 1)
    return file(page)
  })
  .get('/set/generator', async function* ({ session }) {
    ;(await session).set('a', 1)
    yield 'one '
    try {
      ;(await session).set('a', 2)
    } catch (error) {
      yield (error as Error).name
    }
  })
  .get('/set/cookie', async ({ session, cookie: { theme } }) => {
    ;(await session).set('a', 1)
    theme?.set({ value: 'dark' })
    return 'cookie'
  })
  .get(
    '/set/validated',
    async ({ session }) => {
      ;(await session).set('a', 1)
      return 'x' as never
    },
    {
      response: t.Object({ a: t.Number() }),
    },
  )
  .group('/set', (app) =>
    app.guard({}, (app) =>
      app.get('/group', async ({ session }) => {
        ;(await session).set('a', 1)
        return 'group'
      }),
    ),
  )
  .all('/set/all', async ({ session }) => {
    ;(await session).set('a', 1)
    return 'all'
  })
  .get('/fails/500', async ({ session }) => {
    ;(await session).set('a', 2)
    return status(500, 'failed')
  })
  .get('/fails/circular', async ({ session }) => {
    ;(await session).set('a', 2)
    const value: Values = {}
    value.self = value
    return value
  })
  .get('/logout-fails', async ({ session }) => {
    ;(await session).logout()
    throw new Error('failed')
  })
  .get('/large', async ({ session }) => {
    ;(await session).set('large', 'x'.repeat(100_000))
    return 'saved'
  })
  .get('/misuse', ({ session }) => String((session as unknown as Values).userId))
  .get('/down/:now', ({ params }) => {
    isDown = params.now === 'yes'
    return 'switched'
  })
  .mount('/mounted', async (request: Request) => {
    const name = await sessions.get(request).then(
      () => 'a session',
      (error: Error) => error.name,
    )
    return new Response(name)
  })
  .mount(
    '/wrapped',
    withSessions(sessions, async (request: Request) => {
      ;(await sessions.get(request)).set('a', 1)
      return new Response('wrapped')
    }),
  )
  .ws('/live', {
    async open(ws) {
      const session = await ws.data.session
      const set = await Promise.resolve()
        .then(() => session.set('a', 1))
        .then(
          () => 'saved',
          (error: Error) => error.name,
        )
      ws.send(`${session.userId} ${set}`)
    },
  })

const announce = (port: number | undefined) => console.log(`http://127.0.0.1:${port} Ready`)
app.listen({ port: 0, hostname: '127.0.0.1' }, (server) => {
  // The adapter for Node says which port it was told.
  const { node } = ((server as unknown as { raw?: Raw }).raw ?? {}) as Raw
  if (node) node.server.once('listening', () => announce(node.server.address().port))
  else announce(server.port)
})

interface Raw {
  readonly node?: { readonly server: { once(event: 'listening', call: () => void): void; address(): { port: number } } }
}
