import { filesIn } from '../folder.ts'
import type { Backend } from '../running.ts'
import { programPath, runOnce } from '../servers/daemon.ts'
import { type RedisProgram, startRedis } from '../servers/redis.ts'
import type { Rows, Storage, StoredRow } from '../site.ts'
import { driver } from './driver.ts'
import { serverOf } from './server.ts'

/** Sends one command, and returns its reply with strings as bytes. */
type Send = (...command: readonly (string | Uint8Array)[]) => Promise<unknown>

/** Redis or Valkey that has written every write to its disk before it replies: `durable=machine`. */
export async function redisBackend(program: RedisProgram): Promise<Backend> {
  const { url, ...rest } = await redisStorage(program)
  return { ...rest, settings: { store: `${url}?durable=machine` } }
}

/** The same server, for those that put it behind something else. `settings` are those of `startRedis`. */
export async function redisStorage(program: RedisProgram, settings: Readonly<Record<string, string>> = {}) {
  driver('ioredis', 'redis')
  const server = await startRedis(settings, program)
  const storage: Storage = {
    server: serverOf(server),
    files: async () => filesIn(server.dir),
    backup: () => snapshot(server.port, server.dir),
    rows: redisRows(server.port),
    cache: null,
  }
  const [version] = /\d+\.\d+\.\d+/.exec(runOnce(programPath(`${program}-server`), ['--version'])) ?? []
  return {
    url: server.url,
    storage,
    version: `${program === 'redis' ? 'Redis' : 'Valkey'} ${version}`,
    stop: () => server.stop(),
  }
}

/** SAVE, and the RDB file that it writes. */
async function snapshot(port: number, dir: string) {
  await withClient(port, (send) => send('SAVE'))
  return filesIn(dir).filter(({ name }) => name.endsWith('.rdb') && !name.includes('/'))
}

function redisRows(port: number): Rows {
  return {
    list: () =>
      withClient(port, async (send) => {
        const keys = (await send('KEYS', '*')) as Uint8Array[]
        const rows: StoredRow[] = []
        for (const key of keys) rows.push(...(await read(send, key)))
        return rows
      }),
    put: (row) => withClient(port, (send) => write(send, row)),
    delete: (key) => withClient(port, async (send) => void (await send('DEL', key))),
  }
}

/** Time to live in ms, 8 bytes; then S and the string, or D and what DUMP returns. */
async function read(send: Send, key: Uint8Array): Promise<StoredRow[]> {
  const isString = String(await send('TYPE', key)) === 'string'
  const value = (await send(isString ? 'GET' : 'DUMP', key)) as Uint8Array | null
  if (value === null) return []
  const head = Buffer.alloc(9)
  const left = Math.max(0, Number(await send('PTTL', key)))
  head.writeDoubleBE(left)
  head.write(isString ? 'S' : 'D', 8, 'latin1')
  const bytes = Buffer.concat([head, value])
  const name = Buffer.from(key).toString('latin1')
  const removed = left > 0 ? { removedAt: Date.now() + left } : {}
  return [{ key: name, value: bytes, ...removed, ...(isString && { data: bytes.subarray(9) }) }]
}

async function write(send: Send, { key, value, data }: StoredRow): Promise<void> {
  const bytes = Buffer.from(value)
  const ms = Math.round(bytes.readDoubleBE(0))
  const content = data ?? bytes.subarray(9)
  if (bytes.toString('latin1', 8, 9) === 'D') await send('RESTORE', key, `${ms}`, content, 'REPLACE')
  else await send('SET', key, content, ...(ms > 0 ? ['PX', `${ms}`] : []))
}

interface Ioredis {
  readonly Redis: new (
    port: number,
    host: string,
    options: object,
  ) => {
    callBuffer(...command: readonly (string | Uint8Array)[]): Promise<unknown>
    on(event: 'error', listener: () => void): unknown
    disconnect(): void
  }
}

interface NodeRedis {
  readonly RESP_TYPES: { readonly BLOB_STRING: number }
  createClient(options: object): {
    connect(): Promise<unknown>
    withTypeMapping(mapping: object): { sendCommand(command: readonly (string | Uint8Array)[]): Promise<unknown> }
    on(event: 'error', listener: () => void): unknown
    destroy(): void
  }
}

async function withClient<T>(port: number, work: (send: Send) => Promise<T>): Promise<T> {
  const { name, module } = driver<Ioredis & NodeRedis>('ioredis', 'redis')
  if (name === 'ioredis') {
    const client = new module.Redis(port, '127.0.0.1', { retryStrategy: () => null, protocol: 2 })
    client.on('error', () => undefined)
    return work((...command) => client.callBuffer(...command)).finally(() => client.disconnect())
  }
  const client = module.createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: false } })
  client.on('error', () => undefined)
  await client.connect()
  const mapped = client.withTypeMapping({ [module.RESP_TYPES.BLOB_STRING]: Buffer })
  const asBytes = (part: string | Uint8Array) => (typeof part === 'string' ? part : Buffer.from(part))
  return work((...command) => mapped.sendCommand(command.map(asBytes))).finally(() => client.destroy())
}
