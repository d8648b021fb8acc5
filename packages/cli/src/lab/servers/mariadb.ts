import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { isRoot, programPath, type Server, startDaemon } from './daemon.ts'
import { fromTemplate } from './template.ts'

export interface MariadbServer extends Server {
  /** For the user root, who has no password, and the database `test`. */
  readonly url: string
}

/** A private MariaDB. `settings` are options of the server: `{ 'innodb-flush-log-at-trx-commit': '0' }`. */
export async function startMariadb(settings: Readonly<Record<string, string>> = {}): Promise<MariadbServer> {
  // The server refuses to run as root, unless it is told to.
  const user = isRoot ? ['--user=root'] : []
  const server = await startDaemon({
    name: 'mariadb',
    command: programPath('mariadbd'),
    prepare: (dir) =>
      fromTemplate('mariadb', join(dir, 'data'), undefined, (data) => [
        programPath('mariadb-install-db'),
        '--no-defaults',
        // A folder of its own for temporary files: two installations in parallel would remove each other's.
        `--tmpdir=${dir}`,
        `--datadir=${data}`,
        ...['--auth-root-authentication-method=normal', '--skip-name-resolve', ...user],
      ]),
    args: ({ port, dir }) => [
      '--no-defaults',
      ...[`--datadir=${join(dir, 'data')}`, `--socket=${join(dir, 'socket')}`, `--pid-file=${join(dir, 'pid')}`],
      ...[`--tmpdir=${dir}`, `--port=${port}`, '--bind-address=127.0.0.1', '--skip-name-resolve', ...user],
      ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
    ],
    answers: ({ port }) => greets(port),
  })
  return Object.assign(server, { url: `mysql://root@127.0.0.1:${server.port}/test` })
}

/** The server sends the first message: protocol version 10, or 255 for an error. */
async function greets(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    const [greeting] = (await once(socket, 'data')) as [Buffer]
    if (greeting[4] !== 10) throw new Error('not ready')
  } finally {
    socket.destroy()
  }
}
