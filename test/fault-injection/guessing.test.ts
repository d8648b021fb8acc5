import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { strongroom } from '../../packages/strongroom/src/adapters/hono.ts'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { GuessingOptions } from '../../packages/strongroom/src/index.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'

type Make = (guessing: GuessingOptions) => { sessions: Sessions<{ a: number }>; events: SessionEvent[] }

/** The tests stand in for the proxy, and say in a header where a request comes from. */
const making: (address: (request: never) => string | undefined) => Make = (address) => (guessing) => {
  const events: SessionEvent[] = []
  const on = (event: SessionEvent) => events.push(event)
  const common = { store: memory(), secrets: randomBytes(32), sweep: false as const, on }
  return { sessions: createSessions({ ...common, address, guessing: { threshold: 20, ...guessing } }), events }
}

const ofNode = making((request: IncomingMessage) => String(request.headers['x-address']))

interface Site {
  readonly url: string
  readonly events: SessionEvent[]
  /** How many requests have got a session. */
  readonly opened: () => number
}

type Start = (t: TestContext, guessing: GuessingOptions) => Promise<Site>

const overNode: Start = async (t, guessing) => {
  const { sessions, events } = ofNode(guessing)
  let opened = 0
  const server = createServer(
    withSessions(sessions, async (request, response) => {
      const session = await sessions.get(request)
      opened++
      if (request.url === '/login') session.login('ada')
      response.end(String(session.userId))
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, events, opened: () => opened }
}

const overHono: Start = async (t, guessing) => {
  const make = making((c: { req: { header(name: string): string | undefined } }) => c.req.header('x-address'))
  const { sessions, events } = make(guessing)
  let opened = 0
  const app = new Hono()
  app.use(strongroom(sessions))
  app.get('*', async (c) => {
    const { userId } = await sessions.get(c)
    opened++
    return c.text(String(userId))
  })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, events, opened: () => opened }
}

async function ask(
  { url }: Site,
  path: string,
  { token, at, signal }: { token?: string; at: string; signal?: AbortSignal },
) {
  const headers = { 'x-address': at, ...(token !== undefined && { cookie: `__Host-id=${token}` }) }
  const response = await fetch(url + path, { headers, ...(signal && { signal }) })
  const [line = ''] = response.headers.getSetCookie()
  return { user: await response.text(), token: /^__Host-id=([^;]+)/.exec(line)?.[1] }
}

/** In the form of one, with a tag that nobody can compute. */
const madeUp = () => randomBytes(66).toString('base64url')

suite('somebody who guesses tokens over HTTP', { timeout: 300_000 }, () => {
  test('opens nothing, is told of once, and is slowed down, while others of the same network are signed in as fast as ever', async (t) => {
    const asked: number[] = []
    const site = await overNode(t, {
      slowDown({ madeUp }) {
        asked.push(madeUp)
        return 50
      },
    })
    const ada = await ask(site, '/login', { at: '203.0.113.7' })
    const before = performance.now()
    for (let n = 0; n < 40; n++)
      assert.equal((await ask(site, '/', { token: madeUp(), at: '203.0.113.66' })).user, 'null')
    assert.deepEqual(
      asked,
      Array.from({ length: 20 }, (_, n) => 21 + n),
    )
    assert.ok(performance.now() - before >= 20 * 50 - 20, 'none of the last twenty came in less than 50 ms')
    // As many as there are, from the same network.
    for (let n = 0; n < 20; n++)
      assert.equal((await ask(site, '/', { token: ada.token ?? '', at: '203.0.113.66' })).user, 'ada')
    assert.ok((await ask(site, '/login', { at: '203.0.113.66' })).token)
    assert.equal(asked.length, 20, 'nobody else is slowed down')
    const told = site.events.filter(({ type }) => type === 'guessing')
    assert.deepEqual(told, [{ type: 'guessing', network: '203.0.113.0/24', madeUp: 21, unknown: 0, superseded: 0 }])
  })

  for (const [name, start] of Object.entries({ 'node:http': overNode, Hono: overHono }))
    test(`a visitor who leaves is not waited for: over ${name}`, async (t) => {
      let isHeld = () => {}
      const held = new Promise<void>((resolve) => {
        isHeld = resolve
      })
      const site = await start(t, {
        threshold: 1,
        slowDown() {
          isHeld()
          return 10_000
        },
      })
      await ask(site, '/', { token: madeUp(), at: '203.0.113.66' })
      assert.equal(site.opened(), 1)
      const leaving = new AbortController()
      const left = ask(site, '/', { token: madeUp(), at: '203.0.113.66', signal: leaving.signal })
      await held
      assert.equal(site.opened(), 1)
      leaving.abort()
      await assert.rejects(left)
      const began = performance.now()
      while (site.opened() === 1) await new Promise(setImmediate)
      assert.ok(performance.now() - began < 5000, 'the request did not wait for its ten seconds')
    })

  test('from a million networks fills a bounded part of the memory', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const sessions = createSessions({
      store: memory(),
      secrets: randomBytes(32),
      sweep: false,
      address: (request: { ip: string }) => request.ip,
      guessing: { networks: 10_000 },
    })
    const guess = async (n: number) => {
      const request = { ip: `${n >> 16}.${(n >> 8) & 255}.${n & 255}.1` }
      sessions.attach(request, sessions.open({ cookie: `__Host-id=${n.toString(36).padStart(88, 'A')}` }))
      await sessions.get(request)
    }
    const used = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const FIRST = 1 << 16
    for (let n = 0; n < 50_000; n++) await guess(FIRST + n)
    const full = used()
    for (let n = 50_000; n < 1_000_000; n++) await guess(FIRST + n)
    const growth = used() - full
    assert.ok(growth < 5_000_000, `${growth} bytes more than for the first 50,000`)
  })
})
