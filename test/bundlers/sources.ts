/** What the bundled entries do: they use what they have bundled, and try each driver, of which none is installed. */
export const USES = `
import { createSessions } from 'strongroom'
import { withSessions } from 'strongroom/fetch'
import { mysql } from 'strongroom/mysql'
import { postgres } from 'strongroom/postgres'
import { redis } from 'strongroom/redis'

let sessions
export async function visits(request) {
  sessions ??= createSessions({ store: 'memory:', secrets: '${'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2)}' })
  const handler = withSessions(sessions, async (request) => {
    const session = await sessions.get(request)
    return Response.json(session.update('visits', (visits = 0) => visits + 1))
  })
  return handler(request)
}

export async function drivers() {
  const stores = [redis('redis://127.0.0.1:1'), postgres('postgres://me@127.0.0.1:1/x'), mysql('mysql://me@127.0.0.1:1/x')]
  const reads = stores.map((store) => store.read('a'.repeat(64)).then(() => 'read', (error) => error.name + ': ' + error.message))
  return Response.json(await Promise.all(reads))
}
`

/** What `drivers` resolves to: each engine says what to install, in whatever words the bundle says that it is not there. */
export const ADVICE = [
  'ConfigError: redis() needs the package ioredis, or redis: npm install ioredis',
  'ConfigError: postgres() needs the package pg: npm install pg',
  'ConfigError: mysql() needs the package mysql2: npm install mysql2',
]
