/**
 * In the repository, each package's `exports` and `bin` name its sources, so that nothing has to be built to run or test
 * them. What is published names the compiled files: `npm pack` and `npm publish` run this file with `--prepare` before they
 * read the package's folder, and with `--restore` afterwards.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from './build.ts'
import { keptAs, type Manifest, type Package, packages, published, root } from './packages.ts'

/** Files of the repository's root that a package ships when its `files` name them; the licence is always shipped. */
const FROM_ROOT = ['docs', 'CHANGELOG.md', 'SECURITY.md']
/** Files that differ between the repository and what is published. */
const CHANGED = ['package.json', 'README.md']

/**
 * Builds and packs a package as `npm publish` would, and returns the tarball's path. All of it happens below `folder`, so that
 * two packs in parallel, or a pack beside a build, never see each other's half-written dist.
 */
export function pack(wanted: Package, folder: string): string {
  const stage = join(folder, 'stage', wanted.folder)
  mkdirSync(stage, { recursive: true })
  cpSync(join(root, wanted.folder, 'README.md'), join(stage, 'README.md'))
  for (const file of ownFiles(wanted)) cpSync(join(root, wanted.folder, file), join(stage, file), { recursive: true })
  build(wanted, (of) => join(folder, 'stage', of.folder, 'dist'))
  writeManifest(wanted.manifest, stage)
  copyFromRoot(wanted.manifest, stage)
  for (const file of wanted.manifest.files.filter((name) => existsSync(join(root, wanted.folder, name))))
    if (file !== 'dist') cpSync(join(root, wanted.folder, file), join(stage, file), { recursive: true })
  const before = new Set(readdirSync(folder))
  npm(stage, 'pack', '--ignore-scripts', '--pack-destination', folder)
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz') && !before.has(file))
  if (!tarball) throw new Error('npm pack made no tarball.')
  return join(folder, tarball)
}

/** What a package ships as it is: neither compiled nor from the root. */
const ownFiles = ({ manifest: { files } }: Package) =>
  files.filter((file) => file !== 'dist' && !FROM_ROOT.includes(file))

function writeManifest({ exports, bin, ...rest }: Manifest & { scripts?: unknown }, folder: string): void {
  const { scripts: _, ...manifest } = rest
  const compiled = (files: Manifest['exports']): object =>
    Object.fromEntries(
      Object.entries(files).map(([name, file]) => [name, typeof file === 'string' ? published(file) : compiled(file)]),
    )
  const text = JSON.stringify({ ...manifest, exports: compiled(exports), ...(bin && { bin: compiled(bin) }) }, null, 2)
  writeFileSync(join(folder, 'package.json'), `${text}\n`)
}

function copyFromRoot({ files }: Manifest, folder: string): void {
  for (const name of ['LICENSE', ...FROM_ROOT.filter((file) => files.includes(file))])
    cpSync(join(root, name), join(folder, name), { recursive: true })
  const readme = join(folder, 'README.md')
  // In the repository it is two folders further down than the pages that it is published with.
  writeFileSync(readme, readFileSync(readme, 'utf8').replaceAll('](../../', ']('))
  for (const page of globSync(['docs/**/*.md', '*.md'], { cwd: folder })) withoutDeadLinks(join(folder, page))
}

/** A link to what only the repository has, such as CONTRIBUTING.md, becomes its text: nobody can follow it in a package. */
function withoutDeadLinks(page: string): void {
  const text = readFileSync(page, 'utf8')
  const followed = text.replace(/\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)/g, (link, words, file) =>
    existsSync(join(dirname(page), file)) ? link : `${words} (in the repository)`,
  )
  if (followed !== text) writeFileSync(page, followed)
}

function prepare(wanted: Package): void {
  const folder = join(root, wanted.folder)
  // What an interrupted run has left would be taken for the sources, and the sources would be lost.
  restore(wanted)
  build(wanted)
  for (const file of CHANGED) copyFileSync(join(folder, file), join(folder, keptAs(file)))
  writeManifest(wanted.manifest, folder)
  copyFromRoot(wanted.manifest, folder)
}

function restore(wanted: Package): void {
  const folder = join(root, wanted.folder)
  const kept = CHANGED.filter((file) => existsSync(join(folder, keptAs(file))))
  if (kept.length === 0) return
  for (const file of kept) renameSync(join(folder, keptAs(file)), join(folder, file))
  for (const name of ['LICENSE', ...FROM_ROOT]) rmSync(join(folder, name), { recursive: true, force: true })
}

/** Runs the npm that started us, or the one in PATH; throws with its output when it fails. */
export function npm(cwd: string, ...args: string[]): string {
  const cli = process.env.npm_execpath
  const [command, first] = cli ? [process.execPath, [cli]] : ['npm', []]
  const run = spawnSync(command, [...first, '--loglevel=error', ...args], { cwd, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`npm ${args.join(' ')} failed.\n${run.stdout}${run.stderr}`)
  return run.stdout
}

if (import.meta.main) {
  const here = relative(root, process.cwd()).replaceAll('\\', '/')
  const wanted = packages.find(({ folder }) => folder === here)
  if (!wanted) throw new Error('Run this in the folder of a package, as npm does.')
  if (process.argv.includes('--prepare')) prepare(wanted)
  if (process.argv.includes('--restore')) restore(wanted)
}
