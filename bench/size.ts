import { readdirSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import type { Figure } from './figures.ts'
import { logIn } from './http/client.ts'
import type { Contender } from './http/contender.ts'
import { contenders, isVariant } from './http/contenders.ts'
import { start } from './http/fleet.ts'
import { installed, type Servers, startServers } from './servers.ts'

export interface SizeOptions {
  readonly sessions: number
  readonly contenders?: RegExp | undefined
  readonly say: (line: string) => void
}

/** How much a session of 1 KB takes where it is stored: tables with their indexes, files in blocks of the disk, a server's memory. */
export async function measureSize({ sessions, contenders: pattern, say }: SizeOptions): Promise<Figure[]> {
  const chosen = contenders.filter(
    ({ name, needs, limit }) =>
      (needs ? installed(needs) && limit !== 'limit: memory' : /limit: (file|sqlite)/.test(limit)) &&
      !name.startsWith('limit') &&
      !isVariant(name) &&
      (pattern?.test(name) ?? true),
  )
  const figures: Figure[] = []
  const servers = await startServers(chosen.flatMap(({ needs }) => needs ?? []))
  try {
    for (const contender of chosen) {
      say(`stored size, ${contender.name}`)
      const value = await bytesOf(contender, servers, sessions)
      const route = `${sessions} sessions`
      const common = { bench: 'size', contender: contender.name, route, ratioToLimit: null } as const
      figures.push({ ...common, value, unit: 'bytes per session' })
    }
  } finally {
    await servers.stop()
  }
  return figures
}

async function bytesOf(contender: Contender, servers: Servers, sessions: number): Promise<number> {
  const running = await start(contender, { sessions: 1, urls: servers.urls })
  const size = () =>
    contender.needs ? SIZES[contender.needs](servers) : sizeOfFiles(running.directory, (name) => name !== 'cookies')
  try {
    const before = await size()
    await logIn(running.origin, sessions)
    return ((await size()) - before) / sessions
  } finally {
    await running.stop()
  }
}

const SIZES = {
  async postgres({ urls }: Servers) {
    const client = new Client({ connectionString: urls.postgres })
    await client.connect()
    const sum = 'SELECT sum(pg_total_relation_size(oid)) AS size FROM pg_class WHERE relkind = $1 AND relname LIKE $2'
    const { rows } = await client.query(sum, ['r', 's\\_%'])
    await client.end()
    return Number(rows[0].size)
  },
  mysql: async ({ running }: Servers) =>
    sizeOfFiles(join(running.mysql?.dir as string, 'data', 'test'), (name) => name.endsWith('.ibd')),
  async redis({ urls }: Servers) {
    const client = new Redis(urls.redis as string)
    const info = await client.info('memory')
    client.disconnect()
    return Number(/^used_memory:(\d+)/m.exec(info)?.[1])
  },
  async memcached({ running }: Servers) {
    const socket = createConnection(running.memcached?.port as number, '127.0.0.1')
    socket.end('stats\r\n')
    return Number(/^STAT bytes (\d+)/m.exec(await text(socket))?.[1])
  },
}

/** In blocks of 512 bytes, as they are allocated on the disk. */
function sizeOfFiles(folder: string, counts: (name: string) => boolean): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile() && counts(entry.name))
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0)
}
