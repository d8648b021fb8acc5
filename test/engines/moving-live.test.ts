import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { type MoveReport, move, moving } from '../../packages/strongroom/src/engines/moving/moving.ts'
import { storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { IndexedStore, ScannableStore } from '../../packages/strongroom/src/store.ts'
import { listening } from '../adapters/serve.ts'
import { secret } from '../core/kit/ring.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'

type Whole = IndexedStore & ScannableStore

/** Which stores a node knows, in the order of a deployment. */
type Stage = 'old' | 'prepare' | 'move' | 'new'

interface Urls {
  readonly from: string
  readonly to: string
}

interface Node {
  readonly url: string
  /** Requests that wait for their answers. */
  readonly asked: Set<Promise<unknown>>
  stop(): Promise<void>
}

/** One server of the application, with connections of its own, and a counter in the session. */
async function startNode(stage: Stage, urls: Urls): Promise<Node> {
  const made = stage === 'old' ? [urls.from] : stage === 'new' ? [urls.to] : [urls.from, urls.to]
  const stores = made.map((url) => storeFromUrl(url) as Whole)
  const [first, second] = stores as [Whole, Whole]
  const phase = stage === 'prepare' ? 'prepare' : 'move'
  const store = second ? moving({ from: first, to: second, phase }) : first
  const sessions = createSessions<{ count: number }>({
    store,
    secrets: secret('moving'),
    cookie: { name: 'id', secure: false },
    storeTimeout: '20s',
    idle: '10m',
  })
  const server: Server = createServer(
    withSessions(sessions, async (request, response) => {
      const session = await sessions.get(request)
      if (request.url === '/login') session.login('ada')
      if (request.url === '/logout') session.logout()
      if (request.url === '/count' && session.userId !== null) session.update('count', (count = 0) => count + 1)
      response.end(JSON.stringify({ user: session.userId, count: session.get('count') ?? 0 }))
    }),
  )
  const { url, close } = await listening(server)
  const stop = async () => {
    await close()
    await sessions.close()
    for (const each of stores) await each.close()
  }
  return { url, asked: new Set(), stop }
}

/** What the clients ask: each request goes to the next node, as behind a load balancer that lets a node finish before it ends. */
class Fleet {
  readonly #nodes: Node[] = []
  #turn = 0

  async ask(path: string, cookie: string | null) {
    const node = this.#nodes[this.#turn++ % this.#nodes.length]
    assert.ok(node)
    const asked = post(node.url + path, cookie)
    node.asked.add(asked)
    try {
      return await asked
    } finally {
      node.asked.delete(asked)
    }
  }

  async put(index: number, stage: Stage, urls: Urls): Promise<void> {
    const old = this.#nodes[index]
    this.#nodes[index] = await startNode(stage, urls)
    if (old) await ending(old)
  }

  async end(): Promise<void> {
    for (const node of this.#nodes.splice(0)) await ending(node)
  }
}

async function ending(node: Node): Promise<void> {
  await Promise.allSettled(node.asked)
  await node.stop()
}

async function post(url: string, cookie: string | null) {
  const response = await fetch(url, { method: 'POST', headers: cookie ? { cookie } : {} })
  const text = await response.text()
  assert.equal(response.status, 200, `${url}: ${text}`)
  const set = response.headers.get('set-cookie')?.split(';', 1)[0] ?? null
  return { ...(JSON.parse(text) as { user: string | null; count: number }), set }
}

/** A visitor who signs in once and never again, and counts what they were told. */
class Client {
  requests = 0
  readonly #fleet: Fleet
  #cookie: string | null = null
  #count = 0

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  async signIn(): Promise<void> {
    const { set } = await this.#fleet.ask('/login', null)
    this.#cookie = set ?? assert.fail('no cookie')
  }

  /** Two requests at once, as a page makes them: one that changes the session, and one that reads it. */
  async use(): Promise<void> {
    const [counted, looked] = await Promise.all([
      this.#fleet.ask('/count', this.#cookie),
      this.#fleet.ask('/', this.#cookie),
    ])
    this.#count += 1
    this.requests += 2
    assert.deepEqual([counted.user, looked.user], ['ada', 'ada'], 'nobody is logged out')
    assert.equal(counted.count, this.#count, 'no update is lost')
  }

  async logOut(): Promise<void> {
    await this.#fleet.ask('/logout', this.#cookie)
  }

  /** With the cookie that was logged out, as a thief of it would. */
  async tryAgain(): Promise<void> {
    this.requests += 2
    for (const path of ['/', '/count']) {
      assert.equal((await this.#fleet.ask(path, this.#cookie)).user, null, 'the logged-out stays dead')
    }
  }
}

async function deploysThroughout(urls: Urls): Promise<MoveReport> {
  const fleet = new Fleet()
  for (const index of [0, 1]) await fleet.put(index, 'old', urls)
  const clients = Array.from({ length: 6 }, () => new Client(fleet))
  const leaving = Array.from({ length: 6 }, () => new Client(fleet))
  const idle = Array.from({ length: 40 }, () => new Client(fleet))
  for (const client of [...clients, ...leaving, ...idle]) await client.signIn()
  let over = false
  const traffic = clients.map(async (client) => {
    while (!over) await client.use()
  })
  const gone: Client[] = []
  const thieves = (async () => {
    while (!over) {
      for (const client of gone) await client.tryAgain()
      await turn()
    }
  })()
  const all = Promise.all([...traffic, thieves])
  const leave = async () => {
    const client = leaving.pop() as Client
    await client.use()
    await client.logOut()
    gone.push(client)
  }
  const deploy = async () => {
    for (const stage of ['prepare', 'move'] as const) {
      for (const index of [0, 1]) {
        await fleet.put(index, stage, urls)
        await leave()
      }
    }
    const [from, to] = [storeFromUrl(urls.from) as Whole, storeFromUrl(urls.to) as Whole]
    const [report] = await Promise.all([move({ from, to, page: 5 }), leave()])
    await from.close()
    await to.close()
    for (const index of [0, 1]) await fleet.put(index, 'new', urls)
    await leave()
    return report
  }
  try {
    const report = await Promise.race([deploy(), all.then(() => assert.fail('the traffic ended'))])
    over = true
    await all
    for (const client of [...clients, ...idle]) await client.use()
    for (const client of gone) await client.tryAgain()
    assert.ok(
      clients.every(({ requests }) => requests > 10),
      'everybody was busy',
    )
    return report
  } finally {
    over = true
    await all.catch(() => undefined)
    await fleet.end()
  }
}

const ENGINES = [
  { engine: 'postgres', need: postgresNeed, start: startPostgres, options: '?createTable=true' },
  { engine: 'mysql', need: mariadbNeed, start: startMariadb, options: '?createTable=true' },
  { engine: 'redis', need: redisNeed, start: startRedis, options: '' },
] as const

describe('a deployment that moves the sessions, under traffic,', () => {
  const inFolder = async (check: (dir: string) => Promise<MoveReport>) => {
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-moving-'))
    try {
      const { left, failed, complete, moved } = await check(dir)
      assert.deepEqual([left, failed, complete], [0, 0, true])
      assert.ok(moved > 0)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }

  it('from sqlite to file logs nobody out, loses no update, and brings nobody back', () =>
    inFolder((dir) => deploysThroughout({ from: `sqlite:${join(dir, 'old.db')}`, to: `file:${join(dir, 'new')}` })))

  for (const { engine, need, start, options } of ENGINES)
    it(`from sqlite to ${engine}, and back into files, does so too`, { skip: need.skip }, () =>
      inFolder(async (dir) => {
        const server = await start()
        try {
          const there = `${server.url}${options}`
          await deploysThroughout({ from: `sqlite:${join(dir, 'old.db')}`, to: there })
          return await deploysThroughout({ from: there, to: `file:${join(dir, 'new')}` })
        } finally {
          await server.stop()
        }
      }),
    )
})
