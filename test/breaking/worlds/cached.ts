import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresNeed, startPostgres } from '../../servers/postgres.ts'
import { redisNeed, startRedis } from '../../servers/redis.ts'
import { filesIn } from '../kit/disk.ts'
import { dies, type Failure, hangs, of } from '../kit/failures.ts'
import { openAt, type Where } from '../kit/where.ts'
import type { Place, World } from '../kit/world.ts'
import { filesOf, settings } from './postgres.ts'
import { vandalOfRedis } from './redis.ts'

/** With the ms that `cached` waits for its cache when nothing else is said. */
const impatient = (failure: Failure): Failure => ({
  ...failure,
  prepare: (place) => failure.prepare({ ...place, where: { ...place.where, cacheTimeout: 50 } as Where }),
})

const overPostgres: World = {
  name: 'postgres with redis as its cache',
  skip: postgresNeed.skip || redisNeed.skip,
  shared: 'network',
  tamperable: true,
  keeps: 'all',
  failures: [
    of('the durable store', 0, dies()),
    of('the durable store', 0, hangs),
    impatient(of('the cache', 1, { ...dies(), refuses: 'nothing' })),
    impatient(of('the cache', 1, { ...hangs, refuses: 'nothing' })),
  ],
  async start(synced): Promise<Place> {
    const servers = await Promise.all([startPostgres(settings(synced)), startRedis({ appendonly: 'no' })])
    const [below, { url: cache, dir: cacheDir }] = servers
    const where = {
      engine: 'cached',
      durable: { engine: 'postgres', url: below.url },
      cache: { engine: 'redis', url: cache },
      maxAge: 60_000,
      // A cache that is late leaves old copies behind: on a busy machine that is to be the outage's subject alone.
      cacheTimeout: 5000,
    } as const
    return {
      where,
      servers,
      open: (opening) => openAt(where, opening),
      loot: async () => new Map([...(await filesOf(below)), ...filesIn(cacheDir)]),
      // Of the copies: the rows below are those of another world.
      vandal: { ...vandalOfRedis(cache), reach: 'copy' },
      stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
    }
  },
}

/** Nobody tells one process's memory what another has changed. */
const STALE = 100

const overSqlite: World = {
  name: 'sqlite with memory as its cache',
  staleFor: STALE,
  skip: false,
  shared: 'machine',
  tamperable: false,
  keeps: 'all',
  failures: [],
  async start(synced): Promise<Place> {
    const dir = mkdtempSync(join(tmpdir(), 'strongroom-breaking-cached-'))
    const where = {
      engine: 'cached',
      durable: { engine: 'sqlite', path: join(dir, 'sessions.db'), synced },
      cache: { engine: 'memory' },
      maxAge: STALE,
    } as const
    return {
      where,
      servers: [],
      open: (opening) => openAt(where, opening),
      loot: async () => filesIn(dir),
      stop: async () => rmSync(dir, { recursive: true }),
    }
  },
}

export const onTwo = [overSqlite, overPostgres]
