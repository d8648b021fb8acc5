import { type Count, SAMPLE } from '../shared/estimate.ts'
import type { RedisConnection } from './connection.ts'
import type { RedisNode } from './driver.ts'
import { codeOf } from './errors.ts'
import type { Keys } from './format.ts'

/**
 * Draws keys at random, and returns how many are sessions of this prefix. Not SCAN, which goes through a node of a cluster slot by slot:
 * what others have in some of them would be taken for what there is in all.
 */
const DRAW = `
local before, found = ARGV[1], 0
for _ = 1, tonumber(ARGV[2]) do
  local key = redis.call('RANDOMKEY')
  if key and #key == #before + 64 and string.sub(key, 1, #before) == before
    and not string.find(key, '[^0-9a-f]', #before + 1) then found = found + 1 end
end
return found`

/** How many keys a run of the script draws. Other clients never wait longer than that, which is less than a millisecond. */
const STEP = 250
/** After so many, the share is as good as unknown. */
const MOST = 8000
/** So many of ours that an error of a tenth is four times the usual one, if nearly all keys are those of others. */
const ENOUGH = 1600
/** Of the keys. With less, `MOST` of them will not have `ENOUGH` of ours. */
const LEAST_SHARE = 0.13

/**
 * DBSIZE counts all keys: those of other applications, and our own indexes. What is known is how many keys there are, and what share of
 * a sample are sessions.
 */
export async function estimateOf(connection: RedisConnection, keys: Keys): Promise<Count | null> {
  const clientPrefix = await connection.use(async ({ keyPrefix }) => keyPrefix)
  const all: Count[] = []
  for (const node of await connection.use((driver) => driver.masters())) {
    const size = await ask(connection, node, ['DBSIZE'])
    if (size === null) return null
    const count =
      size <= SAMPLE
        ? await countedOn(connection, node, keys, clientPrefix)
        : await sampledOn(connection, node, keys.beforeId(clientPrefix), size)
    if (count === null) return null
    all.push(count)
  }
  return { count: all.reduce((sum, { count }) => sum + count, 0), exact: all.every(({ exact }) => exact) }
}

async function sampledOn(
  connection: RedisConnection,
  node: RedisNode,
  before: string,
  size: number,
): Promise<Count | null> {
  let [drawn, found] = [0, 0]
  while (drawn < MOST) {
    const some = await ask(connection, node, ['EVAL', DRAW, '0', before, `${STEP}`])
    if (some === null) return null
    drawn += STEP
    found += some
    const share = found / drawn
    if (found >= ENOUGH * (1 - share)) return { count: Math.round(size * share), exact: false }
    if (drawn >= MOST / 8 && share < LEAST_SHARE) return null
  }
  return null
}

/** There are so few keys that all of them can be looked at. SCAN may return one twice while the server resizes its table. */
async function countedOn(
  connection: RedisConnection,
  node: RedisNode,
  keys: Keys,
  clientPrefix: string,
): Promise<Count> {
  const ids = new Set<string>()
  let cursor = '0'
  do {
    const [next, found] = await connection.use(() => node.scan(cursor, keys.pattern(clientPrefix), STEP))
    cursor = next
    for (const key of found) {
      const parsed = keys.parse(key, clientPrefix)
      if (parsed && 'id' in parsed) ids.add(parsed.id)
    }
  } while (cursor !== '0')
  return { count: ids.size, exact: true }
}

/** A number; null where the command is forbidden, or does not exist, as on some managed servers: then nobody can tell. */
function ask(connection: RedisConnection, node: RedisNode, words: readonly string[]): Promise<number | null> {
  return connection.use(() =>
    node.command(words).then(Number, (error: unknown) => {
      if (['NOPERM', 'ERR'].includes(codeOf(error))) return null
      throw error
    }),
  )
}
