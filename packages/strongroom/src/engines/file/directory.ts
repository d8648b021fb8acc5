import * as fs from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { ConfigError, StoreError } from '../../errors.ts'
import { codeOf } from '../sqlite/errors.ts'

const isWindows = process.platform === 'win32'

/** What we make in the session directory. */
export const FOLDERS: readonly string[] = ['sessions', 'owners', 'locks']

/**
 * Refuses a directory in which other users could put files of their own, or which leads elsewhere: everyone who can write to it can
 * end sessions, bring ended ones back, or have ours written to a place that they can read. `path` is `root` or one of its folders.
 */
export async function checkDirectory(path: string, root: string): Promise<void> {
  const found = await fs.lstat(path)
  if (found.isSymbolicLink()) {
    const real = await fs.realpath(path).catch(() => 'the directory itself')
    throw new ConfigError(`file(): the session directory ${path} is a symbolic link. Name where it leads: ${real}`)
  }
  if (isWindows || (found.mode & 0o022) === 0) return
  // With the sticky bit, as /tmp, it is meant for all users.
  const mayBeMended = (found.mode & 0o1000) === 0 && (await holdsOnlyOurs(root))
  const advice = mayBeMended
    ? `If none of its content is theirs: chmod go-w ${quoted(path)}`
    : 'Choose a directory for sessions alone.'
  throw new ConfigError(`file(): other users can write to the session directory ${path}. ${advice}`)
}

/** What root creates, belongs to root, and an application that is another user can neither read nor write it. */
export async function warnRoot(root: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const { path, owner } = await nearest(root)
  if (owner === 0) return
  process.emitWarning(
    `This process is root, and the session directory ${root} belongs to the user ${owner}: files that are made now belong to root, and that user cannot open them. Run it as that user, or afterwards: chown -R ${owner} ${made(root, path)}`,
    { code: 'STRONGROOM_ROOT' },
  )
}

/** What a process makes for sessions, as arguments of a shell. `existing` is the directory, or the nearest above it, that exists. */
function made(root: string, existing: string): string {
  if (existing === root) return ourFolders(root)
  const [first = ''] = relative(existing, root).split(sep)
  return quoted(join(existing, first))
}

interface Existing {
  readonly path: string
  readonly owner: number
  /** Why what is below it could not be looked at: it is missing, or this process may not look. Null for the path itself. */
  readonly code: string | null
}

/** The path, or the nearest directory above it that this process can see. */
async function nearest(path: string, code: string | null = null): Promise<Existing> {
  try {
    return { path, owner: (await fs.stat(path)).uid, code }
  } catch (error) {
    if (path === dirname(path)) return { path, owner: 0, code }
    return nearest(dirname(path), code ?? (error as NodeJS.ErrnoException).code ?? '')
  }
}

/** Says whose files they are, where that is why they could not be opened. Null for every other error. */
export async function forbidden(error: unknown, root: string): Promise<StoreError | null> {
  const uid = process.getuid?.()
  if (uid === undefined || !isForbidden(error)) return null
  const { code, path } = error as NodeJS.ErrnoException
  return new StoreError(await refusal({ root, uid, path: path ?? root }), {
    cause: Object.assign(new Error(code), { code }),
  })
}

interface Refused {
  readonly root: string
  readonly uid: number
  /** What could not be opened. */
  readonly path: string
}

/**
 * A path may be a mistake, such as /etc. So a command that changes owners names only folders that are ours, and never what was there
 * before.
 */
async function refusal({ root, uid, path }: Refused): Promise<string> {
  const existing = await nearest(root)
  if (existing.path !== root) return notReached(root, uid, existing)
  const what = `The session directory, or something in it, cannot be opened: ${root}.`
  const owner = await ownerOtherThan(uid, [path, root, ...ours(root), ...(await locksIn(root))])
  if (owner === undefined) return `${what} Let the user of this process read and write it.`
  const whose = `${what} It belongs to the user ${owner}, and this process is ${uid}.`
  if (await hasOurs(root)) return `${whose} As root: chown -R ${uid} ${ourFolders(root)}`
  return `${whose} Choose a directory for sessions alone; or let it belong to this user, if it holds nothing else.`
}

function notReached(root: string, uid: number, { path, owner, code }: Existing): string {
  const whose = owner === uid ? `This user may not write to ${path}.` : `${path} belongs to the user ${owner}.`
  const us = `This process is the user ${uid}.`
  if (code !== 'ENOENT') return `The session directory cannot be reached: ${root}. ${whose} ${us} Choose another one.`
  return `The session directory cannot be created: ${root}. ${whose} ${us} As root: install -d -o ${uid} -m 700 ${quoted(root)}`
}

async function ownerOtherThan(uid: number, paths: readonly string[]): Promise<number | undefined> {
  const found = await Promise.all(paths.map((path) => fs.stat(path).catch(() => null)))
  return found.find((each) => each && each.uid !== uid)?.uid
}

const ours = (root: string) => FOLDERS.map((name) => join(root, name))

const ourFolders = (root: string) => ours(root).map(quoted).join(' ')

/** All of them, because other software, too, has a folder named "sessions" or "locks". */
async function hasOurs(root: string): Promise<boolean> {
  const found = await Promise.all(ours(root).map((path) => fs.lstat(path).catch(() => null)))
  return found.every((each) => each?.isDirectory())
}

async function holdsOnlyOurs(root: string): Promise<boolean> {
  return (await fs.readdir(root)).every((name) => FOLDERS.includes(name))
}

/** A lock is a SQLite database. Of SQLite's codes, 8 is "read-only" and 14 "cannot open". */
function isForbidden(error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && ['EACCES', 'EPERM', 8, 14].includes(code)
}

async function locksIn(root: string): Promise<string[]> {
  const names = await fs.readdir(join(root, 'locks')).catch(() => [])
  return names.map((name) => join(root, 'locks', name))
}

const quoted = (path: string) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)
