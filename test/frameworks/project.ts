import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../../scripts/packages.ts'
import { ran, type Variables } from '../bundlers/program.ts'

/** An application outside of the repository that is built with the packages of the repository. */
export interface Application {
  readonly folder: string
  /** Loads a module that was built. Each call evaluates it again. */
  load<Module>(file: string): Promise<Module>
  remove(): void
}

/** Writes an application. Its files may use whatever is installed in the repository, but for the library itself. */
export function writeApplication(files: Readonly<Record<string, string>>): Application {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-framework-'))
  for (const [file, text] of Object.entries(files)) {
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  let loaded = 0
  return {
    folder,
    load: (file) => import(`${pathToFileURL(join(folder, file))}?${loaded++}`),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export interface BuiltCopy {
  readonly folder: string
  /** What the build printed. */
  readonly printed: string
  remove(): void
}

/**
 * Builds a copy of an application by a program of Node with these arguments. Node must find the framework from its folder, as it does in a
 * user's project.
 */
export function builtCopy(app: string, program: readonly string[], variables: Variables = {}): BuiltCopy {
  const { folder, remove } = writeApplication({
    'package.json': JSON.stringify({ name: 'app', private: true, type: 'module' }),
  })
  try {
    cpSync(app, folder, { recursive: true })
    return { folder, printed: ran(folder, program, variables), remove }
  } catch (error) {
    remove()
    throw error
  }
}
