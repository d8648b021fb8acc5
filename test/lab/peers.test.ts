import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NotRun } from '../../packages/cli/src/lab/attack.ts'
import { needPackages, versionOf } from '../../packages/cli/src/lab/peers/packages.ts'
import { peerRows } from '../../packages/cli/src/lab/peers/rows.ts'
import { mariadbNeed } from '../servers/mariadb.ts'
import { postgresNeed } from '../servers/postgres.ts'
import { redisNeed } from '../servers/redis.ts'
import { endsWithTheLab } from './peer-process.ts'
import { type Peer, peerSuites } from './peer-suite.ts'

suite('a row of another library that cannot run', () => {
  test('says which packages to install', () => {
    const missing = () => needPackages(['express', '@no-such/library', 'no-such-store'])
    assert.throws(
      missing,
      (error) => error instanceof NotRun && error.message === 'npm install @no-such/library no-such-store',
    )
  })

  test('reads versions of packages that hide their package.json', () => {
    assert.match(versionOf('iron-session'), /^iron-session \d+\.\d+\.\d+$/)
  })
})

test('the application of another library ends when the lab is killed', () => endsWithTheLab('iron-session'))

const express = { version: /^express-session \d+\.\d+\.\d+/, savesFailures: true }

const PEERS: readonly Peer[] = [
  { ...express, row: 'express-session + MemoryStore', needs: [], keeps: 'in the process', expires: true, sweeps: null },
  {
    ...express,
    row: 'express-session + session-file-store',
    needs: [],
    keeps: 'in a store',
    expires: true,
    sweeps: true,
  },
  {
    ...express,
    row: 'express-session + connect-redis',
    needs: [redisNeed],
    keeps: 'in a store',
    version: /^express-session [\d.]+, connect-redis [\d.]+ on Redis \d/,
    expires: true,
    sweeps: null,
  },
  {
    ...express,
    row: 'express-session + connect-pg-simple',
    needs: [postgresNeed],
    keeps: 'in a store',
    version: /^express-session [\d.]+, connect-pg-simple [\d.]+ on PostgreSQL \d/,
    expires: true,
    sweeps: true,
  },
  {
    ...express,
    row: 'express-session + express-mysql-session',
    needs: [mariadbNeed],
    keeps: 'in a store',
    version: /^express-session [\d.]+, express-mysql-session [\d.]+ on MariaDB \d/,
    expires: true,
    sweeps: true,
  },
  {
    row: 'cookie-session',
    needs: [],
    keeps: 'in the cookie',
    version: /^cookie-session \d/,
    // "The expiration set is that of the cookie only", says its README.
    expires: false,
    sweeps: null,
    savesFailures: true,
  },
  {
    row: 'iron-session',
    needs: [],
    keeps: 'in the cookie',
    version: /^iron-session \d/,
    expires: true,
    sweeps: null,
    savesFailures: true,
  },
  {
    row: '@fastify/session + MemoryStore',
    needs: [],
    keeps: 'in the process',
    version: /^@fastify\/session \d/,
    expires: true,
    sweeps: null,
    renews: true,
    savesFailures: true,
  },
  {
    row: '@fastify/session + connect-redis',
    needs: [redisNeed],
    keeps: 'in a store',
    version: /^@fastify\/session [\d.]+, connect-redis [\d.]+ on Redis \d/,
    expires: true,
    sweeps: null,
    renews: true,
    savesFailures: true,
  },
  {
    row: '@fastify/secure-session',
    needs: [],
    keeps: 'in the cookie',
    version: /^@fastify\/secure-session \d/,
    expires: true,
    sweeps: null,
    savesFailures: true,
  },
]

peerSuites(PEERS, peerRows())
