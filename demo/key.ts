import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** The server's key, made at the first start and stored in a file that only its owner can read, so that a restart signs nobody out. */
export function keyIn(file: string): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    // Fails if the file exists: two demos that start at the same time both use the key of the first.
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8')
}
