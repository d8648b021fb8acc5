import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { suite, test } from 'node:test'
import { useNest11 } from './version.ts'

// Of this version, there are the packages for microservices and for tests.
useNest11()
const { Get, UseGuards } = await import('@nestjs/common')
const { ExecutionContextHost } = await import('@nestjs/core/helpers/execution-context-host.js')
const { CurrentSession, SESSIONS, SessionException, SignedIn, StrongroomModule, sessionOf, UserId } = await import(
  '../../../packages/strongroom/src/adapters/nest.ts'
)
const { StrongroomFilter } = await import('../../../packages/strongroom/src/adapters/nest/exception.ts')
const { StoreError } = await import('../../../packages/strongroom/src/errors.ts')
const { sessionFor } = await import('../../../packages/strongroom/src/testing/index.ts')
const { slowSessions } = await import('../site.ts')
const { controller, createApp, moduleOf, visit } = await import('./site.ts')
// By values, because this repository has no types for them.
const [MICROSERVICES, TESTING]: string[] = ['@nestjs/microservices', '@nestjs/testing']
const { ClientProxyFactory, MessagePattern, Transport } = await import(MICROSERVICES as string)
const { Test } = await import(TESTING as string)

const contextOf = (type: string, args: unknown[]) => {
  const context = new ExecutionContextHost(args)
  context.setType(type)
  return context
}

suite('where there is no request of HTTP', () => {
  const ADVICE = {
    ws: /context of type "ws", and so no session\. In a gateway, inject the sessions and use sessions\.read/,
    graphql:
      /context of type "graphql".* use sessions\.get\(context\.req\)\. For a guard, extend SignedIn and override/,
    rpc: /context of type "rpc".* A message of a microservice has no visitor\./,
    'something else': /context of type "something else".* no visitor/,
  }
  for (const [type, message] of Object.entries(ADVICE))
    test(`sessionOf and SignedIn say what to do: ${type}`, async () => {
      const context = contextOf(type, [{}, {}, {}])
      for (const promise of [sessionOf(context), new SignedIn().canActivate(context)])
        await assert.rejects(promise, { name: 'UnsupportedError', message })
    })

  test('an error goes on to the handler of errors there is: GraphQL gets it, and others get no response of HTTP', () => {
    const filter = new StrongroomFilter()
    const error = new StoreError('down')
    const found = filter.catch(error, contextOf('graphql', [{}, {}, {}]))
    assert.ok(found instanceof SessionException && found.cause === error)
    assert.equal(filter.catch(error, contextOf('rpc', [{}])), undefined)
  })
})

suite('an application that is a microservice, too', { timeout: 60_000 }, () => {
  test('has sessions over HTTP, and says in a message handler that there is none', async (t) => {
    const { sessions } = slowSessions()
    const http = { decorators: [Get('user')], parameters: [UserId()], run: (userId: unknown) => ({ userId }) }
    const asks = {
      decorators: [MessagePattern('asks')],
      parameters: [CurrentSession()],
      run: () => 'not reached',
    }
    const guarded = { decorators: [MessagePattern('guarded'), UseGuards(SignedIn)], run: () => 'not reached' }
    const fails = { decorators: [MessagePattern('fails')], run: () => Promise.reject(new StoreError('at 10.0.0.1')) }
    const root = moduleOf({
      imports: [StrongroomModule.forRoot({ sessions })],
      controllers: [controller([http, asks, guarded, fails])],
    })
    const app = await createApp(root, 'Express')
    const port = await freePort()
    app.connectMicroservice({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } } as never, {
      inheritAppConfig: true,
    })
    await app.startAllMicroservices()
    const { visitor } = await visit(t, app)
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    assert.equal((await visitor.ask('/user', { cookie })).text, '{"userId":"ada"}')
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } })
    t.after(() => client.close())
    for (const pattern of ['asks', 'guarded', 'fails']) {
      const failed = await new Promise((resolve, reject) =>
        client.send(pattern, {}).subscribe({ next: reject, error: resolve }),
      )
      assert.deepEqual(failed, { status: 'error', message: 'Internal server error' })
    }
  })

  async function freePort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    server.close()
    await once(server, 'close')
    return port
  }
})

suite('a test of an application', { timeout: 60_000 }, () => {
  test('can put other sessions in the place of those of the module, and send the cookie of a session of its own', async (t) => {
    const { sessions } = slowSessions()
    const { sessions: ofTest } = slowSessions()
    const pages = controller([
      {
        decorators: [Get('user'), UseGuards(SignedIn)],
        parameters: [UserId()],
        run: (userId: unknown) => ({ userId }),
      },
    ])
    const root = moduleOf({ imports: [StrongroomModule.forRoot({ sessions })], controllers: [pages] })
    const compiled = await Test.createTestingModule({ imports: [root] })
      .overrideProvider(SESSIONS)
      .useValue(ofTest)
      .compile()
    const { visitor } = await visit(t, compiled.createNestApplication({ logger: false }))
    assert.equal((await visitor.ask('/user')).status, 401)
    const { cookie } = await sessionFor(ofTest, { userId: 'ada' })
    assert.equal((await visitor.ask('/user', { cookie })).text, '{"userId":"ada"}')
    assert.equal((await visitor.ask('/user', await sessionFor(sessions, { userId: 'ada' }))).status, 401)
  })
})
