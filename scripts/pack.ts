import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, root } from './build.ts'

/** What is read of package.json. */
export interface Manifest {
  readonly name: string
  readonly bin?: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string>>
  readonly files: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export const manifest = (): Manifest => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/**
 * Builds and packs the package as `npm publish` would, and returns the tarball's path. All of it happens below `folder`, so
 * that two packs at once, or a pack beside a build, never see each other's half-written dist.
 */
export function pack(folder: string): string {
  const stage = join(folder, 'stage')
  mkdirSync(stage, { recursive: true })
  const always = ['package.json', 'README.md', 'LICENSE']
  for (const file of [...always, ...manifest().files.filter((entry) => entry !== 'dist')])
    if (existsSync(join(root, file))) cpSync(join(root, file), join(stage, file), { recursive: true })
  build(join(stage, 'dist'))
  npm(stage, 'pack', '--ignore-scripts', '--pack-destination', folder)
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  if (!tarball) throw new Error('npm pack made no tarball.')
  return join(folder, tarball)
}

/** Runs the npm that started us, or the one in PATH; throws with its output when it fails. */
export function npm(cwd: string, ...args: string[]): string {
  const cli = process.env.npm_execpath
  const [command, first] = cli ? [process.execPath, [cli]] : ['npm', []]
  const run = spawnSync(command, [...first, ...args, '--loglevel=error'], { cwd, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`npm ${args.join(' ')} failed.\n${run.stdout}${run.stderr}`)
  return run.stdout
}
