import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import {
  type ArgumentsHost,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  type LoggerService,
  type MiddlewareConsumer,
  Req,
  Res,
  type Type,
  UseFilters,
  UseGuards,
} from '@nestjs/common'
import { APP_FILTER } from '@nestjs/core'
import {
  CurrentSession,
  SessionException,
  SignedIn,
  StrongroomModule,
} from '../../../packages/strongroom/src/adapters/nest.ts'
import { StoreError, StrongroomError } from '../../../packages/strongroom/src/errors.ts'
import type { AnySession } from '../../../packages/strongroom/src/session/session.ts'
import { slowSessions } from '../site.ts'
import {
  controller,
  createApp,
  get,
  type Handler,
  moduleOf,
  PLATFORMS,
  type Platform,
  type Reply,
  visit,
} from './site.ts'

const MESSAGE = 'the connection to 127.0.0.1:6379 was refused'

/** A filter, and what it was asked to handle. */
function filterOf(name: string, ...types: Type[]) {
  const caught: unknown[] = []
  class Filter implements ExceptionFilter {
    catch(exception: HttpException, host: ArgumentsHost): void {
      caught.push(exception)
      const response = host.switchToHttp().getResponse()
      const status = exception instanceof HttpException ? exception.getStatus() : 500
      // In middleware under Fastify, it is the one of Node.
      if (response.status) response.status(status).send(`${name} ${status}`)
      else Object.assign(response, { statusCode: status }).end(`${name} ${status}`)
    }
  }
  Catch(...types)(Filter)
  return { filter: new Filter(), caught }
}

interface SiteOptions {
  readonly provided?: readonly ExceptionFilter[]
  readonly used?: readonly ExceptionFilter[]
  readonly handlers?: readonly Handler[]
  readonly logger?: LoggerService | false
  readonly middleware?: (request: object, response: object, next: (error?: unknown) => void) => unknown
}

/** An application whose store is down when `down()` was called, and each way to find that out. */
async function site(t: TestContext, platform: Platform, options: SiteOptions = {}) {
  const { provided = [], used = [], handlers = [], logger = false, middleware } = options
  const { sessions, watch } = slowSessions({ on: () => {} })
  const ownGuard: CanActivate = {
    canActivate: async (context: ExecutionContext) =>
      (await sessions.get(context.switchToHttp().getRequest())).userId !== null,
  }
  const pages = controller([
    get('login', (session: AnySession) => session.login('ada'), [CurrentSession()]),
    get('saves', (session: AnySession) => ({ n: session.update('n', (n) => Number(n ?? 0) + 1) }), [CurrentSession()]),
    get('decorated', () => 'page', [CurrentSession()]),
    get('guarded', () => 'page', [], UseGuards(SignedIn)),
    get('asks', async (request: object) => (await sessions.get(request)).get('n'), [Req()]),
    get('own-guard', () => 'page', [], UseGuards(ownGuard)),
    get('middleware', () => 'page', []),
    get('unfit', (session: AnySession) => ({ n: session.set('n', 1n) && 'kept' }), [CurrentSession()]),
    ...handlers,
  ])
  const root = moduleOf({
    imports: [StrongroomModule.forRoot({ sessions })],
    controllers: [pages],
    providers: provided.map((filter) => ({ provide: APP_FILTER, useValue: filter })),
  })
  root.prototype.configure = (consumer: MiddlewareConsumer) => {
    consumer
      .apply(async (request: object, response: object, next: (error?: unknown) => void) => {
        await (middleware ? middleware(request, response, next) : sessions.get(request))
        if (!middleware) next()
      })
      .forRoutes('middleware')
  }
  const app = await createApp(root, platform, { logger })
  app.useGlobalFilters(...used)
  const { visitor } = await visit(t, app)
  await visitor.must('/login')
  const down = (...calls: readonly string[]) => {
    watch.before = (call) => {
      if (calls.length === 0 || calls.includes(call)) throw new StoreError(MESSAGE)
    }
  }
  return { sessions, watch, visitor, down }
}

/** Where the adapter has the error first. */
const OURS = ['/saves', '/decorated', '/guarded']
/** Where the application has called `sessions.get` itself. */
const THEIRS = ['/asks', '/own-guard', '/middleware']

const inProduction = (t: TestContext) => {
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  t.after(() => {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  })
}

export function errorSuites(version: string): void {
  for (const platform of PLATFORMS)
    suite(`errors under ${version} on ${platform}`, { timeout: 60_000 }, () => {
      test('become responses with their status, without a filter of the application, and tell visitors nothing', async (t) => {
        inProduction(t)
        const { visitor, down } = await site(t, platform)
        for (const path of [...OURS, ...THEIRS]) {
          down(...(path === '/saves' ? ['update', 'touch'] : []))
          const page = await visitor.ask(path)
          assert.deepEqual(
            [path, page.status, page.text],
            [path, 503, '{"statusCode":503,"message":"Service Unavailable"}'],
          )
          assert.deepEqual(page.all('set-cookie'), [])
          assert.match(page.header('content-type') ?? '', /^application\/json/)
        }
      })

      test('have their message in development', async (t) => {
        const { visitor, down } = await site(t, platform)
        down()
        for (const path of ['/decorated', '/asks']) {
          const page = await visitor.ask(path)
          assert.deepEqual([page.status, page.text], [503, JSON.stringify({ statusCode: 503, message: MESSAGE })])
        }
      })

      test('of this subpath are a SessionException with the error as its cause, for a filter of the root module', async (t) => {
        const { filter, caught } = filterOf('provided', SessionException)
        const { visitor, down } = await site(t, platform, { provided: [filter] })
        for (const path of OURS) {
          down(...(path === '/saves' ? ['update', 'touch'] : []))
          const page = await visitor.ask(path)
          assert.deepEqual([path, page.status, page.text], [path, 503, 'provided 503'])
        }
        assert.equal(caught.length, OURS.length)
        for (const exception of caught) {
          assert.ok(exception instanceof SessionException && exception instanceof HttpException)
          assert.ok(exception.cause instanceof StoreError)
        }
      })

      test('have their status in a filter for all exceptions, as the documentation of Nest has it', async (t) => {
        for (const where of ['provided', 'used'] as const) {
          const { filter } = filterOf(where)
          const { visitor, down } = await site(t, platform, { [where]: [filter] })
          for (const path of OURS) {
            down(...(path === '/saves' ? ['update', 'touch'] : []))
            assert.equal((await visitor.ask(path)).text, `${where} 503`)
          }
        }
      })

      test('that the application gets from sessions.get() are caught by its own filters first, as they are', async (t) => {
        for (const where of ['provided', 'used'] as const)
          for (const type of [StoreError, StrongroomError]) {
            const { filter, caught } = filterOf(where, type as unknown as Type)
            const { visitor, down } = await site(t, platform, { [where]: [filter] })
            down()
            for (const path of THEIRS) assert.equal((await visitor.ask(path)).text, `${where} 500`)
            assert.deepEqual(
              caught.map((error) => (error as Error).name),
              ['StoreError', 'StoreError', 'StoreError'],
            )
          }
      })

      test('that the application gets from sessions.get() are caught by the filter of a handler', async (t) => {
        const { filter } = filterOf('handler', StoreError)
        const { visitor, down } = await site(t, platform, {
          handlers: [
            get('filtered', () => Promise.reject(new StoreError(MESSAGE)), [], UseFilters(filter)),
            get('unfiltered', () => Promise.reject(new StoreError(MESSAGE)), []),
          ],
        })
        down('nothing')
        assert.equal((await visitor.ask('/filtered')).text, 'handler 500')
        assert.equal((await visitor.ask('/unfiltered')).status, 503)
      })

      test('of a session that has ended meanwhile are a 409, and a visitor may read why', async (t) => {
        let revoke = async () => {}
        const ends = async (session: AnySession) => {
          session.set('n', 1)
          await revoke()
          return 'page'
        }
        const { sessions, visitor } = await site(t, platform, { handlers: [get('ends', ends, [CurrentSession()])] })
        revoke = async () => void (await sessions.of('ada').revokeAll())
        const page = await visitor.ask('/ends')
        assert.equal(page.status, 409)
        assert.match(page.text, /^\{"statusCode":409,"message":"The session has ended/)
      })

      test('that are mistakes of the application are logged, because the visitor is told nothing', async (t) => {
        inProduction(t)
        const logged: string[] = []
        const log = (message: unknown) => void logged.push(String(message))
        const logger: LoggerService = { log: () => {}, error: log, warn: () => {} }
        const { visitor, down } = await site(t, platform, { logger })
        const page = await visitor.ask('/unfit')
        assert.deepEqual([page.status, page.text], [500, '{"statusCode":500,"message":"Internal Server Error"}'])
        assert.equal(logged.filter((line) => /DataError/.test(line)).length, 1)
        // There is an event for a store that is down.
        down()
        await visitor.ask('/decorated')
        assert.equal(logged.length, 1)
      })

      const onlyOnFastify = platform === 'Fastify' ? test : () => {}
      onlyOnFastify('of the save are sent as plain text when the reply was hijacked', async (t) => {
        inProduction(t)
        const { visitor, down } = await site(t, platform, {
          handlers: [
            get(
              'raw',
              (session: AnySession, response: Reply) => {
                session.set('n', 5)
                const { raw } = response.hijack()
                raw.writeHead(200, { 'Content-Type': 'text/html', ETag: '"1"' })
                raw.end('PART 1')
              },
              [CurrentSession(), Res()],
            ),
          ],
        })
        down('update', 'touch')
        const page = await visitor.ask('/raw')
        assert.deepEqual([page.status, page.text, page.header('etag')], [503, 'Service Unavailable\n', undefined])
      })

      test('of the save end a page that was to be streamed, and nothing of it is sent', async (t) => {
        const { visitor, down } = await site(t, platform, {
          handlers: [
            get(
              'streamed',
              (session: AnySession, response: ServerResponse & Reply) => {
                session.set('n', 5)
                const raw = platform === 'Express' ? response : response.raw
                raw.setHeader('Content-Type', 'text/html')
                raw.write('PART 1')
                setImmediate(() => raw.end('PART 2'))
              },
              [CurrentSession(), Res()],
            ),
          ],
        })
        down('update', 'touch')
        const page = await visitor.ask('/streamed')
        assert.deepEqual([page.status, JSON.parse(page.text)], [503, { statusCode: 503, message: MESSAGE }])
      })

      test('of a middleware go the same way', async (t) => {
        const { visitor } = await site(t, platform, {
          middleware: (_request, _response, next) => next(new StoreError(MESSAGE)),
        })
        const page = await visitor.ask('/middleware')
        assert.deepEqual([page.status, JSON.parse(page.text)], [503, { statusCode: 503, message: MESSAGE }])
      })
    })
}
