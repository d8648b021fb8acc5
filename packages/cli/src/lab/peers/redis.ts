import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn } from '../folder.ts'
import type { Backend } from '../running.ts'
import { type RedisServer, startRedis } from '../servers/redis.ts'
import type { Rows, StoredFile, StoredRow } from '../site.ts'
import { load } from './packages.ts'

/** The client that connect-redis asks for, by what is used of it. */
interface Client {
  connect(): Promise<unknown>
  on(event: 'error', listener: () => void): void
  close(): Promise<void>
  keys(pattern: string): Promise<string[]>
  get(key: string): Promise<string | null>
  set(key: string, value: string, options: object): Promise<unknown>
  pTTL(key: string): Promise<number>
  pExpire(key: string, ms: number): Promise<unknown>
  del(key: string): Promise<unknown>
  sendCommand(command: string[]): Promise<unknown>
}

async function withClient<T>({ url }: RedisServer, work: (client: Client) => Promise<T>): Promise<T> {
  const { createClient } = load('redis') as { createClient(options: object): Client }
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

export async function redisBackend(settings: Readonly<Record<string, string>>): Promise<Backend> {
  const server = await startRedis()
  const info = (await withClient(server, (client) => client.sendCommand(['INFO', 'server']))) as string
  return {
    settings: { ...settings, url: server.url },
    storage: {
      server,
      files: async () => filesIn(server.dir),
      backup: () => dumpOf(server),
      rows: rowsIn(server),
      cache: null,
    },
    age: (by) => withClient(server, (client) => ageAll(client, by)),
    version: `Redis ${/redis_version:(\S+)/.exec(info)?.[1]}`,
    stop: () => server.stop(),
  }
}

async function ageAll(client: Client, by: number): Promise<void> {
  for (const key of await client.keys('*')) {
    const left = await client.pTTL(key)
    // A negative one says that it stays for ever.
    if (left < 0) continue
    if (left > by) await client.pExpire(key, left - by)
    else await client.del(key)
  }
}

async function dumpOf(server: RedisServer): Promise<StoredFile[]> {
  await withClient(server, (client) => client.sendCommand(['SAVE']))
  return filesIn(server.dir).filter(({ name }) => name.endsWith('.rdb') && !name.includes('/'))
}

/** The remaining time is part of the value: "1234 {…}". */
function rowsIn(server: RedisServer): Rows {
  return {
    list: () =>
      withClient(server, async (client) => {
        const keys = await client.keys('*')
        return Promise.all(
          keys.map(async (key) => {
            const data = Buffer.from((await client.get(key)) ?? '')
            return { key, value: Buffer.concat([Buffer.from(`${await client.pTTL(key)} `), data]), data }
          }),
        )
      }),
    put: ({ key, value, data }) =>
      withClient(server, async (client) => {
        const text = Buffer.from(value).toString()
        const at = text.indexOf(' ')
        const session = data ? Buffer.from(data).toString() : text.slice(at + 1)
        await client.set(key, session, { expiration: { type: 'PX', value: Math.max(Number(text.slice(0, at)), 1) } })
      }),
    delete: (key) => withClient(server, async (client) => void (await client.del(key))),
  }
}

/** Redis compresses what is in a dump (LZF), so a thief starts a Redis of their own on it. */
export async function onDump<T>(bytes: Uint8Array, work: (server: RedisServer) => Promise<T>): Promise<T> {
  const server = await startRedis({ appendonly: 'no' })
  try {
    await server.kill()
    writeFileSync(join(server.dir, 'dump.rdb'), bytes)
    await server.start()
    return await work(server)
  } finally {
    await server.stop()
  }
}

export async function rowsOfDumps(files: readonly StoredFile[]): Promise<StoredRow[]> {
  const rows: StoredRow[] = []
  for (const { name, bytes } of files)
    if (name.endsWith('.rdb')) rows.push(...(await onDump(bytes, (server) => rowsIn(server).list())))
  return rows
}
