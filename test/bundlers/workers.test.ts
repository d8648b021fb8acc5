import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { WebSocket } from 'ws'
import { root } from '../../scripts/packages.ts'
import { ran, type Server, served } from './program.ts'
import { type Project, packedProject } from './project.ts'
import { ADVICE, USES } from './sources.ts'

const WRANGLER = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js')

/** A socket says which visit the one is that has opened it, by each adapter. */
const WORKER = `
import { Hono } from 'hono'
import { createSessions } from 'strongroom/stores'
import { withSessions } from 'strongroom/fetch'
import { strongroom } from 'strongroom/hono'
import { drivers, visits } from './uses.js'

function upgraded(session) {
  const [client, server] = Object.values(new WebSocketPair())
  server.accept()
  server.send(String(session.update('sockets', (sockets = 0) => sockets + 1)))
  return new Response(null, { status: 101, webSocket: client })
}

let made
const sessions = () => (made ??= createSessions({ store: 'memory:', secrets: '${'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)}' }))
const app = () => new Hono().use(strongroom(sessions())).get('*', async (c) => upgraded(await sessions().get(c)))
const paths = {
  '/': visits,
  '/drivers': drivers,
  '/fetch': (request) => withSessions(sessions(), async (request) => upgraded(await sessions().get(request)))(request),
  '/hono': (request) => app().fetch(request),
}
export default { fetch: (request) => paths[new URL(request.url).pathname](request) }
`

suite('a worker on Cloudflare that has installed no driver', { timeout: 550_000 }, () => {
  let project: Project
  let server: Server | undefined
  before(async () => {
    project = await packedProject()
    // In memory, which 'strongroom' knows everywhere but in a Worker.
    project.write('uses.js', USES.replace("'strongroom'", "'strongroom/stores'"))
    project.borrow('hono')
    project.write('worker.js', WORKER)
    const settings = { compatibility_date: '2026-10-01', compatibility_flags: ['nodejs_compat'] }
    project.write('wrangler.json', JSON.stringify({ name: 'worker', main: 'worker.js', ...settings }))
  })
  after(async () => {
    await server?.stop()
    project.remove()
  })

  test('is bundled by wrangler, without a warning', () => {
    const printed = ran(project.folder, [WRANGLER, 'deploy', '--dry-run', '--outdir', 'out'])
    assert.ok(readdirSync(join(project.folder, 'out')).includes('worker.js'))
    assert.doesNotMatch(printed, /warning|could not resolve/i)
  })

  test('and runs there: it has sessions, and says which driver to install where one is needed', async () => {
    server = await served(project.folder, [
      WRANGLER,
      'dev',
      '--ip',
      '127.0.0.1',
      '--port',
      '0',
      '--inspector-port',
      '0',
    ])
    const first = await fetch(server.url)
    const cookie = String(first.headers.get('set-cookie')).split(';')[0] as string
    const second = await fetch(server.url, { headers: { cookie } })
    assert.deepEqual([await first.json(), await second.json()], [1, 2])
    assert.deepEqual(await (await fetch(`${server.url}/drivers`)).json(), ADVICE)
  })

  for (const adapter of ['fetch', 'hono'])
    test(`and opens WebSockets through the adapter for ${adapter}, after their session was used`, async () => {
      const opened = async (headers: Record<string, string>) => {
        const socket = new WebSocket(`${server?.url.replace('http', 'ws')}/${adapter}`, { headers })
        const upgrade = once(socket, 'upgrade')
        const message = once(socket, 'message')
        const [response] = (await upgrade) as [IncomingMessage]
        const text = String((await message)[0])
        socket.terminate()
        return { text, cookie: response.headers['set-cookie']?.[0]?.split(';')[0] }
      }
      const first = await opened({})
      assert.ok(first.cookie)
      const second = await opened({ cookie: first.cookie })
      assert.deepEqual([first.text, second.text, second.cookie], ['1', '2', undefined])
    })
})
