import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { programPath, type Server, startDaemon } from './daemon.ts'
import { fromTemplate } from './template.ts'

export interface PostgresServer extends Server {
  /** For the superuser and the database `postgres`. The server trusts every connection. */
  readonly url: string
}

/** A private PostgreSQL. `settings` are settings of the server: `{ synchronous_commit: 'off' }`. fsync stays on. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const program = programPath('postgres')
  const server = await startDaemon({
    name: 'postgres',
    command: program,
    user: 'postgres',
    prepare: (dir) =>
      fromTemplate('postgres', join(dir, 'data'), 'postgres', (data) => [
        join(program, '..', 'initdb'),
        ...['-D', data, '-U', 'strongroom', '-E', 'UTF8', '--locale=C', '--auth=trust', '--no-sync'],
      ]),
    args: ({ port, dir }) => [
      ...['-D', join(dir, 'data'), '-p', `${port}`, '-k', dir, '-h', '127.0.0.1'],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    answers: ({ port }) => saysReady(port),
  })
  return Object.assign(server, { url: `postgres://strongroom@127.0.0.1:${server.port}/postgres` })
}

/** Resolves when the server accepts a startup message: a server in recovery listens, and refuses connections. */
export async function saysReady(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    const parameters = Buffer.from('user\0strongroom\0database\0postgres\0\0')
    const head = Buffer.alloc(8)
    head.writeInt32BE(8 + parameters.length, 0)
    // Protocol 3.0
    head.writeInt32BE(196_608, 4)
    socket.write(Buffer.concat([head, parameters]))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    // 'R' is AuthenticationOk; 'E' is an error, such as "the database system is starting up".
    if (answer[0] !== 0x52) throw new Error('not ready')
  } finally {
    socket.destroy()
  }
}
