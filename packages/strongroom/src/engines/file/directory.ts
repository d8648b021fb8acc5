import * as fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConfigError, StoreError } from '../../errors.ts'

const isWindows = process.platform === 'win32'

/**
 * Refuses a directory in which other users could put files of their own, or which leads elsewhere: everyone who can write to it can
 * end sessions, bring ended ones back, or have ours written to a place that they can read.
 */
export async function checkDirectory(path: string): Promise<void> {
  const found = await fs.lstat(path)
  if (found.isSymbolicLink()) {
    const real = await fs.realpath(path).catch(() => 'the directory itself')
    throw new ConfigError(`file(): the session directory ${path} is a symbolic link. Name where it leads: ${real}`)
  }
  if (isWindows || (found.mode & 0o022) === 0) return
  throw new ConfigError(
    `file(): other users can write to the session directory ${path}. If none of its content is theirs: chmod go-w ${quoted(path)}`,
  )
}

/** What root creates, belongs to root, and an application that is another user can neither read nor write it. */
export async function warnRoot(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const owner = await ownerOf(path)
  if (owner === 0) return
  process.emitWarning(
    `This process is root, and the session directory ${path} belongs to the user ${owner}: files that are made now belong to root, and that user cannot open them. Run it as that user, or afterwards: chown -R ${owner} ${quoted(path)}`,
    { code: 'STRONGROOM_ROOT' },
  )
}

/** The owner of a directory, or of the one in which it will be made. */
async function ownerOf(path: string): Promise<number> {
  for (let at = path; ; at = dirname(at)) {
    const found = await fs.stat(at).catch(() => null)
    if (found || at === dirname(at)) return found?.uid ?? 0
  }
}

/** Says whose files they are, where that is why they could not be opened. Null for every other error. */
export async function forbidden(error: unknown, root: string): Promise<StoreError | null> {
  const uid = process.getuid?.()
  if (uid === undefined || !isForbidden(error)) return null
  const { code, path } = error as NodeJS.ErrnoException
  const others = [path ?? root, join(root, 'locks'), ...(await locksIn(root))].map((each) => ownerOf(each))
  const owner = (await Promise.all(others)).find((found) => found !== uid)
  const whose =
    owner === undefined
      ? ' Let the user of this process read and write it.'
      : ` It belongs to the user ${owner}, and this process is ${uid}. As root: chown -R ${uid} ${quoted(root)}`
  return new StoreError(`The session directory, or something in it, cannot be opened: ${root}.${whose}`, {
    cause: Object.assign(new Error(code), { code }),
  })
}

/** A lock is a SQLite database. Of SQLite's codes, 8 is "read-only" and 14 "cannot open". */
function isForbidden(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  return code === 'EACCES' || code === 'EPERM' || (typeof errcode === 'number' && [8, 14].includes(errcode & 255))
}

async function locksIn(root: string): Promise<string[]> {
  const names = await fs.readdir(join(root, 'locks')).catch(() => [])
  return names.map((name) => join(root, 'locks', name))
}

const quoted = (path: string) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)
