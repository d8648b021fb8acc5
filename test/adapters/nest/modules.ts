import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import {
  Controller,
  Get,
  type INestApplication,
  Inject,
  Injectable,
  type MiddlewareConsumer,
  type ModuleMetadata,
  Post,
  type RawBodyRequest,
  Req,
  Scope,
  type Type,
  UseGuards,
  VersioningType,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { strongroom } from '../../../packages/strongroom/src/adapters/express.ts'
import {
  CurrentSession,
  InjectSessions,
  SESSIONS,
  SignedIn,
  StrongroomModule,
} from '../../../packages/strongroom/src/adapters/nest.ts'
import type { AnySession } from '../../../packages/strongroom/src/session/session.ts'
import type { Sessions } from '../../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../../packages/strongroom/src/testing/index.ts'
import { slowSessions, type Values } from '../site.ts'
import { controller, createApp, moduleOf, PLATFORMS, visit } from './site.ts'

/** Its function is new each time, because decorators write on it. */
const counting = (path: string) => ({
  decorators: [Get(path)],
  parameters: [CurrentSession()],
  run: (session: AnySession) => ({ n: session.update('n', (n) => Number(n ?? 0) + 1) }),
})

/** A class with sessions in its constructor. */
function service(decorator: ClassDecorator = Injectable()): Type<{ readonly sessions: Sessions<Values> }> {
  class Service {
    readonly sessions: Sessions<Values>
    constructor(sessions: Sessions<Values>) {
      this.sessions = sessions
    }
  }
  decorator(Service)
  InjectSessions()(Service, undefined, 0)
  return Service
}

export function moduleSuites(version: string): void {
  for (const platform of PLATFORMS)
    suite(`the module under ${version} on ${platform}`, { timeout: 60_000 }, () => {
      const start = (metadata: ModuleMetadata, options = {}) => createApp(moduleOf(metadata), platform, options)
      const works = async (t: TestContext, app: INestApplication, path = '/n') => {
        const { visitor } = await visit(t, app)
        for (const n of [1, 2]) {
          const page = await visitor.must(path)
          assert.equal(page.text, `{"n":${n}}`)
          assert.equal(page.all('set-cookie').length, n === 1 ? 1 : 0)
        }
        return visitor
      }

      test('takes options that are made by a factory with what it injects', async (t) => {
        const { sessions } = slowSessions()
        const config = moduleOf({ providers: [{ provide: 'CONFIG', useValue: { sessions } }], exports: ['CONFIG'] })
        const imported = StrongroomModule.forRootAsync({
          imports: [config],
          inject: ['CONFIG'],
          useFactory: async (given: { sessions: typeof sessions }) => ({ sessions: given.sessions }),
        })
        await works(t, await start({ imports: [imported], controllers: [controller([counting('n')])] }))
      })

      test('gives its sessions to services, to providers of a request, and to modules within modules', async (t) => {
        const { sessions } = slowSessions()
        const Service = service()
        const InRequest = service(Injectable({ scope: Scope.REQUEST }))
        class Pages {
          readonly found: unknown[]
          constructor(one: { sessions: unknown }, two: { sessions: unknown }, three: unknown) {
            this.found = [one.sessions, two.sessions, three]
          }
          get() {
            return { all: this.found.every((each) => each === sessions) }
          }
        }
        for (const [index, token] of [Service, InRequest, SESSIONS].entries()) Inject(token)(Pages, undefined, index)
        Get('')(Pages.prototype, 'get', Object.getOwnPropertyDescriptor(Pages.prototype, 'get') as PropertyDescriptor)
        Controller()(Pages)
        const inner = moduleOf({ controllers: [Pages], providers: [Service, InRequest] }, 'Inner')
        const outer = moduleOf({ imports: [inner] }, 'Outer')
        const { visitor } = await visit(t, await start({ imports: [outer, StrongroomModule.forRoot({ sessions })] }))
        assert.equal((await visitor.must('/')).text, '{"all":true}')
      })

      test('gives its sessions to an application without a server', async () => {
        const { sessions } = slowSessions()
        const root = moduleOf({ imports: [StrongroomModule.forRoot({ sessions })] })
        const context = await NestFactory.createApplicationContext(root, { logger: false, abortOnError: false })
        assert.equal(context.get(SESSIONS), sessions)
        await context.close()
      })

      test('comes before the middleware of every module, in any order of imports', async (t) => {
        const { sessions } = slowSessions()
        const feature = moduleOf({ controllers: [controller([counting('n')])] }, 'Feature')
        feature.prototype.configure = (consumer: MiddlewareConsumer) => {
          const middleware = async (request: object, _response: object, next: () => void) => {
            ;(await sessions.get(request)).update('n', (n) => Number(n ?? 0) + 10)
            next()
          }
          consumer.apply(middleware).forRoutes('n')
        }
        const { visitor } = await visit(t, await start({ imports: [feature, StrongroomModule.forRoot({ sessions })] }))
        assert.equal((await visitor.must('/n')).text, '{"n":11}')
        assert.equal((await visitor.must('/n')).text, '{"n":22}')
      })

      test('works with a global prefix, for routes that are excluded from it, and with versions', async (t) => {
        const { sessions } = slowSessions()
        const health = controller([counting('')], [Controller('health')])
        const versioned = controller([counting('n')], [Controller({ path: 'shop', version: '1' })])
        const app = await start({ imports: [StrongroomModule.forRoot({ sessions })], controllers: [health, versioned] })
        app.setGlobalPrefix('api', { exclude: ['health'] })
        app.enableVersioning({ type: VersioningType.URI })
        const visitor = await works(t, app, '/api/v1/shop/n')
        assert.equal((await visitor.must('/health')).text, '{"n":3}')
      })

      test('works for controllers that are made for each request', async (t) => {
        const { sessions } = slowSessions()
        const pages = controller([counting('n')], [Controller({ scope: Scope.REQUEST })])
        await works(t, await start({ imports: [StrongroomModule.forRoot({ sessions })], controllers: [pages] }))
      })

      test('may be imported twice with the same sessions, and beside the middleware of strongroom/express', async (t) => {
        const { sessions } = slowSessions()
        const feature = moduleOf({ imports: [StrongroomModule], controllers: [controller([counting('n')])] }, 'Feature')
        const imports = [feature, StrongroomModule.forRoot({ sessions }), StrongroomModule.forRoot({ sessions })]
        const app = await start({ imports })
        app.use(strongroom(sessions))
        await works(t, app)
      })

      test('has the same session as other sessions beside it have theirs', async (t) => {
        const { sessions } = slowSessions()
        const { sessions: others } = slowSessions({ cookie: { name: 'other' } })
        const both = {
          decorators: [Get('both')],
          parameters: [CurrentSession(), Req()],
          async run(session: AnySession, request: { raw?: object }) {
            const other = await others.get(request.raw ?? request)
            for (const each of [session, other]) each.update('n', (n: unknown) => Number(n ?? 0) + 1)
            return [session.get('n'), other.get('n')]
          },
        }
        const app = await start({
          imports: [StrongroomModule.forRoot({ sessions })],
          controllers: [controller([both])],
        })
        app.use(strongroom(others))
        const { visitor } = await visit(t, app)
        assert.equal((await visitor.must('/both')).text, '[1,1]')
        assert.equal((await visitor.must('/both')).text, '[2,2]')
      })

      test('refuses two different createSessions, because its decorators could not tell them apart', async (t) => {
        const imports = [slowSessions(), slowSessions()].map(({ sessions }) => StrongroomModule.forRoot({ sessions }))
        const app = await start({ imports })
        t.after(() => app.close())
        await assert.rejects(app.init(), { name: 'ConfigError', message: /imported twice, with two different/ })
      })

      test('says that forRoot() is missing, at the start', async () => {
        await assert.rejects(start({ imports: [StrongroomModule] }), {
          name: 'ConfigError',
          message: /without its sessions\. Write StrongroomModule\.forRoot\(\{ sessions \}\) in the imports/,
        })
      })

      test('says that it is missing itself', async (t) => {
        const { visitor } = await visit(t, await start({ controllers: [controller([counting('n')])] }))
        const page = await visitor.ask('/n')
        assert.equal(page.status, 500)
        assert.match(page.text, /did not come through StrongroomModule\. Add StrongroomModule\.forRoot/)
        const injecting = start({ providers: [service()] })
        await assert.rejects(injecting, /Symbol\(SESSIONS of StrongroomModule\.forRoot\(\{ sessions \}\)\)/)
      })

      test('refuses what a factory returns in place of options, at the start', async () => {
        for (const [made, message] of [
          [{}, /takes sessions: .*StrongroomModule\.forRoot\(\{ sessions \}\)\. It got undefined/],
          [undefined, /^useFactory of StrongroomModule\.forRootAsync\(\) takes its options as an object/],
          [{ ...slowSessions(), close: true }, /^Unknown option/],
        ] as const) {
          const imported = StrongroomModule.forRootAsync({ useFactory: () => made as never })
          await assert.rejects(start({ imports: [imported] }), { name: 'ConfigError', message })
        }
      })

      test('closes the sessions with the application only if it is told to', async () => {
        for (const closeOnShutdown of [undefined, false, true]) {
          const { sessions } = slowSessions()
          let closed = 0
          const close = async () => void closed++
          const imports = [StrongroomModule.forRoot({ sessions: { ...sessions, close }, closeOnShutdown })]
          const app = await start({ imports })
          await app.init()
          await app.close()
          assert.equal(closed, closeOnShutdown ? 1 : 0)
        }
      })

      test('refuses forged requests with the option csrf, before any guard, and says so', async (t) => {
        const { sessions } = slowSessions()
        const buy = {
          decorators: [Post('buy'), UseGuards(SignedIn)],
          parameters: [Req()],
          run: (request: RawBodyRequest<IncomingMessage>) => String(request.rawBody),
        }
        const app = await start(
          { imports: [StrongroomModule.forRoot({ sessions, csrf: true })], controllers: [controller([buy])] },
          { rawBody: true },
        )
        const { visitor } = await visit(t, app)
        const { cookie } = await sessionFor(sessions, { userId: 'ada' })
        const ask = (origin: string, cookie: string) =>
          visitor.ask('/buy', {
            method: 'POST',
            cookie,
            headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
            body: 'item=tea',
          })
        for (const each of [cookie, '']) {
          const page = await ask('https://evil.example', each)
          assert.equal(page.status, 403)
          assert.match(JSON.parse(page.text).message, /^This request may come from another site/)
        }
        const { host } = new URL(await app.getUrl())
        const page = await ask(`https://${host}`, cookie)
        assert.deepEqual([page.status, page.text], [201, 'item=tea'])
      })
    })

  suite(`Fastify under ${version}`, { timeout: 60_000 }, () => {
    const appOn = async (adapter: FastifyAdapter) => {
      const { sessions } = slowSessions()
      const root = moduleOf({
        imports: [StrongroomModule.forRoot({ sessions })],
        controllers: [controller([counting('n')])],
      })
      return NestFactory.create(root, adapter, { logger: false, abortOnError: false })
    }

    test('works with inject()', async (t) => {
      const adapter = new FastifyAdapter()
      const app = await appOn(adapter)
      t.after(() => app.close())
      await app.init()
      const first = await adapter.inject({ url: '/n' })
      const cookie = String(first.headers['set-cookie']).split(';')[0] as string
      const second = await adapter.inject({ url: '/n', headers: { cookie } })
      assert.deepEqual([first.payload, second.payload], ['{"n":1}', '{"n":2}'])
    })

    test('works without middie', async (t) => {
      const { visitor } = await visit(t, await appOn(new FastifyAdapter({ skipMiddie: true } as object)))
      for (const n of [1, 2]) assert.equal((await visitor.must('/n')).text, `{"n":${n}}`)
    })
  })
}
