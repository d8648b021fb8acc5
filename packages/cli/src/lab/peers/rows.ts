import { nodeProgram } from '../process.ts'
import { type Backend, type Runnable, startSite } from '../running.ts'
import type { Row, Thief } from '../site.ts'
import { NOTHING } from '../stores/memory.ts'
import { APPLICATION } from './application.ts'
import { folderBackend } from './files.ts'
import { needPackages, versionOf } from './packages.ts'
import type { Peer } from './peer.ts'
import { redisBackend } from './redis.ts'
import { mysqlBackend, pgBackend } from './sql.ts'
import { cookieSessionThief, ironThief, type Known, secureSessionThief, serverThief } from './thief.ts'

type Settings = Readonly<Record<string, string>>

interface Described {
  readonly library: Peer['library']
  readonly store: Peer['store']
  /** Packages that it needs, the library and its store first: their versions are shown. */
  readonly packages: readonly [string, ...string[]]
  /** Of these, how many have their versions in the report. */
  readonly shown: number
  readonly cookieName: string
  backend(settings: Settings): Promise<Backend>
  thief(known: Known): Thief
}

const nothing = async (settings: Settings): Promise<Backend> => ({
  settings: { ...settings, url: '' },
  storage: NOTHING,
  version: null,
  stop: async () => undefined,
})

const express = (store: Peer['store'], more: readonly string[], backend: Described['backend']): Described => ({
  library: 'express-session',
  store,
  packages: store === 'memory' ? ['express-session', 'express'] : ['express-session', store, 'express', ...more],
  shown: store === 'memory' ? 1 : 2,
  cookieName: 'connect.sid',
  backend,
  thief: (known) => serverThief(known, 's:'),
})

const fastify = (store: Peer['store'], more: readonly string[], backend: Described['backend']): Described => ({
  library: '@fastify/session',
  store,
  packages: ['@fastify/session', ...more, '@fastify/cookie', 'fastify'],
  shown: store === 'memory' ? 1 : 2,
  cookieName: 'sessionId',
  backend,
  thief: (known) => serverThief(known, ''),
})

const inCookie = (
  library: Peer['library'],
  framework: string,
  cookieName: string,
  thief: Described['thief'],
): Described => ({
  library,
  store: 'cookie',
  packages: [library, framework],
  shown: 1,
  cookieName,
  backend: nothing,
  thief,
})

const DESCRIBED: readonly Described[] = [
  express('memory', [], nothing),
  express('session-file-store', [], folderBackend),
  express('connect-redis', ['redis'], redisBackend),
  express('connect-pg-simple', ['pg'], pgBackend),
  express('express-mysql-session', [], mysqlBackend),
  inCookie('cookie-session', 'express', 'session', cookieSessionThief),
  inCookie('iron-session', 'express', 'session', ironThief),
  fastify('memory', [], nothing),
  // connect-redis extends the Store of express-session.
  fastify('connect-redis', ['connect-redis', 'redis', 'express-session'], redisBackend),
  inCookie('@fastify/secure-session', 'fastify', 'session', secureSessionThief),
]

function rowOf({ library, store, packages, shown, cookieName, backend, thief }: Described): Row {
  const name = store === 'cookie' ? library : `${library} + ${store === 'memory' ? 'MemoryStore' : store}`
  const engine = store === 'cookie' || store === 'memory' ? library : store
  const info = { name, family: 'peer' as const, engine, seal: null, traits: null }
  return {
    ...info,
    async start(options) {
      needPackages(packages)
      const runnable: Runnable = {
        info,
        program: nodeProgram(APPLICATION),
        cookieName,
        shared: store !== 'memory',
        library: packages.slice(0, shown).map(versionOf).join(', '),
        backend: () => backend({ library, store }),
        thief,
      }
      return startSite(runnable, options)
    },
  }
}

/** Other session libraries for Node, with the stores that their users have. */
export const peerRows = (): Row[] => DESCRIBED.map(rowOf)
