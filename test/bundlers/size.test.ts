import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { root } from '../../scripts/packages.ts'
import { ran } from './program.ts'
import { type Project, packedProject } from './project.ts'

const WRANGLER = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js')

const WORKER = `
import { createSessions } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { withSessions } from 'strongroom/fetch'

const sessions = createSessions({ store: cookie(), secrets: process.env.STRONGROOM_SECRETS })
export default {
  fetch: withSessions(sessions, async (request) => {
    const session = await sessions.get(request)
    return Response.json(session.update('visits', (visits = 0) => visits + 1))
  }),
}
`

/** Bytes, with gzip: what docs/runtimes.md promises. */
const MOST = 40_000

const zipped = (code: string | Uint8Array) => gzipSync(code, { level: 9 }).length

suite('a Worker with sessions in cookies', { timeout: 550_000 }, () => {
  let project: Project
  let entry = ''
  before(async () => {
    project = await packedProject()
    entry = project.write('worker.js', WORKER)
  })
  after(() => project.remove())

  test('is under 40 KB when esbuild bundles it, and nothing of a store is in it', async () => {
    const { outputFiles, metafile, warnings } = await build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: 'esm',
      // Those that wrangler sets.
      conditions: ['workerd', 'worker', 'browser'],
      external: ['node:*'],
      write: false,
      metafile: true,
      logLevel: 'silent',
    })
    assert.deepEqual(warnings, [])
    const [bundle] = outputFiles
    const size = zipped(bundle?.contents ?? '')
    assert.ok(size < MOST, `${size} bytes`)
    const used = Object.values(metafile.outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
    )
    assert.ok(used.some((file) => file.endsWith('engines/cookie/cookie.js')))
    const others = used.filter((file) =>
      /dist\/(?:engines\/(?!cookie\/|shared\/backend)|backing\/(?:server|stored))/.test(file),
    )
    assert.deepEqual(others, [])
  })

  test('and when wrangler does, with the settings of docs/runtimes.md', () => {
    const page = readFileSync(join(root, 'docs', 'runtimes.md'), 'utf8')
    const [, settings = ''] = /```jsonc?\n(\{[\s\S]*?\n\})\n```/.exec(page) ?? []
    project.write('wrangler.json', JSON.stringify({ ...JSON.parse(settings), main: 'worker.js' }))
    ran(project.folder, [WRANGLER, 'deploy', '--dry-run', '--outdir', 'out'])
    const size = zipped(readFileSync(join(project.folder, 'out', 'worker.js')))
    assert.ok(size < MOST, `${size} bytes`)
  })
})
