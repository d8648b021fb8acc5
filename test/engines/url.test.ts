import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { describe, it } from 'node:test'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { engineFromUrl, localStoresIn, storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'

const id = '5'.repeat(64) as Id
const entry = { bytes: Buffer.from('bytes'), expiresAt: Date.now() + 3_600_000, owner: null, label: null, createdAt: 0 }

const pathIn = (url: string) => localStoresIn(url)[0]?.path ?? null

describe('a store URL', () => {
  it('may have its scheme in capitals, as parsers of URLs allow', () => {
    for (const url of ['POSTGRES://h/x', 'PostgreSQL://h/x', 'MySQL://h/x', 'MARIADB://h/x', 'Redis://h/0', 'MEMORY:'])
      assert.equal(storeFromUrl(url).traits.engine, storeFromUrl(url.toLowerCase()).traits.engine, url)
    for (const url of ['REDIS+SENTINEL://h/boss', 'Memcached://h', 'File:./X', 'SQLITE:./X.db', 'COOKIE:', ' Memory:'])
      assert.ok(engineFromUrl(url).traits, url)
    assert.equal(pathIn('SQLite:./X.db'), './X.db')
  })

  it('names each engine and passes its options to it', () => {
    const facts = (url: string) => {
      const { engine, durable, sizeLimit } = storeFromUrl(url).traits
      return [engine, durable, engine === 'memory' ? sizeLimit : null]
    }
    assert.deepEqual(facts('memory:'), ['memory', 'no', 2 ** 28 - 1024])
    assert.deepEqual(facts('memory:?max=10&maxBytes=5120'), ['memory', 'no', 4096])
    assert.deepEqual(facts('file:./sessions'), ['file', 'machine', null])
    assert.deepEqual(facts('file:./sessions?durable=false&timeout=50'), ['file', 'process', null])
    assert.deepEqual(facts('sqlite:./x.db'), ['sqlite', 'machine', null])
    assert.deepEqual(facts('sqlite:./x.db?synchronous=normal&table=people'), ['sqlite', 'process', null])
    assert.deepEqual(facts('sqlite::memory:'), ['sqlite', 'no', null])
    for (const scheme of ['mysql', 'mariadb'])
      assert.deepEqual(facts(`${scheme}://me@host/x?table=people&timeout=50`), ['mysql', 'machine', null])
    assert.deepEqual(facts('memcached://a,b:9,[::1]:9?itemSize=4096'), ['memcached', 'no', null])
    const cached = `cached:?durable=${encodeURIComponent('sqlite:./x.db?timeout=50')}&cache=memory%3A%3Fevicts%3Dtrue&maxAge=500`
    assert.deepEqual(facts(cached), ['cached sqlite with memory', 'machine', null])
  })

  it('has a path that is relative, absolute or percent-encoded', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-url-'))
    const at = (name: string) => join(dir, name)
    for (const [url, path] of [
      [`sqlite:${relative('.', at('a.db'))}`, at('a.db')],
      [`sqlite:./${relative('.', at('b.db'))}`, at('b.db')],
      [`sqlite:${at('c.db')}`, at('c.db')],
      [`sqlite://${at('d.db')}?timeout=9000`, at('d.db')],
      [`sqlite:${at('e%20%3F.db')}`, at('e ?.db')],
      [`file:${at('f')}`, at('f/sessions')],
      [`file://${at('g')}`, at('g/sessions')],
    ] as const) {
      const store = storeFromUrl(url)
      assert.equal(await store.create(id, entry), true, url)
      await store.close()
      assert.ok(existsSync(path), url)
    }
    await rm(dir, { recursive: true })
  })

  it('tells which file or directory it names', () => {
    const inside = encodeURIComponent('sqlite:./x%20y.db?timeout=5')
    for (const [url, path] of [
      ['file:./sessions', './sessions'],
      ['sqlite:///x/y.db?timeout=5', '/x/y.db'],
      [`cached:?durable=${inside}&cache=memory%3A%3Fevicts%3Dtrue`, './x y.db'],
      ['cached:', null],
      ['sqlite::memory:', null],
      ['memory:', null],
      ['memcached://host', null],
    ] as const)
      assert.equal(pathIn(url), path, url)
  })

  it('that is unknown is refused with a list of the known ones', () => {
    const servers =
      'mysql:, mariadb:, postgres:, postgresql:, cached:, memcached:, moving:, redis:, redis+sentinel:, redis+cluster:, rediss:, rediss+sentinel:, rediss+cluster:, ' +
      'valkey:, valkey+sentinel:, valkey+cluster:, valkeys:, valkeys+sentinel:, valkeys+cluster:'
    const known = `Known: memory:, file:, sqlite:, cookie:, ${servers}.`
    assert.throws(() => storeFromUrl('oracle://localhost'), new ConfigError(`Unknown store URL. ${known}`))
    assert.throws(() => storeFromUrl('constructor:x'), new ConfigError(`Unknown store URL. ${known}`))
    assert.throws(() => storeFromUrl('./sessions.db'), new ConfigError(`A store URL begins with a scheme. ${known}`))
    assert.throws(() => storeFromUrl(''), ConfigError)
    assert.throws(() => storeFromUrl('cookie:'), /createSessions/)
  })

  it('with an option that is unknown, given twice or of the wrong type is refused', () => {
    const message =
      'The sqlite: URL has an unknown option. Did you mean "synchronous"? Known: synchronous, table, timeout.'
    assert.throws(() => storeFromUrl('sqlite:./x.db?sync=normal'), new ConfigError(message))
    for (const url of [
      'memory:?max=ten',
      'memory:?max=',
      'memory:?max=0',
      'memory:?max=1&max=2',
      'memory:elsewhere',
      'memory:?clock=now',
      'file:',
      'file:./x?durable=yes',
      'file://host/x',
      'file:%E0',
      'sqlite:',
      'sqlite:./x.db?synchronous=off',
      'sqlite:./x.db?table=a%20b',
      'sqlite:./x.db?timeout=-1',
      'mysql:',
      'mysql://host/x?table=a%20b',
      'mariadb://host/x?timeout=soon',
      'mariadb://host/x?createTable=1',
      'memcached:',
      'memcached://',
      'memcached://a,a:11211',
      'memcached://a:0',
      'memcached://a/path',
      'memcached://a?clock=now',
      'memcached://a?itemSize=2000',
      'cached:',
      'cached:elsewhere?durable=memory%3A&cache=memory%3A%3Fevicts%3Dtrue',
      'cached:?durable=memory%3A',
      'cached:?durable=memory%3A&cache=cookie%3A',
      'cached:?durable=memory%3A&cache=memory%3A%3Fevicts%3Dtrue&maxAge=0',
      'cached:?durable=memory%3A&cache=memory%3A%3Fevicts%3Dtrue&max=5',
    ]) {
      assert.throws(() => storeFromUrl(url), ConfigError, url)
    }
  })

  it('names the cookie engine, where a store is not needed', () => {
    const engine = engineFromUrl('cookie:?protection=signed&revocations=sqlite:./x.db')
    assert.equal(engine.traits.engine, 'cookie (signed)')
    assert.equal('kind' in engine && engine.revocations?.traits.engine, 'sqlite')
    assert.equal('kind' in engineFromUrl('memory:'), false)
    for (const url of [
      'cookie:?protection=signed&protection=sealed',
      'cookie:?seal=none',
      'cookie://',
      'cookie:?revocations=',
    ])
      assert.throws(() => engineFromUrl(url), ConfigError, url)
  })

  it('never appears in an error message, because it may contain a password', () => {
    for (const url of [
      'mysql://me:hunter2@host:port/x',
      'sqlite://me:hunter2@host/x',
      'hunter2',
      'file:./%hunter2',
      'memcached://me:hunter2@host',
      'memcached://hunter2:x',
      'cached:?durable=x%3Ahunter2&cache=hunter2',
    ]) {
      assert.throws(
        () => storeFromUrl(url),
        (error: Error) => !error.message.includes('hunter2'),
      )
    }
  })
})
