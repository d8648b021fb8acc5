import { spawnSync } from 'node:child_process'
import { chmodSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** Compiles src into the folder `out`, which is emptied first. Throws with tsc's own words when it does not compile. */
export function build(out = join(root, 'dist')): void {
  rmSync(out, { recursive: true, force: true })
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const run = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', out], {
    cwd: root,
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(`tsc failed.\n${run.stdout}${run.stderr}`)
  for (const file of globSync('**/*.d.ts', { cwd: out })) rewrite(join(out, file))
  const left = globSync('**/*.{js,d.ts}', { cwd: out }).filter((file) => SPECIFIER.test(read(join(out, file))))
  if (left.length > 0) throw new Error(`An import of a .ts file survived the build in ${left.join(', ')}.`)
  for (const bin of Object.values(bins())) makeExecutable(join(out, bin.replace(/^(\.\/)?dist\//, '')))
}

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

function bins(): Record<string, string> {
  return JSON.parse(read(join(root, 'package.json'))).bin ?? {}
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}

if (import.meta.main) {
  try {
    build()
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
