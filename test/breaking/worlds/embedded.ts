import { globSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { filesIn } from '../kit/disk.ts'
import { fullDisk } from '../kit/failures.ts'
import { openAt } from '../kit/where.ts'
import { type Place, raise, type Vandal, type World } from '../kit/world.ts'

/** One process, which is the application's own. */
const inMemory: World = {
  name: 'memory',
  skip: false,
  shared: 'process',
  keeps: 'nothing',
  tamperable: false,
  failures: [],
  async start(): Promise<Place> {
    let relayed = Date.now
    const store = memory({ clock: () => relayed() })
    return {
      where: { engine: 'memory' },
      servers: [],
      // There is but one: what another handle were to open would be another memory.
      open: async ({ clock = Date.now } = {}) => {
        relayed = clock
        return { ...watched(store).store, close: async () => undefined }
      },
      loot: async () => new Map(),
      stop: () => store.close(),
    }
  },
}

const onFiles: World = {
  name: 'file',
  skip: false,
  shared: 'machine',
  keeps: 'all',
  tamperable: true,
  failures: [fullDisk((dir) => ({ engine: 'file', path: dir, synced: true }))],
  async start(synced): Promise<Place> {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-breaking-file-'))
    const where = { engine: 'file', path: dir, synced } as const
    return {
      where,
      servers: [],
      open: (opening) => openAt(where, opening),
      loot: async () => filesIn(dir),
      vandal: vandalOfFiles(dir),
      stop: async () => rmSync(dir, { recursive: true }),
    }
  },
}

const inSqlite: World = {
  name: 'sqlite',
  skip: false,
  shared: 'machine',
  keeps: 'all',
  tamperable: true,
  failures: [fullDisk((dir) => ({ engine: 'sqlite', path: join(dir, 'sessions.db'), synced: true }))],
  async start(synced): Promise<Place> {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-breaking-sqlite-'))
    const where = { engine: 'sqlite', path: join(dir, 'sessions.db'), synced } as const
    return {
      where,
      servers: [],
      open: (opening) => openAt(where, opening),
      loot: async () => filesIn(dir),
      vandal: vandalOfSqlite(where.path),
      stop: async () => rmSync(dir, { recursive: true }),
    }
  },
}

export const embedded = [inMemory, onFiles, inSqlite]

function vandalOfFiles(dir: string): Vandal {
  const pathOf = (name: string) => globSync(`sessions/*/${name}`, { cwd: dir })[0] ?? raise('no such file')
  return {
    reach: 'record',
    names: async () => globSync('sessions/*/*', { cwd: dir }).map((path) => basename(path)),
    read: async (name) => readFileSync(join(dir, pathOf(name))),
    async write(name, bytes) {
      const path = join(dir, pathOf(name))
      const { atime, mtime } = statSync(path)
      writeFileSync(path, bytes)
      utimesSync(path, atime, mtime)
    },
    close: async () => undefined,
  }
}

function vandalOfSqlite(path: string): Vandal {
  const using = <T>(work: (database: DatabaseSync) => T): T => {
    const database = new DatabaseSync(path)
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
  return {
    reach: 'payload',
    names: async () => using((it) => it.prepare('SELECT id FROM strongroom_sessions').all()).map((row) => `${row.id}`),
    read: async (name) => {
      const row = using((it) => it.prepare('SELECT payload FROM strongroom_sessions WHERE id = ?').get(name))
      return Buffer.from((row?.payload ?? raise('no such row')) as Uint8Array)
    },
    write: async (name, bytes) => {
      using((it) => it.prepare('UPDATE strongroom_sessions SET payload = ? WHERE id = ?').run(bytes, name))
    },
    close: async () => undefined,
  }
}
