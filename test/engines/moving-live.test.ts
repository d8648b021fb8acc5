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
import { secret } from '../core/fixtures/secret.ts'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'

type Whole = IndexedStore & ScannableStore

/** Which stores a node knows, in the order of the deployments. */
type Stage = 'old' | 'prepare' | 'move' | 'new'

interface Urls {
  readonly from: string
  readonly to: string
}

interface Node {
  readonly url: string
  /** Requests under way. */
  readonly requests: Set<Promise<unknown>>
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
  return { url, requests: new Set(), stop }
}

/** Sends each request to the next node, like a load balancer. A node that is replaced finishes its requests first. */
class Fleet {
  readonly #nodes: Node[] = []
  #turn = 0

  async send(path: string, cookie: string | null) {
    const node = this.#nodes[this.#turn++ % this.#nodes.length]
    assert.ok(node)
    const request = post(node.url + path, cookie)
    node.requests.add(request)
    try {
      return await request
    } finally {
      node.requests.delete(request)
    }
  }

  async deploy(index: number, stage: Stage, urls: Urls): Promise<void> {
    const old = this.#nodes[index]
    this.#nodes[index] = await startNode(stage, urls)
    if (old) await stopWhenIdle(old)
  }

  async end(): Promise<void> {
    for (const node of this.#nodes.splice(0)) await stopWhenIdle(node)
  }
}

async function stopWhenIdle(node: Node): Promise<void> {
  await Promise.allSettled(node.requests)
  await node.stop()
}

async function post(url: string, cookie: string | null) {
  const response = await fetch(url, { method: 'POST', headers: cookie ? { cookie } : {} })
  const text = await response.text()
  assert.equal(response.status, 200, `${url}: ${text}`)
  const set = response.headers.get('set-cookie')?.split(';', 1)[0] ?? null
  return { ...(JSON.parse(text) as { user: string | null; count: number }), set }
}

/** A visitor who signs in once and never again, and counts the updates that succeeded. */
class Client {
  requests = 0
  readonly #fleet: Fleet
  #cookie: string | null = null
  #count = 0

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  async signIn(): Promise<void> {
    const { set } = await this.#fleet.send('/login', null)
    this.#cookie = set ?? assert.fail('no cookie')
  }

  /** Two parallel requests, as a page makes them: one that changes the session, and one that reads it. */
  async use(): Promise<void> {
    const [changed, read] = await Promise.all([
      this.#fleet.send('/count', this.#cookie),
      this.#fleet.send('/', this.#cookie),
    ])
    this.#count += 1
    this.requests += 2
    assert.deepEqual([changed.user, read.user], ['ada', 'ada'], 'nobody is logged out')
    assert.equal(changed.count, this.#count, 'no update is lost')
  }

  async logOut(): Promise<void> {
    await this.#fleet.send('/logout', this.#cookie)
  }

  /** With the cookie of the session that was logged out, as a thief would. */
  async useAfterLogout(): Promise<void> {
    this.requests += 2
    for (const path of ['/', '/count']) {
      assert.equal(
        (await this.#fleet.send(path, this.#cookie)).user,
        null,
        'a session that was logged out does not come back',
      )
    }
  }
}

async function moveUnderTraffic(urls: Urls): Promise<MoveReport> {
  const fleet = new Fleet()
  for (const index of [0, 1]) await fleet.deploy(index, 'old', urls)
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
      for (const client of gone) await client.useAfterLogout()
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
        await fleet.deploy(index, stage, urls)
        await leave()
      }
    }
    const [from, to] = [storeFromUrl(urls.from) as Whole, storeFromUrl(urls.to) as Whole]
    const [report] = await Promise.all([move({ from, to, page: 5 }), leave()])
    await from.close()
    await to.close()
    for (const index of [0, 1]) await fleet.deploy(index, 'new', urls)
    await leave()
    return report
  }
  try {
    const report = await Promise.race([deploy(), all.then(() => assert.fail('the traffic ended'))])
    over = true
    await all
    for (const client of [...clients, ...idle]) await client.use()
    for (const client of gone) await client.useAfterLogout()
    assert.ok(
      clients.every(({ requests }) => requests > 10),
      'every client was busy',
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
      const { remaining, failed, complete, moved } = await check(dir)
      assert.deepEqual([remaining, failed, complete], [0, 0, true])
      assert.ok(moved > 0)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  }

  it('from sqlite to file logs nobody out, loses no update, and brings no ended session back', () =>
    inFolder((dir) => moveUnderTraffic({ from: `sqlite:${join(dir, 'old.db')}`, to: `file:${join(dir, 'new')}` })))

  for (const { engine, need, start, options } of ENGINES)
    it(`from sqlite to ${engine}, and then to files, does the same`, { skip: need.skip }, () =>
      inFolder(async (dir) => {
        const server = await start()
        try {
          const there = `${server.url}${options}`
          await moveUnderTraffic({ from: `sqlite:${join(dir, 'old.db')}`, to: there })
          return await moveUnderTraffic({ from: there, to: `file:${join(dir, 'new')}` })
        } finally {
          await server.stop()
        }
      }),
    )
})
