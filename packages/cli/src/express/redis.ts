import { createHash } from 'node:crypto'
import { ownRedisClient, parseRedisUrl, RedisConnection } from 'strongroom/internal'
import { type ExpressStorage, recordOf, TIMEOUT } from './storage.ts'

const script = (lua: string) => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

// A key of another type is not a session.
const READ = script(`
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return { false, -2 } end
return { redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]) }`)
const DELETE = script(`return redis.call('DEL', KEYS[1])`)

/** connect-redis: JSON under a prefix and the id. Redis removes what has expired. */
export function redisStorage(url: string, prefix = 'sess:'): ExpressStorage {
  // Ours have been taken out of the URL, and are named in the message about one that is unknown.
  const options = ['prefix', 'lifetime', 'rolling']
  const { address } = parseRedisUrl(url, { caller: 'an express+redis: store', options })
  const connection = new RedisConnection(ownRedisClient(address, TIMEOUT), TIMEOUT, { durable: 'no', evicts: true })
  return {
    engine: 'express-session (connect-redis)',
    nothingThere: `No key there begins with the prefix: compare the number of the database and ?prefix= with the options of RedisStore.`,
    async *ids({ page, signal }) {
      const before = (await connection.use(async ({ keyPrefix }) => keyPrefix)) + prefix
      const pattern = `${before.replace(/[\\*?[\]]/g, '\\$&')}*`
      for (const node of await connection.use((driver) => driver.masters())) {
        let cursor = '0'
        do {
          const [next, names] = await connection.use(() => node.scan(cursor, pattern, page))
          cursor = next
          // SCAN may return a key twice; the second time it is there already.
          yield names.map((name) => name.slice(before.length))
        } while (cursor !== '0' && signal?.aborted !== true)
      }
    },
    async read(sid) {
      const [value, left] = (await connection.run(READ, [prefix + sid], [])) as [Buffer | null, number]
      return value === null ? null : { record: recordOf(value), endsAt: left < 0 ? null : Date.now() + left }
    },
    async delete(sid) {
      await connection.run(DELETE, [prefix + sid], [])
    },
    close: () => connection.close(),
  }
}
