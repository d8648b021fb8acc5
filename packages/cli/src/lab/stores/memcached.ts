import { once } from 'node:events'
import { connect } from 'node:net'
import type { Backend } from '../running.ts'
import { programPath, runOnce } from '../servers/daemon.ts'
import { startMemcached } from '../servers/memcached.ts'
import type { Rows, StoredRow } from '../site.ts'
import { serverOf } from './server.ts'

export async function memcachedBackend(): Promise<Backend> {
  const server = await startMemcached()
  return {
    settings: { store: server.url },
    storage: {
      server: serverOf(server),
      // It writes none, and nobody backs it up.
      files: async () => null,
      backup: async () => null,
      rows: memcachedRows(server.port),
      cache: null,
    },
    version: `memcached ${/[\d.]+/.exec(runOnce(programPath('memcached'), ['--version']))?.[0]}`,
    stop: () => server.stop(),
  }
}

/** The five commands of memcached's text protocol that somebody with a terminal would use. */
function memcachedRows(port: number): Rows {
  return {
    async list() {
      const found = new Map<string, number>()
      // A dump leaves out what another thread moves between two lists at that moment.
      for (let dump = 0; dump < 3; dump++) {
        const listing = (await exchange(port, 'lru_crawler metadump all\r\n', /END\r\n$/)).toString('latin1')
        for (const [, key = '', until = '0'] of listing.matchAll(/^key=(\S+) exp=(-?\d+)/gm))
          found.set(decodeURIComponent(key), Number(until))
      }
      const rows: StoredRow[] = []
      for (const [key, until] of found) rows.push(...(await read(port, key, until)))
      return rows
    },
    async put({ key, value, data }) {
      const until = Math.max(0, Buffer.from(value).readInt32BE(0))
      const content = data ?? value.subarray(4)
      const head = Buffer.from(`set ${key} 0 ${until} ${content.length}\r\n`)
      const reply = await exchange(port, Buffer.concat([head, content, Buffer.from('\r\n')]), /\r\n$/)
      if (!reply.equals(Buffer.from('STORED\r\n'))) throw new Error(`memcached replied ${reply.toString('latin1')}`)
    },
    delete: async (key) => void (await exchange(port, `delete ${key}\r\n`, /\r\n$/)),
  }
}

/** A row is the second at which it ends, 4 bytes, and its value. */
async function read(port: number, key: string, until: number): Promise<StoredRow[]> {
  const reply = await exchange(port, `get ${key}\r\n`, /END\r\n$/)
  const [, length] = /^VALUE \S+ \d+ (\d+)\r\n/.exec(reply.toString('latin1', 0, 300)) ?? []
  if (length === undefined) return []
  const start = reply.indexOf('\r\n') + 2
  const head = Buffer.alloc(4)
  head.writeInt32BE(until)
  const value = Buffer.concat([head, reply.subarray(start, start + Number(length))])
  return [{ key, value, data: value.subarray(4), ...(until > 0 && { removedAt: until * 1000 }) }]
}

async function exchange(port: number, request: string | Uint8Array, end: RegExp): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(request)
    let reply = Buffer.alloc(0)
    for await (const chunk of socket) {
      reply = Buffer.concat([reply, chunk as Buffer])
      if (end.test(reply.toString('latin1', Math.max(0, reply.length - 40)))) return reply
    }
    throw new Error('memcached closed the connection.')
  } finally {
    socket.destroy()
  }
}
