import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import express5 from 'express'
import { Hono } from 'hono'
import { strongroom as express } from '../../packages/strongroom/src/adapters/express.ts'
import { withSessions as withFetch } from '../../packages/strongroom/src/adapters/fetch.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import { withSessions as withNode } from '../../packages/strongroom/src/adapters/node.ts'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { moving } from '../../packages/strongroom/src/engines/moving/moving.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import dropIn from '../../packages/strongroom/src/express-session/session.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { secret } from '../core/fixtures/secret.ts'
import { running } from './site.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a user of JavaScript may write
type Anything = any

const secrets = secret('mistakes of adapters')
const sessions = createSessions({ secrets, store: memory() })
const create = (options: Anything) => createSessions({ secrets, store: memory(), ...options })
const respond = () => new Response('ok')
const [asFetch, asNode, asExpress, asHono] = [withFetch, withNode, express, hono] as Anything[]

type Mistake = readonly [mistake: string, make: () => unknown, message: RegExp]

/** Each is refused when it is made, with a `ConfigError` that says what to write. */
function refuses(mistakes: readonly Mistake[]) {
  for (const [mistake, make, message] of mistakes)
    test(mistake, async () => {
      await assert.rejects(async () => make(), { name: 'ConfigError', message })
    })
}

suite('an adapter', () => {
  const write = /takes sessions: const sessions = createSessions\(\{ … \}\), then app\.use\(strongroom\(sessions\)\)\./
  const with_ = (message: RegExp) => new RegExp(`${write.source}.*${message.source}`)
  refuses([
    ['express: nothing', () => asExpress(), with_(/It got undefined: is the variable set, and exported\?/)],
    ['express: null', () => asExpress(null), with_(/It got null/)],
    ['express: createSessions that was not called', () => asExpress(createSessions), with_(/a function: call it/)],
    ['express: a promise', () => asExpress(Promise.resolve(sessions)), with_(/a promise: await it/)],
    ['express: the middleware of the drop-in', () => asExpress(dropIn()), with_(/pass its property "sessions"/)],
    ['express: the options of createSessions', () => asExpress({ secrets }), with_(/It got something else/)],
    ['express: in Fastify', () => asExpress(sessions)({ register() {} }, {}, () => {}), /Use strongroom\/fastify/],
    ['express: in Koa', () => asExpress(sessions)({ headers: {} }, async () => {}), /strongroom\/koa/],
    ['hono: nothing', () => asHono(), with_(/It got undefined/)],
    ['hono: a module', () => asHono({ sessions }), with_(/It got something else/)],
    [
      'fetch: nothing',
      () => asFetch(),
      /withSessions\(sessions, async \(request\) => new Response\(…\)\)\. It got undef/,
    ],
    ['fetch: handler and sessions in the wrong order', () => asFetch(respond, sessions), /takes sessions/],
    [
      'fetch: no handler',
      () => asFetch(sessions),
      /takes a handler: write withSessions\(sessions, async \(request\) =>/,
    ],
    ['fetch: a response', () => asFetch(sessions, respond()), /takes a handler/],
    ['fetch: an onError that is text', () => asFetch(sessions, respond, { onError: 'x' }), /"onError" of withSessions/],
    [
      'node: nothing',
      () => asNode(),
      /withSessions\(sessions, async \(request, response\) => \{ … \}\)\. It got undef/,
    ],
    [
      'node: no handler',
      () => asNode(sessions),
      /takes a handler: write withSessions\(sessions, async \(request, resp/,
    ],
    ['node: an onError that is text', () => asNode(sessions, respond, { onError: 'x' }), /"onError" of withSessions/],
  ])

  test('express: mounted itself, it does not leave the visitor waiting, and says what to write', async (t) => {
    const errors: Error[] = []
    const app = express5().use(express as Anything)
    app.use(((error, _request, response, _next) => {
      errors.push(error)
      response.status(500).end()
    }) as express5.ErrorRequestHandler)
    const { url } = await running(t, app)
    assert.equal((await fetch(url)).status, 500)
    assert.match(
      String(errors[0]),
      /ConfigError: .*It got a request: it was mounted itself, instead of what it returns/,
    )
  })

  test('hono: mounted itself, it does not leave the visitor waiting, and says what to write', async () => {
    const errors: Error[] = []
    const app = new Hono().use(hono as Anything).get('/', (c) => c.text('ok'))
    app.onError((error, c) => {
      errors.push(error)
      return c.text('', 500)
    })
    assert.equal((await app.request('/')).status, 500)
    assert.match(String(errors[0]), /ConfigError: .*It got a request: it was mounted itself/)
  })

  for (const [result, handler] of [
    ['nothing', async () => undefined],
    ['nothing, after a change', async (request: Request) => void (await sessions.get(request)).set('a', 1)],
    ['text', async () => 'ok'],
  ] as const)
    test(`fetch: a handler that returns ${result} is told to return a Response`, async () => {
      await assert.rejects(asFetch(sessions, handler)(new Request('http://localhost/')), {
        name: 'TypeError',
        message: /must return a Response, or a promise of one/,
      })
    })
})

suite('a session that is asked for', () => {
  for (const [mistake, ask, message] of [
    ['without an adapter', () => sessions.get({ headers: {} }), /Mount the adapter before the handler, as in app\.use/],
    [
      'the headers of a page of Next',
      () => sessions.get(new Headers() as Anything),
      /Next, write await read\(sessions\)/,
    ],
    [
      'without a request',
      () => (sessions as Anything).get(),
      /take the request that came through the adapter: Express/,
    ],
    ['by an id', () => (sessions as Anything).save('id'), /take the request that came through the adapter/],
  ] as const)
    test(`${mistake}: the error says what to write`, () => assert.rejects(ask, { name: 'NotAttachedError', message }))

  for (const given of [undefined, null, 'cookie'])
    test(`read(${given}): the error says what to pass`, () =>
      assert.rejects(sessions.read(given as Anything), {
        name: 'TypeError',
        message: /Pass a request, or its headers/,
      }))
})

suite('createSessions', () => {
  refuses([
    [
      'a URL instead of options',
      () => createSessions('sqlite:./x.db' as Anything),
      /takes options: write createSessions\(\{/,
    ],
    ['an option of express-session', () => create({ resave: false }), /Leave it out: a session is saved when/],
    ['its secret', () => create({ secret: 'x' }), /Did you mean "secrets"\?/],
    ['the password of iron-session', () => create({ password: 'x' }), /Did you mean "secrets"\?/],
    ['its name', () => create({ name: 'sid' }), /Write cookie: \{ name \}/],
    ['a maxAge', () => create({ maxAge: 5 }), /said by "idle" and "absolute"/],
    ['an option of login', () => create({ limit: 5 }), /It is an option of login\(\)/],
    ['a slip: stor', () => create({ stor: 'x' }), /Did you mean "store"\?/],
    ['a slip: coookie', () => create({ coookie: {} }), /Did you mean "cookie"\?/],
    ['a slip: idel', () => create({ idel: '5m' }), /Did you mean "idle"\?/],
    ['nothing that resembles one', () => create({ colour: 'x' }), /"colour" for createSessions\(\)\. Known: store/],
    [
      'cookie.maxAge',
      () => create({ cookie: { maxAge: 5 } }),
      /said by the options "absolute" and "expireAtBrowserClose"/,
    ],
    ['cookie.httpOnly', () => create({ cookie: { httpOnly: true } }), /Leave it out: the cookie is always HttpOnly/],
  ])
})

suite('a store', () => {
  const connect = { get() {}, set() {}, destroy() {} }
  refuses([
    ['an engine that was not called', () => create({ store: memory }), /^store must be .* a function: call it/],
    ['a promise', () => create({ store: Promise.resolve(memory()) }), /^store must be .* a promise: await it/],
    ['a URL object', () => create({ store: new URL('memory:') }), /^store must be .* a URL object: pass the string/],
    ['an empty variable', () => create({ store: '' }), /is empty\. If it comes from an environment variable, set that/],
    ['a blank variable', () => create({ store: ' \n' }), /is empty\. If it comes from an environment variable/],
    [
      'a path without a scheme',
      () => create({ store: './x.db' }),
      /begins with a scheme\. Known: memory:, file:, sqlite:/,
    ],
    ['sessions', () => create({ store: sessions }), /It got sessions/],
    ['a store of express-session', () => create({ store: connect }), /a store of express-session: docs\/coming-from/],
    ['a database', () => create({ store: new DatabaseSync(':memory:') }), /pass sqlite\(\{ database \}\)/],
    ['a client of ioredis', () => create({ store: { getBuffer() {} } }), /pass redis\(\{ client \}\)/],
    [
      'a client of node-redis',
      () => create({ store: { evalSha() {}, get() {}, set() {}, destroy() {} } }),
      /pass redis\(\{ client \}\)/,
    ],
    ...Object.entries({ sizeLimit: undefined, granularity: 'x', evicts: undefined, durable: 'yes', engine: '' }).map(
      ([trait, value]) =>
        [
          `one whose ${trait} is ${value}`,
          () => {
            const store = memory({ max: 10 })
            return create({ store: Object.assign(store, { traits: { ...store.traits, [trait]: value } }) })
          },
          new RegExp(`its traits\\.${trait} must be`),
        ] as [string, () => unknown, RegExp],
    ),
    ...[
      ['postgres', () => postgres({ connectionString: 'x' } as Anything), 'new Pool'],
      ['mysql', () => mysql({ host: 'x' } as Anything), 'createPool'],
      ['redis', () => redis({ socket: {} } as Anything), 'new Redis'],
    ].map(
      ([engine, make, client]) =>
        [`options of the driver for ${engine}()`, make, new RegExp(`write a URL, or pass client: ${client}`)] as [
          string,
          () => unknown,
          RegExp,
        ],
    ),
    ['a pool of pg', () => create({ store: { query() {}, connect() {} } }), /pass postgres\(\{ client \}\)/],
    ['a pool of mysql2', () => create({ store: { query() {}, getConnection() {} } }), /pass mysql\(\{ client \}\)/],
    [
      'one without methods',
      () => create({ store: { traits: {}, create() {} } }),
      /has no read\(\), update\(\), touch\(\)/,
    ],
    ['cached: a function', () => cached({ durable: sqlite, cache: memory } as Anything), /"durable" .* call it/],
    ['moving: a promise', () => moving({ from: Promise.resolve(), to: memory } as Anything), /"from" .* await it/],
    ['cookie: a function', () => cookie({ revocations: memory } as Anything), /"revocations" .* call it/],
    ['sqlite: a URL object', () => sqlite(new URL('sqlite:./x.db') as Anything), /a URL object: pass the string/],
    ['memory: a promise', () => memory(Promise.resolve() as Anything), /a promise: await it/],
    [
      'postgres: a client that is none',
      () => postgres({ client: {} } as Anything),
      /"client" .* must be a Pool or a Client/,
    ],
  ])
})

suite('secrets', () => {
  const advice = /Make one with `npx @strongroom\/cli keys new`/
  const says = (message: RegExp) => new RegExp(`${message.source}.*${advice.source}`)
  refuses([
    ['an empty variable', () => create({ secrets: '' }), says(/is empty\. If it comes from an environment variable/)],
    [
      'a blank variable',
      () => create({ secrets: ' \t\n' }),
      says(/is empty\. If it comes from an environment variable/),
    ],
    [
      'undefined made into a string',
      () => create({ secrets: `${undefined}` }),
      says(/the word "undefined": the variable/),
    ],
    ['null made into a string', () => create({ secrets: ['null'] }), says(/the word "null": the variable/)],
    ['a promise', () => create({ secrets: Promise.resolve(secrets) }), says(/a promise: await it/)],
    ['a short one', () => create({ secrets: 'abc' }), says(/Secret 1 has 3 bytes; at least 32 are needed\. /)],
    [
      'words',
      () => create({ secrets: 'correct horse battery staple' }),
      says(/white space and commas separate secrets/),
    ],
    ['the example of the documentation', () => create({ secrets: 'keyboard cat' }), says(/has 8 bytes/)],
    ['a placeholder', () => create({ secrets: 'change-me-to-something-long-and-random' }), says(/looks guessable/)],
  ])
})
