import type { Stats } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Check, Topic } from './check.ts'
import { type Examined, orUnknown } from './examine.ts'
import { modeChecks, type Owned } from './modes.ts'
import { notThere, placeChecks } from './place.ts'
import { type Rows, rowChecks } from './rows.ts'
import { wayTo } from './way.ts'

/** The directory, and what the engine makes in it. */
const OURS = ['.', 'sessions', 'owners', 'locks']

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
  for (const name of OURS) {
    const found = await stat(join(path, name)).catch((error: NodeJS.ErrnoException) => error)
    const what = name === '.' ? 'The session directory' : `The folder ${name} of the session directory`
    if (found instanceof Error) return [notThere(topic, 'file-directory', { what, error: found })]
  }
  const part = (name: string, work: () => Promise<readonly Check[]>) => orUnknown({ topic, name, limit }, work)
  const parts = await Promise.all([
    part('file-permissions', () => permissions(topic, path)),
    part('file-file-system', () => placeChecks(topic, 'file', path)),
    part('expired-rows', async () => rowChecks(topic, await rowsIn(path, now()), { every, now: now() })),
  ])
  return [topic.green('file-directory', 'The session directory is there.'), durability(topic, durable), ...parts.flat()]
}

function durability(topic: Topic, durable: boolean): Check {
  if (durable) return topic.green('file-durability', 'A write is on the disk before it is acknowledged.')
  return topic.amber(
    'file-durability',
    'The option durable is false: a power cut undoes the last logouts.',
    'Leave out durable: false, or ?durable=false in the URL.',
  )
}

async function permissions(topic: Topic, path: string): Promise<readonly Check[]> {
  const folders = OURS.map((name) => join(path, name))
  for (const folder of folders)
    if ((await lstat(folder)).isSymbolicLink())
      return [
        topic.red(
          'file-permissions',
          `${folder} is a symbolic link, which the engine refuses.`,
          'Name the directory that it leads to; links in the folders above it are followed.',
        ),
      ]
  const found = await Promise.all(
    folders.map(async (folder): Promise<Owned> => ({ path: folder, stats: await stat(folder) })),
  )
  for await (const each of filesIn(path)) {
    found.push(each)
    if (found.length > SAMPLED) break
  }
  return modeChecks(topic, { engine: 'file', all: found, way: await wayTo(path) })
}

/** The folders of sessions, and the sessions. One that ends meanwhile is passed over. */
async function* filesIn(root: string): AsyncGenerator<Owned & { readonly stats: Stats }> {
  const top = join(root, 'sessions')
  for (const shard of await readdir(top)) {
    const folder = join(top, shard)
    const stats = await stat(folder).catch(absent)
    if (!stats?.isDirectory()) continue
    // The id in the name of a file is nothing to print.
    yield { path: folder, stats }
    for (const name of await readdir(folder)) {
      const of = await stat(join(folder, name)).catch(absent)
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
