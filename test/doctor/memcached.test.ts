import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { Topic } from '../../packages/cli/src/doctor/check.ts'
import { memcachedVersion } from '../../packages/cli/src/doctor/memcached.ts'
import { memcached } from '../../packages/strongroom/src/engines/memcached/memcached.ts'
import { type MemcachedServer, memcachedNeed, startMemcached } from '../servers/memcached.ts'
import { examined, outerAddress } from './found.ts'

suite('the doctor and a memcached', { skip: memcachedNeed.skip }, () => {
  const outer = outerAddress()
  let good: MemcachedServer
  let bad: MemcachedServer
  before(async () => {
    good = await startMemcached()
    bad = await startMemcached(['-m', '2', '-I', '512k', ...(outer === null ? [] : ['-l', outer])])
  })
  after(async () => {
    await good.stop()
    await bad.stop()
  })

  test('as a cache before a durable store everything is green', async () => {
    const cache = encodeURIComponent(good.url)
    const found = await examined(`cached:?durable=${encodeURIComponent('file:./nowhere')}&cache=${cache}`)
    for (const name of [
      'store-answers',
      'clock',
      'memcached-durable',
      'memcached-evictions',
      'memcached-item-size',
      'memcached-memory',
      'memcached-reach',
      'memcached-udp',
      'memcached-version',
    ])
      found.is(name, 'green')
  })

  test('as the only store it is amber, because a restart signs everybody out', async () => {
    const found = await examined(good.url)
    found.is('memcached-durable', 'amber', /a restart signs everybody out/, /cached\(/)
    found.is('memcached-evictions', 'green')
  })

  test('items that are smaller than the store counts on are red', async () => {
    const found = await examined(bad.url)
    found.is('memcached-item-size', 'red', /a large session cannot be saved/, /-I 1048576/)
    const told = await examined(`${bad.url}?itemSize=524288`)
    told.is('memcached-item-size', 'green')
  })

  test('a server that listens to a network is amber, because it has no login', {
    skip: outer === null && 'this machine has only loopback',
  }, async () => {
    const found = await examined(bad.url)
    found.is('memcached-reach', 'amber', /has no login/, /-l 127\.0\.0\.1/)
  })

  test('a server at an address of a network is red where that is public', {
    skip: outer === null && 'this machine has only loopback',
  }, async () => {
    const found = await examined(bad.url.replace('127.0.0.1', outer ?? ''))
    const level = /^(?:10|192\.168|172|100)\./.test(outer ?? '') ? 'amber' : 'red'
    found.is('memcached-reach', level)
  })

  test('a memory that is full is amber, and evictions are red with their count', async () => {
    const store = memcached({ servers: bad.url.replace('memcached://', ''), itemSize: 524_288 })
    const entry = {
      bytes: Buffer.alloc(7_000),
      expiresAt: Date.now() + 3_600_000,
      owner: null,
      label: null,
      createdAt: 0,
    }
    for (let i = 0; i < 1000; i++) await store.create(i.toString(16).padStart(64, '0') as never, entry)
    await store.close()
    const found = await examined(bad.url)
    found.is('memcached-evictions', 'red', /has evicted [\d,]+ items/, /-m 1024/)
    found.is('memcached-memory', 'amber', /evicts sessions when it is full/, /-m 1024/)
    const cached = await examined(
      `cached:?durable=${encodeURIComponent('file:./nowhere')}&cache=${encodeURIComponent(bad.url)}`,
    )
    cached.is('memcached-evictions', 'green')
  })

  test('a server that answers over UDP is red', async () => {
    const udp = await startMemcached(['-U', `${good.port}`])
    const found = await examined(udp.url)
    found.is('memcached-udp', 'red', /over UDP/, /-U 0/)
    await udp.kill()
    const gone = await examined(udp.url)
    gone.is('store-answers', 'red', /did not answer.*ECONNREFUSED/)
    await udp.stop()
  })

  test('one that is older than 1.6 is red, by its version', () => {
    const level = (version: string) => memcachedVersion(new Topic('engine', 'memcached'), 'cache:11211', version).level
    assert.deepEqual(['1.4.25', '1.5.22', '1.6.0', '1.10.1', '2.0.0'].map(level), [
      'red',
      'red',
      'green',
      'green',
      'green',
    ])
    assert.equal(level(''), 'unknown')
  })

  test('a server that hangs is red within the time limit', async () => {
    good.pause()
    const found = await examined(good.url, { timeout: 300 })
    good.resume()
    found.is('store-answers', 'red', /longer than 0\.3 s/)
  })
})
