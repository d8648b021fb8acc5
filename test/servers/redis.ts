import { once } from 'node:events'
import { connect } from 'node:net'
import { need } from '../support/need.ts'
import { type Server, startDaemon } from './daemon.ts'

export const redisNeed = need('redis-server')

export interface RedisServer extends Server {
  readonly url: string
}

/** A Redis of the tests, which writes down every change before it answers unless `settings` say otherwise. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const all = { save: '', appendonly: 'yes', appendfsync: 'always', bind: '127.0.0.1', ...settings }
  const server = await startDaemon({
    name: 'redis',
    command: redisNeed.path,
    args: ({ port, dir }) => [
      ...['--port', `${port}`, '--dir', dir],
      ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    answers: ({ port }) => pongs(port),
  })
  return Object.assign(server, { url: `redis://127.0.0.1:${server.port}` })
}

/** Not before its data is loaded. */
export async function pongs(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.toString().startsWith('+PONG')) throw new Error('not ready')
  } finally {
    socket.destroy()
  }
}
