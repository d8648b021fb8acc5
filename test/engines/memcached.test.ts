import { after, before, suite } from 'node:test'
import { memcached } from '../../src/engines/memcached.ts'
import { manualClock } from '../../src/testing/clock.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { type MemcachedServer, memcachedNeed, startMemcached } from '../servers/memcached.ts'

suite('memcached', { skip: memcachedNeed.skip }, () => {
  let server: MemcachedServer
  before(async () => {
    server = await startMemcached()
  })
  after(() => server.stop())

  let count = 0
  storeSuite('memcached', async () => {
    const clock = manualClock()
    const prefix = `suite-${count++}:`
    const options = { servers: [`127.0.0.1:${server.port}`], timeout: 500, clock }
    const made = [memcached({ ...options, prefix })]
    const another = (more: object = {}) => {
      made.push(memcached({ ...options, prefix, ...more }))
      return made.at(-1) as (typeof made)[0]
    }
    let paused = false
    return {
      store: made[0] as (typeof made)[0],
      clock,
      peer: async () => another(),
      apart: async () => another({ prefix: `suite-${count++}:` }),
      breakIt: async () => {
        paused = true
        server.pause()
      },
      close: async () => {
        if (paused) server.resume()
        await Promise.all(made.map((store) => store.close()))
      },
    }
  })
})
