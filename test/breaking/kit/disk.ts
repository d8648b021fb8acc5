import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Every file below, its name included: names are read by thieves, too. */
export function filesIn(dir: string): Map<string, Buffer> {
  const paths = globSync('**/*', { cwd: dir }).filter((path) => isFile(join(dir, path)))
  return new Map(paths.map((path) => [path, Buffer.concat([Buffer.from(`${path}\n`), contents(join(dir, path))])]))
}

// A server may remove a file between the look and the read, and a socket has no contents.
const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

function contents(path: string): Buffer {
  try {
    return withoutEmptyPages(readFileSync(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

const PAGE = 4096
const EMPTY = Buffer.alloc(PAGE)

/** Logs of servers are made large and empty; there is no need to search a hundred megabytes of zeros. */
export function withoutEmptyPages(bytes: Buffer): Buffer {
  if (bytes.length < 64 * PAGE) return bytes
  const pages: Buffer[] = []
  for (let at = 0; at < bytes.length; at += PAGE) {
    const page = bytes.subarray(at, at + PAGE)
    if (!page.equals(EMPTY)) pages.push(page)
  }
  return Buffer.concat(pages)
}
