import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { IndexedStore } from 'strongroom'
import { file } from 'strongroom/file'
import { memory } from 'strongroom/memory'
import { sqlite } from 'strongroom/sqlite'
import { begin } from './micro/sessions.ts'
import { type Cost, costsOf, VERBS, type Verb } from './scale/cost.ts'
import { sessionsIn, VISITORS } from './scale/seed.ts'

// `node bench/population.ts ENGINE COUNT DIRECTORY`: fills a store and prints, as JSON, what requests cost whose sessions are
// spread evenly over COUNT.
const [engine = '', count = '0', directory = '.'] = process.argv.slice(2)
const wanted = Number(count)

/** Filled without waiting for the disk, and measured with the defaults. */
const kinds: Record<string, (filling: boolean) => IndexedStore> = {
  // The logins that are measured need room, too.
  memory: () => memory({ max: wanted + VISITORS + 1000, maxBytes: 2 ** 34 }),
  file: (filling) => file({ dir: directory, durable: !filling }),
  sqlite: (filling) => sqlite({ path: join(directory, 'sessions.db'), synchronous: filling ? 'normal' : 'full' }),
}

const make = kinds[engine]
if (!make) throw new Error(`There is no engine "${engine}".`)
const secrets = randomBytes(32)
const filling = make(true)
const filler = sessionsIn(filling, secrets)

const cookies: string[] = []
for (let from = 0; from < wanted; from += 500) {
  const some = Array.from({ length: Math.min(500, wanted - from) }, (_, i) => begin(filler, from + i))
  for (const [i, cookie] of (await Promise.all(some)).entries())
    if ((from + i) % Math.ceil(wanted / VISITORS) === 0) cookies.push(cookie)
}
const store = engine === 'memory' ? filling : make(false)
if (store !== filling) await filling.close()
const sessions = store === filling ? filler : sessionsIn(store, secrets)
const costs: Partial<Record<Verb, Cost | undefined>> = {}
for (const verb of VERBS) [costs[verb]] = await costsOf([{ sessions, cookies }], verb)
console.log(JSON.stringify(costs))
process.exit()
