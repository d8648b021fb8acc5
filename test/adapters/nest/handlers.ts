import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { suite, type TestContext, test } from 'node:test'
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Header,
  InternalServerErrorException,
  Session as NestSession,
  Post,
  Redirect,
  Req,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common'
import { map, of } from 'rxjs'
import {
  CurrentSession,
  SignedIn,
  StrongroomModule,
  sessionOf,
  UserId,
} from '../../../packages/strongroom/src/adapters/nest.ts'
import { Session } from '../../../packages/strongroom/src/session/session.ts'
import { slowSessions, type Values } from '../site.ts'
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

type Anything = Session<Values>

/** Handlers of one controller behind the module. */
async function site(t: TestContext, platform: Platform, handlers: readonly Handler[], options = {}) {
  const { sessions, watch } = slowSessions({ on: () => {}, ...options })
  const root = moduleOf({ imports: [StrongroomModule.forRoot({ sessions })], controllers: [controller(handlers)] })
  return { sessions, watch, ...(await visit(t, await createApp(root, platform))) }
}

const login = get('login', (session: Anything) => session.login('ada'), [CurrentSession()])
const count = (session: Anything) => session.update('n', (n) => Number(n ?? 0) + 1)
const read = get('n', (session: Anything) => ({ n: session.get('n') ?? 0 }), [CurrentSession()])

export function handlerSuites(version: string): void {
  for (const platform of PLATFORMS) {
    suite(`handlers of ${version} on ${platform}`, { timeout: 60_000 }, () => {
      test('get a session that is loaded, the same as of sessions.get(request), and the id of its user', async (t) => {
        const { sessions, visitor } = await site(t, platform, [
          login,
          get(
            'who',
            async (session: unknown, userId: unknown, request: IncomingMessage & { raw?: IncomingMessage }) => ({
              isSession: session instanceof Session,
              isSame:
                session === (await sessions.get(request)) && session === (await sessions.get(request.raw ?? request)),
              userId,
            }),
            [CurrentSession(), UserId(), Req()],
          ),
        ])
        const asked = async () => JSON.parse((await visitor.must('/who')).text)
        assert.deepEqual(await asked(), { isSession: true, isSame: true, userId: null })
        await visitor.must('/login')
        assert.deepEqual(await asked(), { isSession: true, isSame: true, userId: 'ada' })
      })

      const onlyOnExpress = platform === 'Express' ? test : () => {}
      onlyOnExpress('get a session where the application has a request.raw of its own', async (t) => {
        const { sessions } = slowSessions()
        const root = moduleOf({ imports: [StrongroomModule.forRoot({ sessions })], controllers: [controller([read])] })
        const app = await createApp(root, platform)
        app.use((request: object, _response: object, next: () => void) => {
          Object.assign(request, { raw: Buffer.from('the body') })
          next()
        })
        const { visitor } = await visit(t, app)
        assert.equal((await visitor.must('/n')).text, '{"n":0}')
      })

      test('pass options to the session that they get', async (t) => {
        const { watch, visitor } = await site(t, platform, [
          login,
          get('calm', (session: Anything) => ({ readOnly: session.isReadOnly }), [
            CurrentSession({ onStoreError: 'anonymous' }),
          ]),
          get('fresh', () => ({}), [CurrentSession(), CurrentSession({ fresh: true })]),
        ])
        await visitor.must('/login')
        watch.calls.length = 0
        await visitor.must('/fresh')
        assert.equal(watch.calls.filter((call) => call === 'read').length, 2)
        watch.before = () => Promise.reject(new Error('down'))
        assert.equal((await visitor.must('/calm')).text, '{"readOnly":true}')
      })

      test("find nothing at Nest's own @Session()", async (t) => {
        const { visitor } = await site(t, platform, [
          get('own', (session: unknown) => ({ type: typeof session }), [NestSession()]),
        ])
        assert.equal((await visitor.must('/own')).text, '{"type":"undefined"}')
      })

      test('that do not ask cost no call of the store, and have no header of ours', async (t) => {
        const { watch, visitor } = await site(t, platform, [login, get('plain', () => 'plain', [])])
        await visitor.must('/login')
        watch.calls.length = 0
        const page = await visitor.must('/plain')
        assert.deepEqual([watch.calls, page.all('vary'), page.all('set-cookie')], [[], [], []])
      })

      /** Each way to respond, and what the visitor gets. */
      const WAYS: Readonly<Record<string, readonly [Handler, RegExp]>> = {
        'a value': [get('', (session: Anything) => ({ n: count(session) }), [CurrentSession()]), /^\{"n":1\}$/],
        'a value that an interceptor replaces': [
          get(
            '',
            (session: Anything) => count(session),
            [CurrentSession()],
            UseInterceptors({
              intercept: (_: ExecutionContext, next: CallHandler) => next.handle().pipe(map((n) => `n is ${n}`)),
            }),
          ),
          /^n is 1$/,
        ],
        '@Res({ passthrough: true })': [
          get(
            '',
            (session: Anything, response: ServerResponse & Reply) => {
              if (platform === 'Express') response.setHeader('x-more', 'yes')
              else response.header('x-more', 'yes')
              return `n is ${count(session)}`
            },
            [CurrentSession(), Res({ passthrough: true })],
          ),
          /^n is 1$/,
        ],
        '@Res(), which responds itself': [
          get('', (session: Anything, response: Reply) => void response.send(`n is ${count(session)}`), [
            CurrentSession(),
            Res(),
          ]),
          /^n is 1$/,
        ],
        'the response of Node': [
          get(
            '',
            (session: Anything, response: ServerResponse & Reply) => {
              const raw = platform === 'Express' ? response : response.hijack().raw
              const n = count(session)
              raw.writeHead(200, { 'Content-Type': 'text/plain' })
              raw.write('n is ')
              raw.end(String(n))
            },
            [CurrentSession(), Res()],
          ),
          /^n is 1$/,
        ],
        'a StreamableFile': [
          get('', (session: Anything) => new StreamableFile(Readable.from([Buffer.from(`n is ${count(session)}`)])), [
            CurrentSession(),
          ]),
          /^n is 1$/,
        ],
        'server-sent events': [
          {
            decorators: [Sse('')],
            parameters: [CurrentSession()],
            run: (session: Anything) => of({ data: `n is ${count(session)}` }),
          },
          /data: n is 1\n/,
        ],
        'a handler that has only headers': [
          get('', (session: Anything) => void count(session), [CurrentSession()], Header('x-more', 'yes')),
          /^$/,
        ],
      }
      for (const [way, [handler, expected]] of Object.entries(WAYS))
        test(`are saved before the visitor has ${way}`, async (t) => {
          const { visitor } = await site(t, platform, [handler, read])
          const page = await visitor.must('/')
          assert.match(page.text, expected)
          assert.equal(page.all('set-cookie').length, 1)
          assert.equal((await visitor.must('/n')).text, '{"n":1}')
        })

      test('are saved before the visitor has a redirect', async (t) => {
        const { visitor } = await site(t, platform, [
          {
            decorators: [Post(''), Redirect('/n')],
            parameters: [CurrentSession()],
            run: (s: Anything) => void count(s),
          },
          read,
        ])
        assert.equal((await visitor.ask('/', { method: 'POST' })).header('location'), '/n')
        assert.equal((await visitor.must('/n')).text, '{"n":1}')
      })

      test('that throw after a change save it with a 4xx, and nothing with a 5xx but a logout', async (t) => {
        const { visitor } = await site(t, platform, [
          login,
          read,
          get(
            'refuses',
            (session: Anything) => {
              count(session)
              throw new ForbiddenException()
            },
            [CurrentSession()],
          ),
          get(
            'fails',
            (session: Anything) => {
              count(session)
              throw new Error('a mistake')
            },
            [CurrentSession()],
          ),
          get(
            'leaves',
            (session: Anything) => {
              session.logout()
              throw new InternalServerErrorException()
            },
            [CurrentSession()],
          ),
        ])
        await visitor.must('/login')
        assert.equal((await visitor.ask('/refuses')).status, 403)
        assert.equal((await visitor.ask('/fails')).status, 500)
        assert.equal((await visitor.must('/n')).text, '{"n":1}')
        const cookie = visitor.jar.header() ?? ''
        assert.equal((await visitor.ask('/leaves')).status, 500)
        assert.equal((await visitor.ask('/n', { cookie })).text, '{"n":0}')
      })

      test('that change a session after the response get a SessionClosedError', async (t) => {
        const late: unknown[] = []
        const { visitor } = await site(t, platform, [
          get(
            '',
            (session: Anything) =>
              new StreamableFile(
                Readable.from(
                  (async function* () {
                    yield Buffer.from('first')
                    try {
                      session.set('n', 1)
                    } catch (error) {
                      late.push((error as Error).name)
                    }
                  })(),
                ),
              ),
            [CurrentSession()],
          ),
        ])
        assert.equal((await visitor.must('/')).text, 'first')
        assert.deepEqual(late, ['SessionClosedError'])
      })
    })

    suite(`guards of ${version} on ${platform}`, { timeout: 60_000 }, () => {
      const behind = (...guards: (CanActivate | typeof SignedIn)[]) =>
        get('private', (userId: string) => ({ userId }), [UserId()], UseGuards(...guards))

      test('SignedIn lets users pass, and sends a 401 to others', async (t) => {
        const { visitor } = await site(t, platform, [login, behind(SignedIn)])
        const refused = await visitor.ask('/private')
        assert.deepEqual(
          [refused.status, JSON.parse(refused.text)],
          [401, { message: 'Unauthorized', statusCode: 401 }],
        )
        assert.match(refused.header('vary') ?? '', /cookie/i)
        await visitor.must('/login')
        assert.equal((await visitor.must('/private')).text, '{"userId":"ada"}')
      })

      for (const onStoreError of ['throw', 'anonymous'] as const)
        test(`SignedIn sends no 401 when the store is down, but a 503, and keeps the cookie: ${onStoreError}`, async (t) => {
          const { watch, visitor } = await site(t, platform, [login, behind(SignedIn)], { onStoreError })
          await visitor.must('/login')
          watch.before = () => Promise.reject(new Error('down'))
          const page = await visitor.ask('/private')
          assert.deepEqual([page.status, page.all('set-cookie')], [503, []])
          watch.before = null
          await visitor.must('/private')
        })

      test('SignedIn asks the store itself only with the option fresh', async (t) => {
        for (const [fresh, reads] of [
          [false, 1],
          [true, 2],
        ] as const) {
          const { watch, visitor } = await site(t, platform, [login, behind(new SignedIn(), new SignedIn({ fresh }))])
          await visitor.must('/login')
          watch.calls.length = 0
          await visitor.must('/private')
          assert.equal(watch.calls.filter((call) => call === 'read').length, reads)
        }
      })

      test('SignedIn protects a controller, and a subclass can say where the request is', async (t) => {
        const { sessions } = slowSessions()
        class Elsewhere extends SignedIn {
          override getRequest(context: ExecutionContext): object {
            return context.getArgByIndex(0)
          }
        }
        const pages = controller([behind()], [Controller('a'), UseGuards(SignedIn)])
        const others = controller([behind()], [Controller('b'), UseGuards(Elsewhere)])
        const root = moduleOf({
          imports: [StrongroomModule.forRoot({ sessions })],
          controllers: [controller([login]), pages, others],
        })
        const { visitor } = await visit(t, await createApp(root, platform))
        for (const path of ['/a/private', '/b/private']) assert.equal((await visitor.ask(path)).status, 401)
        await visitor.must('/login')
        for (const path of ['/a/private', '/b/private']) await visitor.must(path)
      })

      test('of an application have the session by sessionOf(context)', async (t) => {
        const onlyAda = {
          canActivate: async (context: ExecutionContext) => (await sessionOf(context)).userId === 'ada',
        }
        const { visitor } = await site(t, platform, [login, behind(onlyAda)])
        assert.equal((await visitor.ask('/private')).status, 403)
        await visitor.must('/login')
        await visitor.must('/private')
      })
    })
  }
}
