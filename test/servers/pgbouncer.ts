import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { need } from '../support/need.ts'
import { type Server, startDaemon } from './daemon.ts'
import { saysReady } from './postgres.ts'

export const pgbouncerNeed = need('pgbouncer')

export interface PgbouncerServer extends Server {
  readonly url: string
}

/**
 * A private pgbouncer in front of a private PostgreSQL. It gives each transaction any free connection. There are two, so that
 * what is prepared on one is soon used on the other. `settings` are settings of pgbouncer: `{ pool_mode: 'session' }`.
 */
export async function startPgbouncer(
  postgresPort: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<PgbouncerServer> {
  const server = await startDaemon({
    name: 'pgbouncer',
    command: pgbouncerNeed.path,
    user: 'postgres',
    args: ({ port, dir }) => {
      const all = {
        listen_addr: '127.0.0.1',
        listen_port: String(port),
        unix_socket_dir: '',
        auth_type: 'any',
        pool_mode: 'transaction',
        default_pool_size: '2',
        ...settings,
      }
      const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
      const databases = `[databases]\n* = host=127.0.0.1 port=${postgresPort} user=strongroom\n`
      const file = join(dir, 'pgbouncer.ini')
      writeFileSync(file, `${databases}[pgbouncer]\n${lines.join('\n')}\n`, { mode: 0o644 })
      return [file]
    },
    answers: ({ port }) => saysReady(port),
  })
  return Object.assign(server, { url: `postgres://strongroom@127.0.0.1:${server.port}/postgres` })
}
