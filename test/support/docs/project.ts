import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { packages, root } from '../../../scripts/packages.ts'

/** A project of a user who has installed strongroom (from these sources) and the frameworks. */
export interface Project {
  readonly folder: string
  /** Puts a file into it. Returns its full path. */
  put(name: string, text: string): string
  /** The compiler's errors in the project's own files, one per line. */
  compile(): string[]
  remove(): void
}

export function newProject(): Project {
  const top = mkdtempSync(join(tmpdir(), 'strongroom-docs-'))
  const folder = join(top, 'project')
  mkdirSync(join(folder, 'node_modules', '@strongroom'), { recursive: true })
  const put = (file: string, text: string) => {
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }
  // As links, because Node strips types only from sources that are not below a node_modules.
  for (const { folder: source, manifest } of packages)
    symlinkSync(join(root, source), join(folder, 'node_modules', manifest.name), 'junction')
  symlinkSync(join(root, 'node_modules'), join(top, 'node_modules'), 'junction')
  put('package.json', JSON.stringify({ private: true, type: 'module' }))
  put('globals.d.ts', GLOBALS)
  put('tsconfig.json', JSON.stringify({ compilerOptions: COMPILER, include: ['**/*.ts'] }))
  return {
    folder,
    put,
    compile() {
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
      const run = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
        cwd: folder,
        encoding: 'utf8',
      })
      // Faults of the sources themselves are told by the types check.
      return run.stdout.split('\n').filter((line) => /^[^.(\s][^(]*\(\d+,\d+\)|^error /.test(line))
    },
    remove: () => rmSync(top, { recursive: true, force: true }),
  }
}

const GLOBALS = `declare function __is(actual: unknown, expected: unknown): void
declare function __throws(call: () => Promise<unknown>, name: string): Promise<void>
`

const COMPILER = {
  target: 'es2023',
  module: 'nodenext',
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
}
