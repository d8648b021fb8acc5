/** `npm run pack:check`: what we publish is what Node, bundlers and TypeScript expect, and nothing in the tree is unused. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from './pack.ts'
import { packages, root } from './packages.ts'

const folder = mkdtempSync(join(tmpdir(), 'strongroom-pack-'))
try {
  for (const each of packages) {
    const { name, exports } = each.manifest
    const tarball = pack(each, folder)
    console.log(`${name}: build and pack: ok`)
    check(name, 'publint', [tarball, '--strict'])
    // The packages are ESM alone; CommonJS reads them with require(esm), which every Node that we support has.
    if ('.' in exports) check(name, 'attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color'])
  }
  check('repository', 'knip', ['--no-progress'])
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** One line when all is well, everything that the tool has to say when not. */
function check(what: string, tool: string, args: string[]): void {
  const bin = join(root, 'node_modules', '.bin', tool)
  const run = spawnSync(bin, args, { cwd: root, encoding: 'utf8' })
  console.log(`${what}: ${tool}: ${run.status === 0 ? 'ok' : `failed\n${run.stdout}${run.stderr}`}`)
  if (run.status !== 0) process.exitCode = 1
}
