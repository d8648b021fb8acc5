import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program's full path, or null. Looks in PATH, and where Debian installs each version of PostgreSQL. */
export function locate(program: string): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  for (const folder of [...folders, ...postgresFolders()]) {
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {}
  }
  return null
}

/** The newest version first: pg_dump reads servers of its own version and older ones. */
function postgresFolders(): string[] {
  const all = '/usr/lib/postgresql'
  try {
    return readdirSync(all)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(all, version, 'bin'))
  } catch {
    return []
  }
}
