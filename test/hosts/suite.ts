import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import type { Sessions } from '../../packages/strongroom/src/sessions.ts'
import { gate, turns, until } from '../../packages/strongroom/src/testing/adapter/gate.ts'
import type { Watched } from '../../packages/strongroom/src/testing/watched.ts'
import { slowSessions, type Values } from '../adapters/site.ts'

export type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: Error) => void) => void

export interface Answer {
  readonly status: number
  readonly body: string
  readonly cookies: readonly string[]
  readonly vary: string | null
}

/** A host that runs, and how it is asked. */
export interface Site {
  ask(cookie?: string): Promise<Answer>
  /** Asks, and hangs up when `left` resolves. Hosts without a socket have none. */
  askAndLeave?(cookie: string, left: Promise<void>): void
  close?(): unknown
}

/** What a host has to serve at `/`: middleware, in this order, and a page. */
export interface Application {
  readonly middleware: readonly Middleware[]
  /** Resolves to the body, or rejects with what the host's usual way for errors gets. Takes the request of Node. */
  page(request: object): Promise<string>
}

export interface Host {
  readonly name: string
  serve(application: Application): Promise<Site> | Site
  /** Who responds when a session could not be saved: the application's error handler, or the middleware. */
  readonly late: 'error handler' | 'plain response'
  /** What the host's error handler sends. */
  readonly handled?: RegExp
  /** Is the session of a visitor who hung up saved? Where the host does not respond to one, no. Or the reason why nobody can hang up. */
  readonly hangUp: 'saved' | 'nothing saved' | 'no socket'
}

/** The columns of the table in docs/hosts.md. */
const COLUMNS = [
  'read',
  'write',
  'from middleware',
  'too large',
  'store down',
  'not loaded',
  'hang-up',
  'mounted twice',
] as const
type Column = (typeof COLUMNS)[number]

const rowOf = ({ name, late, hangUp }: Host): readonly string[] => {
  const cells: Readonly<Record<Column, string>> = {
    read: 'yes',
    write: 'yes',
    'from middleware': 'yes',
    'too large': `500, ${late}`,
    'store down': `503, ${late}`,
    'not loaded': '503',
    'hang-up': hangUp,
    'mounted twice': 'yes',
  }
  return [name, ...COLUMNS.map((column) => cells[column])]
}

const lineOf = (cells: readonly string[]) => `| ${cells.join(' | ')} |`

/** The table, as it is in docs/hosts.md. */
export const tableOf = (hosts: readonly Host[]): string =>
  [['host', ...COLUMNS], Array(COLUMNS.length + 1).fill('---'), ...hosts.map(rowOf)].map(lineOf).join('\n')

export const page = () => readFileSync(join(import.meta.dirname, '../../docs/hosts.md'), 'utf8')

const LARGE = `${'x'.repeat(200_000)} the end`
const FAULTS = ['uncaughtException', 'unhandledRejection', 'warning'] as const

/** Runs one suite over all of them. */
export function hostSuite(hosts: readonly Host[]): void {
  const faults: unknown[] = []
  const seen = (fault: unknown) => {
    faults.push(fault)
  }
  before(() => {
    for (const event of FAULTS) process.on(event, seen)
  })
  after(() => {
    for (const event of FAULTS) process.off(event, seen)
  })
  /** Fails for what could have ended the process, and for a warning that is not one of these. */
  async function clean(...expected: readonly string[]): Promise<void> {
    await turns(5)
    const found = faults.splice(0)
    const codes = found.map((fault) => (fault as { code?: string }).code ?? `${fault}`)
    assert.deepEqual(codes, expected, found.map((fault) => (fault as Error).stack ?? `${fault}`).join('\n'))
  }

  for (const host of hosts)
    suite(host.name, { timeout: 30_000 }, () => {
      const passed = new Set<Column>()
      const it = (column: Column, title: string, work: (t: TestContext) => Promise<void>) =>
        test(`${column}: ${title}`, async (t) => {
          faults.length = 0
          t.mock.method(console, 'error', () => {})
          await work(t)
          passed.add(column)
        })

      it('read', 'the page has what was stored, and no cookie', async (t) => {
        const { site, sessions, serve } = await started(t, host)
        const cookie = await cookieOf(sessions, { a: 1 })
        serve(async (session) => `a is ${session.get('a')}`)
        const answer = await site.ask(cookie)
        assert.deepEqual([answer.status, answer.body, answer.cookies], [200, 'a is 1', []])
        assert.match(answer.vary ?? '', /\bcookie\b/i)
        await clean()
      })

      it('write', 'the session is saved before the visitor has the page, which is complete', async (t) => {
        const { site, sessions, serve } = await started(t, host)
        serve(async (session) => {
          session.set('a', 1)
          return LARGE
        })
        const answer = await site.ask()
        assert.equal(answer.status, 200)
        assert.ok(answer.body === LARGE, `${answer.body.length} characters`)
        assert.equal(answer.cookies.length, 1)
        assert.equal((await sessions.read({ cookie: answer.cookies[0] as string })).get('a'), 1)
        await clean()
      })

      it('from middleware', 'a response in the same turn in which the session is there is complete', async (t) => {
        const { site, sessions, respond } = await started(t, host)
        respond((session, response) => {
          session.set('a', 1)
          // Koa begins with 404.
          response.statusCode = 200
          response.end(LARGE)
        })
        const answer = await site.ask()
        assert.deepEqual([answer.status, answer.body.length, answer.cookies.length], [200, LARGE.length, 1])
        assert.equal((await sessions.read({ cookie: answer.cookies[0] as string })).get('a'), 1)
        await clean()
      })

      it('too large', 'a visitor whose session cannot be saved gets an error, and the host goes on', async (t) => {
        const { site, sessions, serve } = await started(t, host)
        const cookie = await cookieOf(sessions, { a: 1 })
        for (const given of [undefined, cookie]) {
          serve(async (session) => {
            session.set('a', 'x'.repeat(100_000))
            return LARGE
          })
          const answer = await site.ask(given)
          assert.deepEqual([answer.status, answer.cookies], [500, []])
          isLate(host, answer, /^The session needs 100\d+ bytes/)
          serve(async (session) => `a is ${session.get('a')}`)
          assert.deepEqual((await site.ask(cookie)).body, 'a is 1')
        }
        // One warning for each reason, in the whole process.
        await turns(5)
        const warned = faults.splice(0).map((fault) => (fault as { code?: string }).code)
        const mayWarn = host.late === 'plain response' ? ['STRONGROOM_HANDLER'] : []
        assert.ok(warned.length <= 2 && warned.every((code) => mayWarn.includes(`${code}`)), warned.join())
      })

      it('store down', 'a visitor whose session cannot be saved gets a 503, and keeps the cookie', async (t) => {
        const { site, sessions, watch, serve } = await started(t, host)
        const cookie = await cookieOf(sessions, { a: 1 })
        serve(async (session) => {
          session.set('a', Number(session.get('a') ?? 0) + 1)
          return LARGE
        })
        watch.before = async (call) => {
          await turns(3)
          if (call !== 'read') throw new Error('down')
        }
        for (const given of [undefined, cookie]) {
          const answer = await site.ask(given)
          assert.deepEqual([answer.status, answer.cookies], [503, []])
          isLate(host, answer, /^The session store failed/)
        }
        watch.before = null
        assert.equal((await site.ask(cookie)).status, 200)
        assert.equal((await sessions.read({ cookie })).get('a'), 2)
        await clean()
      })

      it('not loaded', 'the error of sessions.get() becomes a 503 in the usual way of the host', async (t) => {
        const { site, sessions, watch, serve } = await started(t, host)
        const cookie = await cookieOf(sessions, { a: 1 })
        serve(async (session) => `a is ${session.get('a')}`)
        watch.before = async () => {
          await turns(3)
          throw new Error('down')
        }
        const answer = await site.ask(cookie)
        assert.deepEqual([answer.status, answer.cookies], [503, []])
        watch.before = null
        assert.equal((await site.ask(cookie)).body, 'a is 1')
        await clean()
      })

      it('hang-up', 'a visitor who leaves disturbs nobody, whether the session can be saved or not', async (t) => {
        const { site, sessions, serve } = await started(t, host)
        assert.equal(site.askAndLeave === undefined, host.hangUp === 'no socket')
        for (const value of [2, 'x'.repeat(100_000)]) {
          const cookie = await cookieOf(sessions, { a: 1 })
          const [arrived, responded] = [gate(), gate()]
          serve(async (session, request) => {
            session.set('a', value)
            arrived.open()
            await socketClosed(request)
            // After this turn, the host has the page.
            setImmediate(responded.open)
            return LARGE
          })
          site.askAndLeave?.(cookie, arrived.opened)
          if (!site.askAndLeave) continue
          await responded.opened
          if (host.hangUp === 'saved' && value === 2)
            await until(async () => (await sessions.read({ cookie })).get('a') === 2)
          await turns(60)
          assert.equal((await sessions.read({ cookie })).get('a'), host.hangUp === 'saved' && value === 2 ? 2 : 1)
        }
        serve(async () => 'still here')
        assert.equal((await site.ask()).body, 'still here')
        await turns(5)
        assert.deepEqual(
          faults.splice(0).filter((fault) => (fault as { code?: string }).code !== 'STRONGROOM_HANDLER'),
          [],
        )
      })

      it('mounted twice', 'the request has one session, one cookie, and loses no login', async (t) => {
        const { site, sessions, serve } = await started(t, host, async (request, sessions) => {
          ;(await sessions.get(request)).set('basket', 1)
        })
        serve(async (session) => {
          session.login('ada')
          return String(session.get('basket'))
        })
        const answer = await site.ask()
        assert.deepEqual([answer.status, answer.body, answer.cookies.length], [200, '1', 1])
        const session = await sessions.read({ cookie: answer.cookies[0] as string })
        assert.deepEqual([session.userId, session.get('basket')], ['ada', 1])
        await clean()
      })

      test('its row in docs/hosts.md says what these tests found', (t) => {
        assert.deepEqual([...passed], [...COLUMNS])
        t.diagnostic(lineOf(rowOf(host)))
        assert.ok(page().includes(`\n${lineOf(rowOf(host))}\n`), `docs/hosts.md needs ${lineOf(rowOf(host))}`)
      })
    })
}

type OwnSession = Awaited<ReturnType<Sessions<Values>['get']>>
type Work = (session: OwnSession, request: object) => Promise<string>
type Respond = (session: OwnSession, response: ServerResponse) => void

interface Started {
  readonly site: Site
  readonly sessions: Sessions<Values>
  readonly watch: Watched
  serve(work: Work): void
  /** Has a middleware respond, before the page. */
  respond(work: Respond): void
}

/** Starts the host with the middleware, or with two of them around what `between` does. */
async function started(
  t: TestContext,
  host: Host,
  between?: (request: object, sessions: Sessions<Values>) => Promise<void>,
): Promise<Started> {
  const { sessions, watch } = slowSessions({ sweep: false, on: () => {} })
  let work: Work = async () => ''
  let respond: Respond | null = null
  const middleware: Middleware[] = [strongroom(sessions)]
  if (between)
    middleware.push((request, _response, next) => {
      between(request, sessions).then(() => next(), next)
    }, strongroom(sessions))
  middleware.push((request, response, next) => {
    const work = respond
    if (work) sessions.get(request).then((session) => work(session, response), next)
    else next()
  })
  const site = await host.serve({
    middleware,
    page: async (request) => work(await sessions.get(request), request),
  })
  t.after(async () => {
    await site.close?.()
    await sessions.close()
  })
  return {
    site,
    sessions,
    watch,
    serve: (next) => {
      work = next
    },
    respond: (next) => {
      respond = next
    },
  }
}

async function cookieOf(sessions: Sessions<Values>, data: Values): Promise<string> {
  const { sessionFor } = await import('../../packages/strongroom/src/testing/index.ts')
  return (await sessionFor(sessions, { data })).cookie
}

function isLate({ late, handled = /^handled STRONGROOM_/ }: Host, { body }: Answer, plain: RegExp): void {
  assert.match(body, late === 'plain response' ? plain : handled)
  assert.doesNotMatch(body, /xxx|the end/)
}

const socketClosed = (request: object) =>
  new Promise<void>((resolve) => {
    const { socket } = request as IncomingMessage
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
