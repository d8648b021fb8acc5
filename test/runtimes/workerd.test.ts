import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { served } from '../bundlers/program.ts'
import { bundled } from './bundle.ts'
import type { Outcome } from './collect.ts'
import { type Report, reported } from './runtime.ts'
import { workerd } from './table.ts'

const WRANGLER = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js')

/** The client that a Worker has, in place of that of the suite. */
const withClient = {
  name: 'client',
  setup(build: { onResolve(options: object, work: (found: { importer: string }) => object | undefined): void }) {
    build.onResolve({ filter: /\/client\.ts$/ }, ({ importer }) =>
      /testing[\\/]adapter/.test(importer) ? { path: join(import.meta.dirname, 'worker-client.ts') } : undefined,
    )
  },
}

const folder = mkdtempSync(join(tmpdir(), 'strongroom-workerd-'))
const settings = {
  name: 'worker',
  main: 'worker.mjs',
  compatibility_date: '2026-10-01',
  compatibility_flags: ['nodejs_compat'],
  // Tests set it; wrangler would write its value into the bundle.
  define: { 'process.env.NODE_ENV': 'globalThis.process.env.NODE_ENV' },
}

async function outcomes(url: string, listed: readonly (readonly string[])[]): Promise<Outcome[]> {
  const found: Outcome[] = []
  for (const [i, path] of listed.entries()) {
    const failed = (why: unknown): Outcome => ({ path, outcome: 'failed', why: String(why) })
    const response = await fetch(`${url}/run/${i}`, { signal: AbortSignal.timeout(60_000) }).catch(failed)
    if (!(response instanceof Response)) found.push(response)
    else if (response.ok) found.push((await response.json()) as Outcome)
    else found.push(failed(await response.text()))
  }
  return found
}

const reports: Report[] = []
const facts: Record<string, unknown> = {}
try {
  await bundled('worker-program.ts', join(folder, 'worker.mjs'), {
    packages: 'bundle',
    external: ['node:*'],
    conditions: ['workerd'],
    plugins: [withClient],
  })
  writeFileSync(join(folder, 'wrangler.json'), JSON.stringify(settings))
  const address = ['--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0']
  const server = await served(folder, [WRANGLER, 'dev', ...address])
  try {
    const asked = async (path: string) =>
      (await fetch(`${server.url}${path}`, { signal: AbortSignal.timeout(60_000) })).json()
    const listed = (await asked('/list')) as readonly (readonly string[])[]
    const all = await outcomes(server.url, listed)
    for (const name of workerd.suites) {
      const own = (path: readonly string[]) => path[0]?.startsWith(`${name} is `)
      const found = all.filter(({ path }) => own(path))
      reports.push({
        title: `${name} on workerd`,
        skip: false,
        outcomes: found,
        problem: null,
        expected: listed.filter(own),
      })
    }
    facts.policy = await asked('/facts')
    facts.slow = await asked('/slow')
  } finally {
    await server.stop()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
for (const report of reports) reported(report)

suite('workerd', () => {
  test('seals by its node:crypto', () => {
    assert.deepEqual(facts.policy, { cipher: workerd.cipher, crypto: 'node' })
  })

  test('a store that does not answer is given up in time, after another request has used it', () => {
    assert.deepEqual(facts.slow, { first: 200, second: 503 })
  })
})
