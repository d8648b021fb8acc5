import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type BaseSessions, createSessions, type IndexedStore, type SessionsOptions } from 'strongroom'
import { file } from 'strongroom/file'
import { memory } from 'strongroom/memory'
import { sqlite } from 'strongroom/sqlite'
import { median } from './figures.ts'
import { begin, readOnce, type Values, writeOnce } from './micro/sessions.ts'

// `node bench/population.ts ENGINE COUNT DIRECTORY`: fills a store and prints, as JSON, how long a read and a write of one
// session among COUNT take, in µs: the median over visitors spread evenly over all of them, each of whom comes once.
const [engine = '', count = '0', directory = '.'] = process.argv.slice(2)
const wanted = Number(count)
const VISITORS = 2000

/** Filled without waiting for the disk, and measured with the defaults. */
const kinds: Record<string, (filling: boolean) => IndexedStore> = {
  memory: () => memory({ max: wanted, maxBytes: 2 ** 34 }),
  file: (filling) => file({ dir: directory, durable: !filling }),
  sqlite: (filling) => sqlite({ path: join(directory, 'sessions.db'), synchronous: filling ? 'normal' : 'full' }),
}

const make = kinds[engine]
if (!make) throw new Error(`There is no engine "${engine}".`)
const secrets = randomBytes(32)
// Without a memo: among so many visitors, the next one was not here recently.
const over = (store: IndexedStore) =>
  createSessions<Values>({ secrets, store, seal: 'two-key', memo: false } as SessionsOptions)

const cookies: string[] = []
const filling = make(true)
const filler = over(filling)
for (let from = 0; from < wanted; from += 500) {
  const some = Array.from({ length: Math.min(500, wanted - from) }, (_, i) => begin(filler, from + i))
  for (const [i, cookie] of (await Promise.all(some)).entries())
    if ((from + i) % Math.ceil(wanted / VISITORS) === 0) cookies.push(cookie)
}
const measured = engine === 'memory' ? filler : over(make(false))
if (engine !== 'memory') await filling.close()

// The first half warms up the compiler.
const [early, late] = [cookies.slice(0, cookies.length / 2), cookies.slice(cookies.length / 2)]
const visit = { read: readOnce, write: writeOnce }
const each = async (verb: keyof typeof visit, visitors: readonly string[]) => {
  const times: number[] = []
  for (const cookie of visitors) {
    const began = performance.now()
    await visit[verb](measured as BaseSessions<Values>, cookie)
    times.push((performance.now() - began) * 1000)
  }
  return median(times)
}
for (const verb of ['read', 'write'] as const) await each(verb, early)
console.log(JSON.stringify({ read: await each('read', late), write: await each('write', late) }))
process.exit()
