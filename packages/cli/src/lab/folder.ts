import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { StoredFile } from './site.ts'

/** A private folder below the system's folder for temporary files. */
export const newFolder = (name: string): string => mkdtempSync(join(tmpdir(), `strongroom-lab-${name}-`))

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
