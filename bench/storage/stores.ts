import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createConnection as connectMysql } from 'mysql2/promise'
import { Client } from 'pg'
import type { Store } from 'strongroom'
import { file } from 'strongroom/file'
import { memcached } from 'strongroom/memcached'
import { mysql } from 'strongroom/mysql'
import { postgres } from 'strongroom/postgres'
import { redis } from 'strongroom/redis'
import { sqlite } from 'strongroom/sqlite'
import { type ServerClock, serverClock } from '../scale/processes.ts'
import { installed, type RunningServer, type ServerName, startServers } from '../servers.ts'

/** A store, and what can be counted behind it. */
export interface CountedStore {
  readonly store: Store
  /** What all of it takes: on the disk, or in the memory of a server that has it there. */
  readonly bytes: () => Promise<number>
  /** How many bytes the server has written to its log (WAL, redo log, append-only file). Absent where there is none. */
  readonly log: (() => Promise<number>) | undefined
  readonly serverTime: ServerClock | undefined
  close(): Promise<void>
}

interface Opened {
  /** A store of its own for each name, on one server. */
  open(name: string): Promise<CountedStore>
  stop(): Promise<void>
}

type Opener = (folder: string) => Promise<Opened>

/** The engines that are installed here. */
export function openers(): [string, Opener][] {
  const all: [string, ServerName | null, Opener][] = [
    ['file', null, local('sessions', (path) => file(path))],
    ['sqlite', null, local('', (path) => sqlite(join(path, 'sessions.db')))],
    ['postgres', 'postgres', onServer('postgres', openPostgres)],
    ['mysql', 'mysql', onServer('mysql', openMysql)],
    ['redis', 'redis', onServer('redis', openRedis)],
    ['memcached', 'memcached', onServer('memcached', openMemcached)],
  ]
  return all.filter(([, needs]) => needs === null || installed(needs)).map(([name, , open]) => [name, open])
}

function local(below: string, make: (path: string) => Store): Opener {
  return async (folder) => ({
    async open(name) {
      const path = join(folder, name)
      mkdirSync(path, { mode: 0o700 })
      const store = make(join(path, below))
      return {
        store,
        bytes: async () => allocated(path),
        log: undefined,
        serverTime: undefined,
        close: () => store.close(),
      }
    },
    async stop() {},
  })
}

function onServer(
  name: ServerName,
  open: (server: RunningServer, table: string) => Promise<Omit<CountedStore, 'serverTime'>>,
): Opener {
  return async () => {
    const servers = await startServers([name])
    const server = servers.running[name] as RunningServer
    const serverTime = serverClock(server.port)
    return {
      open: async (table) => ({ ...(await open(server, table)), serverTime }),
      stop: () => servers.stop(),
    }
  }
}

async function openPostgres({ url }: RunningServer, table: string) {
  const store = postgres({ url, table, createTable: true })
  const client = new Client({ connectionString: url })
  await client.connect()
  const number = async (sql: string) => Number((await client.query(sql)).rows[0].value)
  return {
    store,
    bytes: () => number(`SELECT coalesce(pg_total_relation_size(to_regclass('${table}')), 0) AS value`),
    log: () => number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS value"),
    async close() {
      await store.close()
      await client.end()
    },
  }
}

async function openMysql({ url, dir }: RunningServer, table: string) {
  const store = mysql({ url, table, createTable: true, batchWrites: true })
  const client = await connectMysql(url)
  return {
    store,
    bytes: async () => allocated(join(dir, 'data', 'test'), (name) => name === `${table}.ibd`),
    async log() {
      const [rows] = await client.query("SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'")
      return Number((rows as { Value: string }[])[0]?.Value)
    },
    async close() {
      await store.close()
      await client.end()
    },
  }
}

async function openRedis({ url }: RunningServer, prefix: string) {
  const store = redis({ url, prefix: `${prefix}:` })
  const client = new Redis(url)
  const of = async (section: string, name: string) =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await client.info(section))?.[1])
  return {
    store,
    bytes: () => of('memory', 'used_memory'),
    async log() {
      // What waits to be written is not counted until the event loop of Redis has written it.
      await wait(100)
      return of('persistence', 'aof_current_size')
    },
    async close() {
      client.disconnect()
      await store.close()
    },
  }
}

async function openMemcached({ url, port }: RunningServer) {
  const store = memcached(url)
  return {
    store,
    async bytes() {
      const socket = createConnection(port, '127.0.0.1')
      socket.end('stats\r\n')
      return Number(/^STAT bytes (\d+)/m.exec(await text(socket))?.[1])
    },
    log: undefined,
    close: () => store.close(),
  }
}

/** In blocks of 512 bytes, as they are allocated on the disk. */
function allocated(folder: string, counts = (_name: string) => true): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile() && counts(entry.name))
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0)
}
