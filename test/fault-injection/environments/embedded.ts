import { globSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import { watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { filesIn } from '../fixtures/disk.ts'
import { type Environment, type RawRecords, type RunningEnvironment, raise } from '../fixtures/environment.ts'
import { fullDisk } from '../fixtures/faults.ts'
import { openStore } from '../fixtures/location.ts'

/** The process of the application itself. */
const inMemory: Environment = {
  name: 'memory',
  skip: false,
  shared: 'process',
  survives: 'nothing',
  tamperable: false,
  faults: [],
  async start(): Promise<RunningEnvironment> {
    let current = Date.now
    const store = memory({ clock: () => current() })
    return {
      location: { engine: 'memory' },
      servers: [],
      // All handles share one store, because a second one would be another memory.
      open: async ({ clock = Date.now } = {}) => {
        current = clock
        return { ...watched(store).store, close: async () => undefined }
      },
      bytesAtRest: async () => new Map(),
      stop: () => store.close(),
    }
  },
}

const onFiles: Environment = {
  name: 'file',
  skip: false,
  shared: 'machine',
  survives: 'all',
  tamperable: true,
  faults: [fullDisk((dir) => ({ engine: 'file', path: dir, synced: true }))],
  async start(synced): Promise<RunningEnvironment> {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-faults-file-'))
    const location = { engine: 'file', path: dir, synced } as const
    return {
      location,
      servers: [],
      open: (opening) => openStore(location, opening),
      bytesAtRest: async () => filesIn(dir),
      rawRecords: rawRecordsOfFiles(dir),
      stop: async () => rmSync(dir, { recursive: true }),
    }
  },
}

const inSqlite: Environment = {
  name: 'sqlite',
  skip: false,
  shared: 'machine',
  survives: 'all',
  tamperable: true,
  faults: [fullDisk((dir) => ({ engine: 'sqlite', path: join(dir, 'sessions.db'), synced: true }))],
  async start(synced): Promise<RunningEnvironment> {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-faults-sqlite-'))
    const location = { engine: 'sqlite', path: join(dir, 'sessions.db'), synced } as const
    return {
      location,
      servers: [],
      open: (opening) => openStore(location, opening),
      bytesAtRest: async () => filesIn(dir),
      rawRecords: rawRecordsOfSqlite(location.path),
      stop: async () => rmSync(dir, { recursive: true }),
    }
  },
}

export const embedded = [inMemory, onFiles, inSqlite]

function rawRecordsOfFiles(dir: string): RawRecords {
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

function rawRecordsOfSqlite(path: string): RawRecords {
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
