import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian installs each version of PostgreSQL. */
const DEBIAN = '/usr/lib/postgresql'

/** Where programs of the system are, which a user's PATH may lack. */
const SYSTEM: readonly string[] = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin']

/** As `locate`, and in the folders of the system: for servers. */
export const locateOfSystem = (program: string): string | null => locate(program, DEBIAN, SYSTEM)

/** A program's full path, or null. Looks in PATH, and where Debian installs each version of PostgreSQL. */
export function locate(program: string, versions = DEBIAN, others: readonly string[] = []): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  for (const folder of [...folders, ...others, ...postgresFolders(versions)]) {
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {}
  }
  return null
}

/** The newest version first: pg_dump reads servers of its own version and older ones. */
function postgresFolders(all: string): string[] {
  try {
    return readdirSync(all)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(all, version, 'bin'))
  } catch {
    return []
  }
}
