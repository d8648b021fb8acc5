import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parsePlace } from '../../../packages/strongroom/src/engines/redis/place.ts'
import { redis } from '../../../packages/strongroom/src/engines/redis/redis.ts'
import { ConfigError } from '../../../packages/strongroom/src/errors.ts'

describe('a Redis URL', () => {
  const place = (url: string) => {
    const { kind, tls, hosts, username, password, database, master } = parsePlace(url).place
    const where = hosts.map(({ host, port }) => `${host} ${port}`).join(', ')
    return [kind, tls, where, username, password, database, master]
  }

  it('names one server, or sentinels and their master, or nodes of a cluster', () => {
    const none = undefined
    assert.deepEqual(place('redis://'), ['standalone', false, 'localhost 6379', none, none, 0, ''])
    assert.deepEqual(place('rediss://a:b%40@host/2'), ['standalone', true, 'host 6379', 'a', 'b@', 2, ''])
    assert.deepEqual(place('redis://:p@[::1]:7000'), ['standalone', false, '::1 7000', none, 'p', 0, ''])
    assert.deepEqual(place('redis+sentinel://h1,h2:7/boss/3'), [
      'sentinel',
      false,
      'h1 26379, h2 7',
      none,
      none,
      3,
      'boss',
    ])
    assert.deepEqual(place('rediss+cluster://u:p@h1,h2:7'), ['cluster', true, 'h1 6379, h2 7', 'u', 'p', 0, ''])
    assert.deepEqual(place('valkey+cluster://h1'), ['cluster', false, 'h1 6379', none, none, 0, ''])
    assert.deepEqual(place('valkeys://h'), ['standalone', true, 'h 6379', none, none, 0, ''])
    const { place: found } = parsePlace('redis+sentinel://h/boss?sentinelUsername=s&sentinelPassword=t&prefix=x')
    assert.deepEqual([found.sentinelUsername, found.sentinelPassword], ['s', 't'])
  })

  it('holds options of the store', () => {
    const { traits, changes } = redis('redis://localhost?durable=machine&notify=true&timeout=5&prefix=x')
    assert.deepEqual([traits.durable, typeof changes], ['machine', 'object'])
    assert.equal(redis('redis://localhost').changes, undefined)
  })

  it('that is not one is refused, and never repeated', () => {
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
      const refused = (error: unknown) => error instanceof ConfigError && !error.message.includes('sesame')
      assert.throws(() => redis(url), refused, url)
    }
  })
})
