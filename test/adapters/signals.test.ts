import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import express, { type Request } from 'express'
import { fastify as createFastify, type FastifyRequest } from 'fastify'
import { Hono } from 'hono'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { strongroom as fastify } from '../../packages/strongroom/src/adapters/fastify.ts'
import { strongroom as hono } from '../../packages/strongroom/src/adapters/hono.ts'
import type { SessionEvent, Signal, SignalOutcome } from '../../packages/strongroom/src/events.ts'
import { http1 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { running, slowSessions } from './site.ts'

const FIREFOX = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0',
  'X-Forwarded-For': '203.0.113.7',
}
const CHROME = {
  'User-Agent':
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Sec-CH-UA': '"Chromium";v="140", "Not A(Brand";v="24", "Google Chrome";v="140"',
  'Sec-CH-UA-Platform': '"Windows"',
  'Sec-CH-UA-Mobile': '?0',
  'X-Forwarded-For': '203.0.113.7',
}
type Headers = Readonly<Record<string, string>>

/** A site behind a proxy, on Express, whose pages say who is signed in, and when that was proved. */
async function site(t: TestContext, outcome: SignalOutcome) {
  const events: SessionEvent[] = []
  const told: Signal[] = []
  const onSignal = (signal: Signal) => {
    told.push(signal)
    return outcome
  }
  const { sessions } = slowSessions({
    signals: { onSignal },
    address: (request: Request) => request.ip,
    on: (event) => events.push(event),
  })
  const app = express().set('env', 'test').set('trust proxy', 1).use(strongroom(sessions))
  app.post('/login', async (request, response) => {
    ;(await sessions.get(request)).login('ada')
    response.sendStatus(204)
  })
  app.get('/who', async (request, response) => {
    const { userId, authenticatedAt } = await sessions.get(request)
    response.json({ userId, isProved: authenticatedAt !== null })
  })
  const { url, visitor } = await running(t, app)
  const ask = async (who: Visitor, headers: Headers) => JSON.parse((await who.ask('/who', { headers })).text)
  const client = http1(url)
  t.after(() => client.close())
  /** A program that sends the cookie of the visitor, which was copied. */
  const thief = async (headers: Headers, cookie = visitor.jar.header() ?? '') => {
    return JSON.parse((await new Visitor(client).ask('/who', { headers, cookie })).text)
  }
  const login = (headers: Headers) => visitor.ask('/login', { method: 'POST', headers })
  return { visitor, ask, thief, login, events, told }
}

suite('over HTTP, a cookie that was copied', { timeout: 30_000 }, () => {
  test('and that a plain program sends is a signal, with what has changed', async (t) => {
    const { thief, login, told, ask, visitor, events } = await site(t, 'report')
    await login(CHROME)
    assert.deepEqual(await thief({ 'X-Forwarded-For': '198.51.100.4', 'User-Agent': 'python-requests/2.32.3' }), {
      userId: 'ada',
      isProved: true,
    })
    assert.deepEqual(await ask(visitor, CHROME), { userId: 'ada', isProved: true })
    assert.equal(told.length, 1)
    const { changed, from, to, request } = told[0] as Signal
    assert.deepEqual(changed, ['family', 'network'])
    assert.deepEqual(from, {
      family: 'Chrome on Windows',
      hints: { brands: 'Chromium, Google Chrome', platform: 'Windows', mobile: false },
      network: '203.0.113.0/24',
    })
    assert.deepEqual(to, {
      family: 'python-requests',
      hints: { brands: null, platform: null, mobile: null },
      network: '198.51.100.0/24',
    })
    assert.equal((request as Request).ip, '198.51.100.4')
    assert.equal(events.filter(({ type }) => type === 'signal').length, 1)
  })

  test("with 'end', opens nothing for the thief, and then nothing for the user, who can sign in again", async (t) => {
    const { thief, login, ask, visitor } = await site(t, 'end')
    await login(FIREFOX)
    assert.deepEqual(await ask(visitor, FIREFOX), { userId: 'ada', isProved: true })
    assert.deepEqual(await thief(CHROME), { userId: null, isProved: false })
    assert.deepEqual(await ask(visitor, FIREFOX), { userId: null, isProved: false })
    assert.deepEqual(await thief(FIREFOX), { userId: null, isProved: false })
    await login(FIREFOX)
    assert.deepEqual(await ask(visitor, FIREFOX), { userId: 'ada', isProved: true })
  })

  test("with 'stepUp', opens a session whose proof is too old, which a login mends for the user alone", async (t) => {
    const { thief, login, ask, visitor } = await site(t, 'stepUp')
    await login(FIREFOX)
    const copied = visitor.jar.header() ?? assert.fail()
    assert.deepEqual(await thief(CHROME, copied), { userId: 'ada', isProved: false })
    assert.deepEqual(await ask(visitor, FIREFOX), { userId: 'ada', isProved: false })
    await login(FIREFOX)
    assert.deepEqual(await thief(CHROME, copied), { userId: null, isProved: false })
    assert.deepEqual(await ask(visitor, FIREFOX), { userId: 'ada', isProved: true })
  })

  test('by a thief in the same network who sends the same headers raises nothing: that is what signals cannot see', async (t) => {
    const { thief, login, told } = await site(t, 'end')
    await login(CHROME)
    assert.deepEqual(await thief(CHROME), { userId: 'ada', isProved: true })
    assert.deepEqual(told, [])
  })

  test('raises nothing by a page and its parts that a browser asks for in parallel, nor after its update', async (t) => {
    const { login, told, ask, visitor } = await site(t, 'end')
    await login(CHROME)
    const updated = {
      ...CHROME,
      'User-Agent': CHROME['User-Agent'].replace('140', '141'),
      'Sec-CH-UA': '"Google Chrome";v="141", "Not?A_Brand";v="8", "Chromium";v="141"',
      'X-Forwarded-For': '203.0.113.200',
    }
    const all = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(visitor, n < 6 ? CHROME : updated)))
    for (const one of all) assert.deepEqual(one, { userId: 'ada', isProved: true })
    assert.deepEqual(told, [])
  })
})

suite('the headers that are compared reach it', { timeout: 30_000 }, () => {
  type Told = readonly string[]
  const collecting = (options: object = {}) => {
    const told: Told[] = []
    const onSignal = ({ changed }: Signal): void => void told.push(changed)
    return { told, ...slowSessions({ signals: { onSignal }, ...options }) }
  }
  async function twice(visitor: Visitor) {
    await visitor.ask('/login', { headers: CHROME })
    await visitor.ask('/login?again', {
      headers: { ...CHROME, 'Sec-CH-UA-Platform': '"Linux"', 'X-Forwarded-For': '198.51.100.4' },
    })
  }
  const signIn = async (session: { userId: string | null; login(userId: string): void }) => {
    if (session.userId === null) session.login('ada')
  }

  test('on Fastify', async (t) => {
    const { told, sessions } = collecting({ address: (request: FastifyRequest) => request.ip })
    const app = createFastify({ forceCloseConnections: true, trustProxy: true })
    app.register(fastify(sessions))
    app.get('/login', async (request, reply) => {
      await signIn(await sessions.get(request))
      return reply.code(204).send()
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    t.after(() => app.close())
    const client = http1(url)
    t.after(() => client.close())
    await twice(new Visitor(client))
    assert.deepEqual(told, [['hints', 'network']])
  })

  test('on Hono, whose headers are those of Fetch', async (t) => {
    const { told, sessions } = collecting()
    const app = new Hono().use(hono(sessions)).get('/login', async (c) => {
      await signIn(await sessions.get(c))
      return c.body(null, 204)
    })
    await twice((await running(t, createServer(getRequestListener(app.fetch)))).visitor)
    assert.deepEqual(told, [['hints']])
  })
})
