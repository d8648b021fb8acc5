import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresNeed, startPostgres } from '../../servers/postgres.ts'
import { redisNeed, startRedis } from '../../servers/redis.ts'
import { filesIn } from '../fixtures/disk.ts'
import type { Environment, Fault, RunningEnvironment } from '../fixtures/environment.ts'
import { dies, hangs, of } from '../fixtures/faults.ts'
import { openStore, type StoreLocation } from '../fixtures/location.ts'
import { filesOf, settings } from './postgres.ts'
import { rawRecordsOfRedis } from './redis.ts'

/** With the default time limit that `cached` has for its cache. */
const withDefaultCacheTimeout = (failure: Fault): Fault => ({
  ...failure,
  prepare: (running) =>
    failure.prepare({ ...running, location: { ...running.location, cacheTimeout: 50 } as StoreLocation }),
})

const overPostgres: Environment = {
  name: 'postgres with redis as its cache',
  skip: postgresNeed.skip || redisNeed.skip,
  shared: 'network',
  tamperable: true,
  survives: 'all',
  faults: [
    of('the durable store', 0, dies()),
    of('the durable store', 0, hangs),
    withDefaultCacheTimeout(of('the cache', 1, { ...dies(), refuses: 'nothing' })),
    withDefaultCacheTimeout(of('the cache', 1, { ...hangs, refuses: 'nothing' })),
  ],
  async start(synced): Promise<RunningEnvironment> {
    const servers = await Promise.all([startPostgres(settings(synced)), startRedis({ appendonly: 'no' })])
    const [below, { url: cache, dir: cacheDir }] = servers
    const location = {
      engine: 'cached',
      durable: { engine: 'postgres', url: below.url },
      cache: { engine: 'redis', url: cache },
      maxAge: 60_000,
      // A slow cache keeps old copies. On a busy machine that would happen in other tests than the outage's.
      cacheTimeout: 5000,
    } as const
    return {
      location,
      servers,
      open: (opening) => openStore(location, opening),
      bytesAtRest: async () => new Map([...(await filesOf(below)), ...filesIn(cacheDir)]),
      // The copies only. The rows of PostgreSQL are tested in an environment of their own.
      rawRecords: { ...rawRecordsOfRedis(cache), reach: 'copy' },
      stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
    }
  },
}

/** The memory of one process does not learn what another process has changed. */
const STALE = 100

const overSqlite: Environment = {
  name: 'sqlite with memory as its cache',
  staleFor: STALE,
  skip: false,
  shared: 'machine',
  tamperable: false,
  survives: 'all',
  faults: [],
  async start(synced): Promise<RunningEnvironment> {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-faults-cached-'))
    const location = {
      engine: 'cached',
      durable: { engine: 'sqlite', path: join(dir, 'sessions.db'), synced },
      cache: { engine: 'memory', evicts: true },
      maxAge: STALE,
    } as const
    return {
      location,
      servers: [],
      open: (opening) => openStore(location, opening),
      bytesAtRest: async () => filesIn(dir),
      stop: async () => rmSync(dir, { recursive: true }),
    }
  },
}

export const onTwo = [overSqlite, overPostgres]
