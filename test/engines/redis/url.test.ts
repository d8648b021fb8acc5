import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { parseRedisUrl } from '../../../packages/strongroom/src/engines/redis/url.ts'
import { ConfigError } from '../../../packages/strongroom/src/errors.ts'

describe('a Redis URL', () => {
  const parsed = (url: string) => {
    const { kind, tls, hosts, username, password, database, master } = parseRedisUrl(url).address
    const where = hosts.map(({ host, port }) => `${host} ${port}`).join(', ')
    return [kind, tls, where, username, password, database, master]
  }

  it('names one server, or sentinels and their master, or nodes of a cluster', () => {
    const none = undefined
    assert.deepEqual(parsed('redis://'), ['standalone', false, 'localhost 6379', none, none, 0, ''])
    assert.deepEqual(parsed('rediss://a:b%40@host/2'), ['standalone', true, 'host 6379', 'a', 'b@', 2, ''])
    assert.deepEqual(parsed('redis://:p@[::1]:7000'), ['standalone', false, '::1 7000', none, 'p', 0, ''])
    assert.deepEqual(parsed('redis+sentinel://h1,h2:7/boss/3'), [
      'sentinel',
      false,
      'h1 26379, h2 7',
      none,
      none,
      3,
      'boss',
    ])
    assert.deepEqual(parsed('rediss+cluster://u:p@h1,h2:7'), ['cluster', true, 'h1 6379, h2 7', 'u', 'p', 0, ''])
    assert.deepEqual(parsed('valkey+cluster://h1'), ['cluster', false, 'h1 6379', none, none, 0, ''])
    assert.deepEqual(parsed('valkeys://h'), ['standalone', true, 'h 6379', none, none, 0, ''])
    const { address: found } = parseRedisUrl('redis+sentinel://h/boss?sentinelUsername=s&sentinelPassword=t&prefix=x')
    assert.deepEqual([found.sentinelUsername, found.sentinelPassword], ['s', 't'])
  })

  it('may contain options of the store', () => {
    const { traits, changes } = redis('redis://localhost?durable=machine&notify=true&timeout=5&prefix=x')
    assert.deepEqual([traits.durable, typeof changes], ['machine', 'object'])
    assert.equal(redis('redis://localhost').changes, undefined)
  })

  it('is rejected when it is malformed, and the error does not repeat it', () => {
    for (const url of [
      'redis:localhost',
      'redis://a,b',
      'redis://h:port',
      'redis://h/x',
      'redis://h?ttl=5',
      'redis://h?timeout=soon',
      'redis://h?timeout=0',
      'redis://h?durable=yes',
      'redis://h?sentinelPassword=x',
      'redis://:sesame%zz@h',
      'redis+sentinel://h',
      'redis+sentinel:///boss',
      'redis+cluster://h/1',
      'redis+cluster://',
      'redis+other://h',
    ]) {
      const isConfigError = (error: unknown) => error instanceof ConfigError && !error.message.includes('sesame')
      assert.throws(() => redis(url), isConfigError, url)
    }
  })
})
