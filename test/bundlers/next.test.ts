import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { ran, type Server, served } from './program.ts'
import { type Project, packedProject } from './project.ts'
import { ADVICE, USES } from './sources.ts'

const NEXT = join('node_modules', 'next', 'dist', 'bin', 'next')

suite('a Next application that has installed no driver', { timeout: 180_000 }, () => {
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
