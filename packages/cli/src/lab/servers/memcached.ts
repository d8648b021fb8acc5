import { once } from 'node:events'
import { connect } from 'node:net'
import { isRoot, programPath, type Server, startDaemon } from './daemon.ts'

export interface MemcachedServer extends Server {
  readonly url: string
}

/** A memcached for tests, with 64 MB unless `args` say otherwise (`['-m', '8']`). */
export async function startMemcached(args: readonly string[] = []): Promise<MemcachedServer> {
  const server = await startDaemon({
    name: 'memcached',
    command: programPath('memcached'),
    args: ({ port }) => ['-p', `${port}`, '-l', '127.0.0.1', ...(isRoot ? ['-u', 'root'] : []), ...args],
    answers: async ({ port }) => {
      const socket = connect(port, '127.0.0.1')
      try {
        await once(socket, 'connect')
      } finally {
        socket.destroy()
      }
    },
  })
  return Object.assign(server, { url: `memcached://127.0.0.1:${server.port}` })
}
