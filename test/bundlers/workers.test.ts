import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { ran, type Server, served } from './program.ts'
import { type Project, packedProject } from './project.ts'
import { ADVICE, USES } from './sources.ts'

const WRANGLER = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js')

suite('a worker on Cloudflare that has installed no driver', { timeout: 120_000 }, () => {
  let project: Project
  let server: Server | undefined
  before(async () => {
    project = await packedProject()
    project.write('uses.js', USES)
    project.write(
      'worker.js',
      `import { drivers, visits } from './uses.js'
      export default { fetch: (request) => new URL(request.url).pathname === '/drivers' ? drivers() : visits(request) }`,
    )
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
})
