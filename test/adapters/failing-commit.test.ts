import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import express, { type NextFunction, type Request, type Response } from 'express'
import express4 from 'express4'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions, type SessionsOptions } from '../../packages/strongroom/src/index.ts'
import type { AnySession } from '../../packages/strongroom/src/session/session.ts'
import { secret } from '../core/fixtures/secret.ts'
import { environment, listening } from './serve.ts'

type Anything = Record<string, unknown>

/** What cannot be saved, found out without waiting for a store. */
const FAILURES: Readonly<Record<string, (session: AnySession) => void>> = {
  'a session that is too large': (session) => session.set('a', 'x'.repeat(100_000)),
  'a value that JSON cannot hold': (session) => {
    session.set('list', [])
    session.get('list').push(1n)
  },
}

/** How a handler writes its response, which must not be in the error page. */
const WRITERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'in parts': (response) => {
    response.write('PART 1')
    response.write('PART 2')
    response.end('PART 3')
  },
  'after its head': (response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain' })
    response.write('PART 1')
    response.end('PART 2')
  },
  'as a whole': (response) => response.end('PART 1'),
}

const STORES: Readonly<Record<string, () => Partial<SessionsOptions>>> = {
  'in memory': () => ({ store: memory() }),
  'sealed in memory': () => ({ store: memory(), seal: 'two-key' }),
  'in a cookie': () => ({ store: cookie() }),
}

type Handler = (request: Request, response: Response) => Promise<void>
type Sessions = ReturnType<typeof createSessions<Anything>>

const later = () => new Promise((resolve) => setImmediate(resolve))

/** Servers whose error page comes immediately, or later. The next route is there because Express looks for it after an error. */
const SERVERS: Readonly<
  Record<string, (sessions: Sessions, handler: Handler) => Promise<{ url: string; close(): Promise<void> }>>
> = {
  'Express 5 with its own error page': (sessions, handler) => viaExpress(express, sessions, handler),
  'Express 4 with its own error page': (sessions, handler) =>
    viaExpress(express4 as unknown as typeof express, sessions, handler),
  'Express 5 with an error page that takes time': (sessions, handler) =>
    viaExpress(express, sessions, handler, async (_error, _request, response, _next) => {
      await later()
      response.status(507).end('the error page')
    }),
  'node:http with its own error page': (sessions, handler) =>
    listening(createServer(withSessions(sessions, handler as never))),
  'node:http with an error page that takes time': (sessions, handler) =>
    listening(
      createServer(
        withSessions(sessions, handler as never, {
          onError: async (_error, _request, response) => {
            await later()
            response.statusCode = 507
            response.end('the error page')
          },
        }),
      ),
    ),
}

function viaExpress(
  make: typeof express,
  sessions: Sessions,
  handler: Handler,
  onError?: (error: unknown, request: Request, response: Response, next: NextFunction) => unknown,
) {
  const app = make()
  app.set('env', environment())
  app.use(strongroom(sessions))
  app.get('/', handler)
  app.get('/other', (_request, response) => {
    response.end('another page')
  })
  if (onError) app.use(onError)
  return listening(createServer(app))
}

describe('a session that cannot be saved, which shows without waiting', () => {
  for (const [where, options] of Object.entries(STORES))
    for (const [server, start] of Object.entries(SERVERS))
      for (const [what, spoil] of Object.entries(FAILURES))
        it(`${where}, ${server}: ${what} gets the error page alone, and the server goes on`, async () => {
          for (const [how, write] of Object.entries(WRITERS)) {
            const sessions = createSessions<Anything>({
              ...options(),
              secrets: secret('a'),
              sweep: false,
            } as SessionsOptions)
            let spoils = false
            const running = await start(sessions, async (request, response) => {
              const session = await sessions.get(request)
              session.set('n', 1)
              if (spoils) spoil(session)
              write(response)
            })
            try {
              const first = await fetch(running.url)
              assert.equal(first.status, 200, how)
              await first.text()
              const cookie = String(first.headers.get('set-cookie')).split(';')[0] ?? ''
              spoils = true
              const failed = await fetch(running.url, { headers: { cookie } })
              const page = await failed.text()
              assert.ok(failed.status >= 400, `${how}: ${failed.status}`)
              assert.doesNotMatch(page, /PART/, how)
              if (server.endsWith('takes time')) assert.deepEqual([failed.status, page], [507, 'the error page'], how)
              spoils = false
              assert.equal((await fetch(running.url, { headers: { cookie } })).status, 200, how)
            } finally {
              await running.close()
            }
          }
        })
})
