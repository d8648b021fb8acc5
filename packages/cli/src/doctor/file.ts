import type { Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../failure.ts'
import { type Check, Topic } from './check.ts'
import { endOf, orUnknown } from './examine.ts'
import { modeChecks, type Owned } from './modes.ts'
import { placeChecks } from './place.ts'
import type { Examined } from './postgres.ts'
import { type Rows, rowChecks } from './rows.ts'

/** Enough to see a mistake that every file has, or that root has made. */
const SAMPLED = 200
/** How many sessions are looked at, to see which have expired: each takes a call to the system. */
const MOST = 20_000

interface FileBackend {
  readonly path: string
  readonly durable: boolean
}

export async function examineFiles({ path, durable }: FileBackend, examined: Examined): Promise<readonly Check[]> {
  const { about, limit, now, every } = examined
  const topic = new Topic(about, 'file')
  const root = await lstat(path).catch((error: NodeJS.ErrnoException) => error)
  if (root instanceof Error) return [missing(topic, root)]
  const folder = await lstat(join(path, 'sessions')).catch((error: NodeJS.ErrnoException) => error)
  if (folder instanceof Error) return [missing(topic, folder)]
  const part = (name: string, work: () => Promise<readonly Check[]>) => orUnknown({ topic, name, limit }, work)
  const parts = await Promise.all([
    part('file-permissions', () => permissions(topic, path, root)),
    part('file-file-system', () => placeChecks(topic, 'file', path)),
    part('expired-rows', async () => rowChecks(topic, await rowsIn(path, now()), { every, now: now() })),
  ])
  return [topic.green('file-directory', 'The session directory is there.'), durability(topic, durable), ...parts.flat()]
}

function missing(topic: Topic, error: NodeJS.ErrnoException): Check {
  if (error.code === 'ENOENT')
    return topic.red(
      'file-directory',
      'The session directory does not exist, or has no folder for sessions.',
      'Check the path and that its disk is mounted. An application that stores its first session makes it.',
    )
  return topic.unknown(
    'file-directory',
    `The session directory could not be looked at: ${endOf(messageOf(error))}`,
    'Run this as the owner of the directory.',
  )
}

function durability(topic: Topic, durable: boolean): Check {
  if (durable) return topic.green('file-durability', 'A write is on the disk before it is acknowledged.')
  return topic.amber(
    'file-durability',
    'The option durable is false: a power cut undoes the last logouts.',
    'Leave out durable: false, or ?durable=false in the URL.',
  )
}

async function permissions(topic: Topic, path: string, root: Stats): Promise<readonly Check[]> {
  if (root.isSymbolicLink())
    return [
      topic.red(
        'file-permissions',
        'The session directory is a symbolic link, which the engine refuses.',
        'Name the directory that it leads to.',
      ),
    ]
  const found: Owned[] = [{ path, stats: root }]
  for await (const each of filesIn(path)) {
    found.push(each)
    if (found.length > SAMPLED) break
  }
  return modeChecks(topic, 'file', found)
}

/** The folders of sessions, and the sessions. One that ends meanwhile is passed over. */
async function* filesIn(root: string): AsyncGenerator<Owned & { readonly stats: Stats }> {
  const top = join(root, 'sessions')
  for (const shard of await readdir(top)) {
    const folder = join(top, shard)
    const stats = await lstat(folder).catch(absent)
    if (!stats?.isDirectory()) continue
    // The id in the name of a file is nothing to print.
    yield { path: folder, stats }
    for (const name of await readdir(folder)) {
      const of = await lstat(join(folder, name)).catch(absent)
      if (of) yield { path: folder, stats: of }
    }
  }
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}

/** A deadline is the modification time of a file. */
async function rowsIn(root: string, now: number): Promise<Rows> {
  let [live, expired] = [0, 0]
  let oldest: number | null = null
  for await (const { stats } of filesIn(root)) {
    if (!stats.isFile()) continue
    if (stats.mtimeMs > now) live++
    else {
      expired++
      oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, stats.mtimeMs)
    }
    if (live + expired === MOST) return { live, expired, oldest, isSample: true }
  }
  return { live, expired, oldest }
}
