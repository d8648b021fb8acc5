import { spawnSync } from 'node:child_process'
import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { entryPoints, type Package, packages, root } from './packages.ts'

/** Where a package's compiled files go. */
export type OutOf = (of: Package) => string

const inPlace: OutOf = ({ folder }) => join(root, folder, 'dist')

/**
 * Compiles the package, and those of ours that it builds on, each into its emptied folder. Throws with tsc's own words when
 * it does not compile.
 */
export function build(wanted: Package, out: OutOf = inPlace): void {
  const { dependencies = {}, peerDependencies = {} } = wanted.manifest
  const below = packages.filter(({ manifest: { name } }) => name in dependencies || name in peerDependencies)
  for (const each of below) compile(each, out)
  compile(wanted, out)
}

function compile(wanted: Package, out: OutOf): void {
  const outDir = out(wanted)
  rmSync(outDir, { recursive: true, force: true })
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-build-'))
  try {
    const config = join(folder, 'tsconfig.json')
    writeFileSync(config, JSON.stringify(configFor(wanted, out)))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const run = spawnSync(process.execPath, [tsc, '-p', config], { cwd: root, encoding: 'utf8' })
    if (run.status !== 0) throw new Error(`tsc failed for ${wanted.manifest.name}.\n${run.stdout}${run.stderr}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  for (const file of globSync('**/*.d.ts', { cwd: outDir })) rewrite(join(outDir, file))
  const left = globSync('**/*.{js,d.ts}', { cwd: outDir }).filter((file) => SPECIFIER.test(read(join(outDir, file))))
  if (left.length > 0) throw new Error(`An import of a .ts file survived the build in ${left.join(', ')}.`)
  for (const bin of Object.values(wanted.manifest.bin ?? {})) makeExecutable(join(outDir, compiled(bin)))
}

/** `paths` leads to the declarations that were just built: the sources of another package would be compiled along. */
function configFor(wanted: Package, out: OutOf): object {
  const others = packages.filter((each) => each !== wanted)
  const paths = others.flatMap((each) =>
    [...entryPoints(each)].map(([specifier, file]) => {
      const declaration = file.slice(join(each.folder, 'src/').length).replace(/\.ts$/, '.d.ts')
      return [specifier, [join(out(each), declaration)]]
    }),
  )
  return {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {
      rootDir: join(root, wanted.folder, 'src'),
      outDir: out(wanted),
      typeRoots: [join(root, 'node_modules', '@types')],
      paths: Object.fromEntries(paths),
    },
    include: [join(root, wanted.folder, 'src')],
  }
}

const compiled = (source: string) => source.replace(/^\.\/src\/(.*)\.ts$/, '$1.js')

const SPECIFIER = /\b(from|import)(\s*\(?\s*)(['"])(\.{1,2}\/[^'"]*?)(?<!\.d)\.ts\3/

/** tsc rewrites `./a.ts` to `./a.js` in what runs, but leaves it in the declarations, where it names no file that we ship. */
function rewrite(file: string): void {
  const text = read(file)
  const rewritten = text.replaceAll(new RegExp(SPECIFIER, 'g'), '$1$2$3$4.js$3')
  if (rewritten !== text) writeFileSync(file, rewritten)
}

function makeExecutable(file: string): void {
  if (!read(file).startsWith('#!/usr/bin/env node\n'))
    throw new Error(`${file} does not begin with #!/usr/bin/env node.`)
  chmodSync(file, 0o755)
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}

if (import.meta.main) {
  try {
    for (const each of packages) compile(each, inPlace)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
