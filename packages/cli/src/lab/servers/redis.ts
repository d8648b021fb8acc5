import { once } from 'node:events'
import { connect } from 'node:net'
import { programPath, type Server, startDaemon } from './daemon.ts'

/** Redis, or Valkey, which takes the same arguments. */
export type RedisProgram = 'redis' | 'valkey'

export interface RedisServer extends Server {
  readonly url: string
}

/** Starts a private Redis, which saves every write to disk before it replies, unless `settings` say otherwise. */
export async function startRedis(
  settings: Readonly<Record<string, string>> = {},
  program: RedisProgram = 'redis',
): Promise<RedisServer> {
  const all = { save: '', appendonly: 'yes', appendfsync: 'always', bind: '127.0.0.1', ...settings }
  const server = await startDaemon({
    name: program,
    command: programPath(`${program}-server`),
    args: ({ port, dir }) => [
      ...['--port', `${port}`, '--dir', dir],
      ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    answers: ({ port }) => ping(port),
  })
  return Object.assign(server, { url: `redis://127.0.0.1:${server.port}` })
}

/** Rejects until the server has loaded its data. */
export async function ping(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [reply] = (await once(socket, 'data')) as [Buffer]
    if (!reply.toString().startsWith('+PONG')) throw new Error('not ready')
  } finally {
    socket.destroy()
  }
}
