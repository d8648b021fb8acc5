import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { NotRun } from '../../packages/cli/src/lab/attack.ts'
import { findDjango, needModules } from '../../packages/cli/src/lab/peers/django/python.ts'
import { djangoRows } from '../../packages/cli/src/lab/peers/django/rows.ts'
import { needPackages, versionOf } from '../../packages/cli/src/lab/peers/packages.ts'
import { peerRows } from '../../packages/cli/src/lab/peers/rows.ts'
import { search } from '../../packages/cli/src/lab/search.ts'
import { NotShared, type Site, type StoredFile } from '../../packages/cli/src/lab/site.ts'
import { route, send, Visitor } from '../../packages/cli/src/lab/visitor.ts'
import { djangoNeed } from '../django/peer.ts'
import { mariadbNeed } from '../servers/mariadb.ts'
import { postgresNeed } from '../servers/postgres.ts'
import { redisNeed } from '../servers/redis.ts'
import { need } from '../support/need.ts'

interface Peer {
  readonly row: string
  readonly needs: readonly { readonly skip: string | false }[]
  /** Where its sessions are. */
  readonly keeps: 'in the process' | 'in a store' | 'in the cookie'
  readonly version: RegExp
  /** Is a session over when its time is, whatever the browser still sends? */
  readonly expires: boolean
  /** Is an expired session removed by what the library offers? Null where it offers nothing. */
  readonly sweeps: boolean | null
  /** Does what lies in the store sign in without the secret? */
  readonly keyIsCookie?: boolean
  readonly renews?: true
  readonly revokesAll?: true
  /** Is a change saved although its handler failed? */
  readonly savesFailures: boolean
}

const express = { version: /^express-session \d+\.\d+\.\d+/, savesFailures: true }
const django = { version: /^Django \d+\.\d+/, savesFailures: false, renews: true, revokesAll: true } as const
const [djangoRedis, psycopg2] = [need('django_redis'), need('psycopg2')]

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

const ROWS = [...peerRows(), ...djangoRows()]
const HOUR = 3_600_000

test('every other library has its row, and each has a test', () => {
  assert.deepEqual(
    ROWS.map(({ name }) => name),
    PEERS.map(({ row }) => row),
  )
})

for (const peer of PEERS) suite(peer.row, { skip: skipOf(peer) }, () => rowTests(peer))

function skipOf({ needs }: Peer): string | false {
  return needs.map(({ skip }) => skip).find((skip) => skip !== false) ?? false
}

function rowTests(peer: Peer): void {
  let site: Site
  before(async () => {
    const row = ROWS.find(({ name }) => name === peer.row)
    assert.ok(row)
    site = await row.start()
  })
  after(() => site?.stop())

  async function signedIn(note = 'a secret note of Ada'): Promise<Visitor> {
    const visitor = new Visitor(site)
    assert.equal((await visitor.send(route('/login', { user: 'ada' }))).user, 'ada')
    assert.equal((await visitor.send(route('/set', { key: 'note', value: note }))).status, 200)
    return visitor
  }

  test('says which versions it has run', () => {
    assert.match(site.row.version ?? '', peer.version)
  })

  test('signs in, keeps data, adds, and logs out', async () => {
    const visitor = await signedIn()
    await visitor.send(route('/add', { key: 'count' }))
    await visitor.send(route('/add', { key: 'count' }))
    const { user, data } = await visitor.send('/read')
    assert.deepEqual({ user, data }, { user: 'ada', data: { note: 'a secret note of Ada', count: 2 } })
    await visitor.send('/logout')
    const after = await visitor.send('/read')
    assert.deepEqual({ user: after.user, data: after.data }, { user: null, data: {} })
    assert.equal((await send(site, '/read', null)).user, null)
  })

  test('says that it has no such operation, or does it', async () => {
    const visitor = await signedIn()
    const renewed = await visitor.send('/renew')
    assert.equal(renewed.status, peer.renews ? 200 : 501)
    assert.equal((await visitor.send('/read')).data.note, 'a secret note of Ada')
    const ended = await send(site, route('/revoke-all', { user: 'ada' }), null)
    assert.equal(ended.status, peer.revokesAll ? 200 : 501)
    assert.equal((await visitor.send('/read')).user, peer.revokesAll ? null : 'ada')
  })

  test('fails with a 500 where the handler fails', async () => {
    const visitor = await signedIn()
    const { status, body } = await visitor.send(route('/fail', { key: 'paid', value: 'yes' }))
    assert.equal(status, 500)
    assert.doesNotMatch(body, /a secret note of Ada/)
    assert.equal((await visitor.send('/read')).data.paid, peer.savesFailures ? 'yes' : undefined)
  })

  test('sets its cookie as behind TLS, and leaves the headers for caches to the application', async () => {
    const { setCookies, headers } = await new Visitor(site).send(route('/login', { user: 'ada', public: 1 }))
    const cookie = setCookies.find(({ name }) => name === site.cookieName)
    assert.equal(cookie?.secure, true)
    assert.equal(cookie?.httpOnly, true)
    assert.match(headers['cache-control'] ?? '', /public/)
  })

  test('waits at a gate with a session that it has loaded', async () => {
    const visitor = await signedIn()
    const slow = visitor.send(route('/set', { key: 'slow', value: 'yes', gate: 'gate' }))
    await site.waiting('gate')
    await site.open('gate')
    assert.equal((await slow).data.slow, 'yes')
    assert.equal((await visitor.send('/read')).data.slow, 'yes')
  })

  test('counts what reaches its store', async () => {
    if (peer.keeps === 'in the cookie') return assert.equal(site.storeCalls, null)
    const before = await site.storeCalls?.()
    await signedIn()
    assert.ok(Number(await site.storeCalls?.()) > Number(before))
  })

  test('is one of several servers where its sessions are outside of the process', async () => {
    const visitor = await signedIn()
    if (peer.keeps === 'in the process') return assert.rejects(site.another(), NotShared)
    const other = await site.another()
    try {
      assert.equal((await send(other, '/read', visitor.cookies)).user, 'ada')
    } finally {
      await other.stop()
    }
  })

  test('comes back after it was killed, with the sessions that its store has', async () => {
    const visitor = await signedIn()
    await site.kill()
    await assert.rejects(send(site, '/read', visitor.cookies))
    await site.restart()
    assert.equal((await visitor.send('/read')).user, peer.keeps === 'in the process' ? null : 'ada')
  })

  test('has rows that can be put back, where there are rows', async () => {
    const { rows, cache } = site.storage
    assert.equal(rows !== null, peer.keeps === 'in a store')
    if (!rows) return
    const known = new Set((await rows.list()).map(({ key }) => key))
    const visitor = await signedIn()
    const [row] = (await rows.list()).filter(({ key }) => !known.has(key))
    assert.ok(row)
    await visitor.send(route('/set', { key: 'note', value: 'a newer note' }))
    // What is in front of them would hide it.
    for (const copy of (await cache?.list()) ?? []) await cache?.delete(copy.key)
    await rows.put(row)
    assert.equal((await visitor.send('/read')).data.note, 'a secret note of Ada')
    for (const copy of (await cache?.list()) ?? []) await cache?.delete(copy.key)
    await rows.delete(row.key)
    // A response to a dead cookie may take it away, so it is sent apart.
    assert.equal((await send(site, '/read', visitor.cookies)).user, null)
  })

  test('is read by a thief as far as its formats allow', async () => {
    const note = `note ${peer.row.length} of a thief`
    const visitor = await signedIn(note)
    for (const files of [await site.storage.files(), await site.storage.backup()]) {
      assert.equal(files !== null, peer.keeps === 'in a store')
      if (files === null) continue
      const [without, known] = [await stolen(site, files, []), await stolen(site, files, site.secrets)]
      assert.ok(search([...files, ...without.texts], note).length > 0, 'the note is found')
      assert.equal(without.users.includes('ada'), peer.keyIsCookie === true, 'without the secret')
      assert.ok(known.users.includes('ada'), 'with the secret')
    }
    assert.equal((await visitor.send('/read')).user, 'ada')
  })

  test('signs nobody in by what a thief makes of nothing', async () => {
    assert.deepEqual((await stolen(site, [], [])).users, [])
  })

  test('ends a session in time, and removes it where the library offers that', async () => {
    assert.equal(site.sweep === null, peer.sweeps === null)
    const visitor = await signedIn()
    const { rows, cache } = site.storage
    await site.clock?.(HOUR + 61_000)
    if (peer.sweeps !== null) await site.sweep?.()
    // Redis removes what is in it by its own clock.
    const removed = peer.sweeps || /Redis|redis/.test(peer.row)
    for (const each of removed ? [rows, cache] : []) assert.deepEqual((await each?.list()) ?? [], [])
    assert.equal((await visitor.send('/read')).user, peer.expires ? null : 'ada')
    await site.clock?.(0)
    assert.equal((await signedIn()).cookies.has(site.cookieName), true)
  })
}

/** What a thief of these files reads, and whom every cookie that is made of them signs in. */
async function stolen(site: Site, files: readonly StoredFile[], secrets: readonly string[]) {
  assert.ok(site.thief)
  const { texts, cookies } = await site.thief({ files, rows: [], secrets })
  const answers = []
  for (let at = 0; at < Math.min(cookies.length, 800); at += 16)
    answers.push(...(await Promise.all(cookies.slice(at, at + 16).map((cookie) => send(site, '/read', cookie)))))
  return { texts, users: answers.flatMap(({ user }) => (user === null ? [] : [user])) }
}

suite('a row of another library that cannot run', () => {
  test('says which packages to install', () => {
    const missing = () => needPackages(['express', '@no-such/library', 'no-such-store'])
    assert.throws(
      missing,
      (error) => error instanceof NotRun && error.message === 'npm install @no-such/library no-such-store',
    )
  })

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

  test('reads versions of packages that hide their package.json', () => {
    assert.match(versionOf('iron-session'), /^iron-session \d+\.\d+\.\d+$/)
  })
})

suite('the applications of other libraries', () => {
  for (const [name, skip] of [
    ['iron-session', false],
    ['django db on SQLite', djangoNeed.skip],
  ] as const)
    test(`${name} ends when the lab is killed`, { skip }, async () => {
      const lab = await startLab(name)
      const children = childrenOf(lab.pid as number)
      assert.ok(children.length > 0)
      const ended = once(lab, 'exit')
      lab.kill('SIGKILL')
      await ended
      for (let turn = 0; turn < 200 && children.some(isAlive); turn++) await wait(10)
      assert.deepEqual(children.filter(isAlive), [])
    })
})

/** A lab in a process of its own, with one site. */
async function startLab(name: string): Promise<ChildProcess> {
  const lab = spawn(process.execPath, [join(import.meta.dirname, 'peer-site.ts'), name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = await once(lab.stdout, 'data')
  assert.match(String(line), /ready/)
  return lab
}

const statOf = (pid: string | number): string[] => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  } catch {
    return []
  }
}
const isAlive = (pid: number) => !['Z', 'X', ''].includes(statOf(pid)[0] ?? '')
const childrenOf = (parent: number) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(statOf(name)[1]) === parent)
    .map(Number)
