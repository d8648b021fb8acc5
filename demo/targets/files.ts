import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Outage, StoredFile } from './target.ts'

/** A file that is larger is read from its end: what was written last is there. */
const MOST = 64 * 1024 * 1024

/** All files below a folder, as they are on the disk now. What vanishes meanwhile is passed over: sessions end all the time. */
export async function filesIn(folder: string, wanted: (name: string) => boolean = () => true): Promise<StoredFile[]> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(wanted)
  return names.flatMap((name) => {
    const bytes = read(join(folder, name))
    return bytes ? [{ name, bytes }] : []
  })
}

function read(path: string): Buffer | null {
  try {
    if (!statSync(path).isFile()) return null
    const bytes = readFileSync(path)
    return bytes.length > MOST ? bytes.subarray(-MOST) : bytes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** A database and the files that SQLite keeps beside it. */
export async function databaseFiles(path: string): Promise<StoredFile[]> {
  const name = basename(path)
  return filesIn(dirname(path), (given) => given === name || given === `${name}-wal`)
}

/** As if the disk with the folder were gone: the folder is moved away, and no new one can be made in its place. */
export function blockedFolder(path: string): Outage {
  const away = `${path}-away`
  const start = async () => {
    rmSync(path, { force: true })
    renameSync(away, path)
  }
  // A demo that was killed during an outage has left it so.
  if (existsSync(away)) start()
  return {
    how: 'The folder of the sessions was taken away, as when a network disk is not mounted.',
    async stop() {
      renameSync(path, away)
      writeFileSync(path, '')
    },
    start,
  }
}

const BESIDE = ['', '-wal', '-shm']

/** The engine looks once a second whether its file is still there; before that, it reads what it has open. */
const NOTICED = 1100

/** The same for a database of SQLite. */
export function movedDatabase(path: string): Outage {
  const away = `${path}.away`
  const move = (from: string, to: string) => {
    for (const end of BESIDE) if (existsSync(from + end)) renameSync(from + end, to + end)
  }
  if (existsSync(away)) move(away, path)
  return {
    how: 'The database was moved away, as when a disk is not mounted.',
    async stop() {
      move(path, away)
      await wait(NOTICED)
    },
    start: async () => move(away, path),
  }
}
