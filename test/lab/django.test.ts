import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NotRun } from '../../packages/cli/src/lab/attack.ts'
import { findDjango, needModules } from '../../packages/cli/src/lab/peers/django/python.ts'
import { djangoRows } from '../../packages/cli/src/lab/peers/django/rows.ts'
import { djangoNeed } from '../django/peer.ts'
import { postgresNeed } from '../servers/postgres.ts'
import { redisNeed } from '../servers/redis.ts'
import { need } from '../support/need.ts'
import { endsWithTheLab } from './peer-process.ts'
import { type Peer, peerSuites } from './peer-suite.ts'

suite('a row of Django that cannot run', () => {
  test('says which modules of Python to install', { skip: djangoNeed.skip }, () => {
    const missing = () => needModules(findDjango(), ['json', 'no_such_module'])
    assert.throws(
      missing,
      (error) => error instanceof NotRun && /^pip install no_such_module \(or: /.test(error.message),
    )
  })

  test('says how to install Django', () => {
    const none = () => findDjango(['/bin/false', '/no/such/python'])
    assert.throws(
      none,
      (error) => error instanceof NotRun && /pip install django .*apt-get install python3-django/.test(error.message),
    )
  })
})

test('Django ends when the lab is killed', { skip: djangoNeed.skip }, () => endsWithTheLab('django db on SQLite'))

const django = { version: /^Django \d+\.\d+/, savesFailures: false, renews: true, revokesAll: true } as const
const [djangoRedis, psycopg2] = [need('django_redis'), need('psycopg2')]

const PEERS: readonly Peer[] = [
  {
    ...django,
    row: 'django db on SQLite',
    needs: [djangoNeed],
    keeps: 'in a store',
    expires: true,
    sweeps: true,
    keyIsCookie: true,
  },
  {
    ...django,
    row: 'django db on PostgreSQL',
    needs: [djangoNeed, postgresNeed, psycopg2],
    keeps: 'in a store',
    version: /^Django [\d.]+ on PostgreSQL \d/,
    expires: true,
    sweeps: true,
    keyIsCookie: true,
  },
  {
    ...django,
    row: 'django file',
    needs: [djangoNeed],
    keeps: 'in a store',
    expires: true,
    sweeps: true,
    keyIsCookie: true,
  },
  {
    ...django,
    row: 'django cache on Redis',
    needs: [djangoNeed, redisNeed, djangoRedis],
    keeps: 'in a store',
    version: /^Django [\d.]+ on Redis \d/,
    expires: true,
    sweeps: false,
    keyIsCookie: true,
  },
  {
    ...django,
    row: 'django cached_db, Redis over PostgreSQL',
    needs: [djangoNeed, redisNeed, djangoRedis, postgresNeed, psycopg2],
    keeps: 'in a store',
    version: /^Django [\d.]+ on Redis [\d.]+ over PostgreSQL \d/,
    expires: true,
    sweeps: true,
    keyIsCookie: true,
  },
  {
    ...django,
    row: 'django signed_cookies',
    needs: [djangoNeed],
    keeps: 'in the cookie',
    expires: true,
    sweeps: false,
  },
]

peerSuites(PEERS, djangoRows())
