import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { PREFIX, sign } from './leftovers.ts'
import type { StoredFile } from './site.ts'

let own: string | null = null

/** The folder of this process, in which all others are. It is removed when the process ends, and by a later run if the process was killed. */
function ownFolder(): string {
  if (own !== null && existsSync(own)) return own
  const folder = mkdtempSync(join(tmpdir(), PREFIX))
  sign(folder)
  // Servers that refuse to run as root run as users who must reach their own folder, and see no other.
  if (process.getuid?.() === 0) chmodSync(folder, 0o711)
  process.once('exit', () => {
    try {
      removeFolder(folder)
    } catch {
      // A server that is just being ended may still write. The next run removes it.
    }
  })
  own = folder
  return folder
}

/** A private folder below the system's folder for temporary files. */
export const newFolder = (name: string): string => mkdtempSync(join(ownFolder(), `${name}-`))

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })

/** The bytes of every file in a folder and below. A file that goes away meanwhile had nothing to steal any more. */
export function filesIn(folder: string): StoredFile[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    if (!entry.isFile()) return []
    const path = join(entry.parentPath, entry.name)
    try {
      return [{ name: relative(folder, path), bytes: readFileSync(path) }]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  })
}

/** As `cp -r` would. */
export function copyOf(folder: string): StoredFile[] {
  const copy = newFolder('copy')
  try {
    cpSync(folder, copy, { recursive: true })
    return filesIn(copy)
  } finally {
    removeFolder(copy)
  }
}
