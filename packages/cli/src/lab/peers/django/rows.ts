import { type Runnable, startSite } from '../../running.ts'
import { asUser } from '../../servers/daemon.ts'
import type { Row } from '../../site.ts'
import { djangoBackend, type Kind } from './backend.ts'
import { findDjango } from './python.ts'
import { djangoThief } from './thief.ts'

const KINDS: readonly (readonly [name: string, kind: Kind])[] = [
  ['django db on SQLite', { engine: 'db', database: 'sqlite' }],
  ['django db on PostgreSQL', { engine: 'db', database: 'postgres' }],
  ['django file', { engine: 'file', database: 'sqlite' }],
  ['django cache on Redis', { engine: 'cache', database: 'sqlite', redis: true }],
  ['django cached_db, Redis over PostgreSQL', { engine: 'cached_db', database: 'postgres', redis: true }],
  ['django signed_cookies', { engine: 'signed_cookies', database: 'sqlite' }],
]

function rowOf(name: string, kind: Kind): Row {
  const info = { name, family: 'django' as const, engine: kind.engine, seal: null, traits: null }
  return {
    ...info,
    async start(options) {
      const python = findDjango()
      const backend = await djangoBackend(kind, python)
      const [command, ...args] = asUser(undefined, python.command, ['-B', backend.program])
      const runnable: Runnable = {
        info,
        program: { command: command as string, args },
        // Django's own name of it.
        cookieName: 'sessionid',
        shared: true,
        backend: async () => backend,
        thief: ({ cookieName }) => djangoThief(cookieName, backend.dumps),
      }
      return startSite(runnable, options)
    },
  }
}

/** Django's five engines, through a real Django. */
export const djangoRows = (): Row[] => KINDS.map(([name, kind]) => rowOf(name, kind))
