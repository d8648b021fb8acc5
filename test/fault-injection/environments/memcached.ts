import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import { connect } from 'node:net'
import type { Server } from '../../servers/daemon.ts'
import { type MemcachedServer, memcachedNeed, startMemcached } from '../../servers/memcached.ts'
import { withoutEmptyPages } from '../fixtures/disk.ts'
import { type Environment, type RawRecords, type RunningEnvironment, raise } from '../fixtures/environment.ts'
import { dies, hangs, resets, silence } from '../fixtures/faults.ts'
import { openStore } from '../fixtures/location.ts'

const running = (server: MemcachedServer): RunningEnvironment => {
  const location = { engine: 'memcached', url: server.url } as const
  return {
    location,
    servers: [server],
    open: (opening) => openStore(location, opening),
    through: (port) => ({ ...location, url: `memcached://127.0.0.1:${port}` }),
    bytesAtRest: async () =>
      new Map([...memoryOf(server), ['all keys', Buffer.from((await keysOf(server.port)).join('\n'))]]),
    rawRecords: rawRecordsOfMemcached(server.port),
    stop: () => server.stop(),
  }
}

export const onMemcached: readonly Environment[] = [
  {
    name: 'memcached',
    skip: memcachedNeed.skip,
    shared: 'network',
    tamperable: true,
    survives: 'nothing',
    faults: [hangs, dies({ forgets: true }), resets, silence],
    start: async () => running(await startMemcached()),
  },
]

/**
 * The memory of the running server, as a core dump or a swapped page would show it. The server is paused while it is read,
 * because it could otherwise free a region that has been listed and not yet read.
 */
function memoryOf(server: Server): Map<string, Buffer> {
  server.pause()
  try {
    return regionsOf(server)
  } finally {
    server.resume()
  }
}

function regionsOf({ dir }: Server): Map<string, Buffer> {
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && folderOf(name) === dir) ?? raise('not running')
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    const regions = readFileSync(`/proc/${pid}/maps`, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
        return from
          ? [{ from: Number.parseInt(from, 16), size: Number.parseInt(to, 16) - Number.parseInt(from, 16) }]
          : []
      })
    return new Map(
      regions.map(({ from, size }) => {
        const bytes = Buffer.alloc(size)
        const read = readSync(memory, bytes, 0, size, from)
        return [`memory at ${from.toString(16)}`, withoutEmptyPages(bytes.subarray(0, read))]
      }),
    )
  } finally {
    closeSync(memory)
  }
}

function folderOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return null
  }
}

/** Sends one command to the server. Resolves to its response, which is complete when it matches `end`. */
async function ask(port: number, command: string | Buffer, end: RegExp): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(command)
    let received = Buffer.alloc(0)
    while (!end.test(received.toString('latin1'))) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      received = Buffer.concat([received, chunk])
    }
    return received
  } finally {
    socket.destroy()
  }
}

async function keysOf(port: number): Promise<string[]> {
  const dump = (await ask(port, 'lru_crawler metadump all\r\n', /END\r\n$/)).toString('latin1')
  return [...dump.matchAll(/^key=(\S+)/gm)].map(([, key = '']) => decodeURIComponent(key))
}

function rawRecordsOfMemcached(port: number): RawRecords {
  return {
    reach: 'record',
    names: () => keysOf(port),
    async read(name) {
      const response = await ask(port, `mg ${name} v\r\n`, /^(?:VA (\d+).*\r\n[\s\S]*\r\n|EN\r\n)$/)
      const [head = ''] = response.toString('latin1').split('\r\n', 1)
      const size = Number(/^VA (\d+)/.exec(head)?.[1] ?? raise('no such item'))
      return response.subarray(head.length + 2, head.length + 2 + size)
    },
    async write(name, bytes) {
      await ask(
        port,
        Buffer.concat([Buffer.from(`ms ${name} ${bytes.length} T3600\r\n`), bytes, Buffer.from('\r\n')]),
        /^HD/,
      )
    },
    close: async () => undefined,
  }
}
