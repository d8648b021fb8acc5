import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { ran, type Server, served } from './program.ts'
import { type Project, packedProject } from './project.ts'
import { ADVICE, USES } from './sources.ts'

const NEXT = join('node_modules', 'next', 'dist', 'bin', 'next')

/** Everything that a configuration may not have at build time. */
const LEFT_OUT = `
import { createSessions } from 'strongroom'
const { STRONGROOM_SECRETS: secrets, STORE: store } = process.env
export const sessions = createSessions({ secrets, store })
`

suite('a Next application whose secrets and store are left out', { timeout: 550_000 }, () => {
  let project: Project
  const servers: Server[] = []
  const start = async (args: readonly string[], variables = {}) => {
    const server = await served(project.folder, [NEXT, ...args, '-p', '0'], variables)
    servers.push(server)
    return server
  }
  before(async () => {
    project = await packedProject()
    for (const name of ['next', 'react', 'react-dom']) project.borrow(name)
    project.write('lib/sessions.js', LEFT_OUT)
    project.write('app/layout.jsx', 'export default ({ children }) => <html><body>{children}</body></html>')
    project.write(
      'app/page.jsx',
      `import { headers } from 'next/headers'
      import { sessions } from '../lib/sessions.js'
      export default async () => <p>page: {String((await sessions.read(await headers())).get('visits'))}</p>`,
    )
    project.write(
      'app/visits/route.js',
      `import { withSessions } from 'strongroom/fetch'
      import { sessions } from '../../lib/sessions.js'
      export const POST = withSessions(sessions, async (request) => {
        const session = await sessions.get(request)
        return Response.json(session.update('visits', (visits = 0) => visits + 1))
      })`,
    )
    project.write(
      'proxy.js',
      `import { NextResponse } from 'next/server'
      import { sessions } from './lib/sessions.js'
      export async function proxy(request) {
        const seen = process.env.PROXY ? (await sessions.read(request)).get('visits') : 'nothing'
        return NextResponse.next({ headers: { 'x-seen': String(seen) } })
      }`,
    )
    project.write('next.config.mjs', "export default { turbopack: { root: '/' } }")
  })
  after(async () => {
    for (const server of servers) await server.stop()
    project.remove()
  })

  test('has one store in development, for its pages, route handlers and proxy, and one warning', async () => {
    const server = await start(['dev'], { PROXY: 'on' })
    const first = await fetch(`${server.url}/visits`, { method: 'POST' })
    const cookie = String(first.headers.get('set-cookie')).split(';')[0] as string
    assert.equal(await first.json(), 1)
    const page = await fetch(server.url, { headers: { cookie } })
    assert.match(await page.text(), /<p>page: (?:<!-- -->)?1<\/p>/)
    assert.equal(page.headers.get('x-seen'), '1')
    const second = await fetch(`${server.url}/visits`, { method: 'POST', headers: { cookie } })
    assert.equal(await second.json(), 2)
    assert.equal(server.printed.filter((line) => /STRONGROOM_DEVELOPMENT/.test(line)).length, 1)
    await server.stop()
  })

  test('is built, and says what it lacks when it is started', async () => {
    assert.match(ran(project.folder, [NEXT, 'build']), /Compiled successfully/)
    const server = await start(['start'])
    assert.equal((await fetch(`${server.url}/visits`, { method: 'POST' })).status, 500)
    assert.ok(server.printed.some((line) => /ConfigError: Production needs secrets and store\. Write/.test(line)))
    await server.stop()
  })

  test('runs with what it lacked at build time', async () => {
    const server = await start(['start'], {
      STRONGROOM_SECRETS: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2),
      STORE: 'sqlite:./s.db',
    })
    for (const _ of [1, 2]) assert.equal((await fetch(`${server.url}/visits`, { method: 'POST' })).status, 200)
  })
})

suite('a Next application that has installed no driver', { timeout: 550_000 }, () => {
  let project: Project
  let server: Server | undefined
  before(async () => {
    project = await packedProject()
    for (const name of ['next', 'react', 'react-dom']) project.borrow(name)
    project.write('app/uses.js', USES)
    project.write('app/layout.jsx', 'export default ({ children }) => <html><body>{children}</body></html>')
    project.write('app/visits/route.js', "import { visits } from '../uses.js'\nexport const GET = visits")
    project.write('app/drivers/route.js', "import { drivers } from '../uses.js'\nexport const POST = drivers")
    // What was borrowed is outside of the project.
    project.write('next.config.mjs', "export default { turbopack: { root: '/' } }")
  })
  after(async () => {
    await server?.stop()
    project.remove()
  })

  test('is built by Turbopack, without a warning', () => {
    const printed = ran(project.folder, [NEXT, 'build'])
    assert.match(printed, /Turbopack/)
    assert.match(printed, /Compiled successfully/)
    assert.doesNotMatch(printed, /warn|can't resolve|module not found/i)
  })

  test('and what was built has sessions, and says which driver to install where one is needed', async () => {
    server = await served(project.folder, [NEXT, 'start', '-p', '0'])
    const first = await fetch(`${server.url}/visits`)
    const cookie = String(first.headers.get('set-cookie')).split(';')[0] as string
    const second = await fetch(`${server.url}/visits`, { headers: { cookie } })
    assert.deepEqual([await first.json(), await second.json()], [1, 2])
    const advice = await fetch(`${server.url}/drivers`, { method: 'POST' })
    assert.deepEqual(await advice.json(), ADVICE)
  })
})
