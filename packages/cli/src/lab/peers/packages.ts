import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { NotRun } from '../attack.ts'

/** Other libraries are loaded from where the user has them: the project in the working directory. */
const project = () => createRequire(join(process.cwd(), 'package.json'))

export const load = (name: string): unknown => project()(name)

/** A package that `owner` depends on: its own copy, which the project may not have. */
export const loadBeside = (owner: string, name: string): unknown => createRequire(project().resolve(owner))(name)

/** Rejects the row with the line that installs what is missing. */
export function needPackages(names: readonly string[]): void {
  const missing = names.filter((name) => folderOf(name) === null)
  if (missing.length > 0) throw new NotRun(`npm install ${missing.join(' ')}`)
}

/** "express-session 1.19.0". Read from its package.json, which `exports` of a package may hide from `require`. */
export function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(join(folderOf(name) ?? '', 'package.json'), 'utf8')) as {
    version: string
  }
  return `${name} ${version}`
}

/** Where the project has this package; null if it does not. */
export function folderOf(name: string): string | null {
  const folders = project().resolve.paths(name) ?? []
  return folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json'))) ?? null
}
