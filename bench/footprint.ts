import session from 'express-session'
import { memory } from '../packages/strongroom/src/engines/memory/memory.ts'
import type { SealName } from '../packages/strongroom/src/index.ts'
import { sessionOf } from './data.ts'
import { begin, sessionsWith } from './micro/sessions.ts'

// `node --expose-gc bench/footprint.ts KIND COUNT`: prints what one of COUNT sessions of this kind keeps of memory, in bytes.
const [kind = '', count = '0'] = process.argv.slice(2)
const wanted = Number(count)

/** Keeps everything alive that the sessions need, and says so at the end. */
async function fill(): Promise<{ alive(): Promise<boolean> }> {
  if (kind === 'express-session') return fillMemoryStore()
  const sessions = sessionsWith({ store: memory({ max: wanted, maxBytes: 2 ** 34 }), seal: kind as SealName })
  for (let index = 0; index < wanted; index++) await begin(sessions, index)
  return { alive: async () => (await sessions.stats()).live === wanted }
}

async function fillMemoryStore() {
  const store = new session.MemoryStore()
  for (let index = 0; index < wanted; index++) {
    const cookie = new session.Cookie()
    cookie.maxAge = 1_800_000
    // As long as express-session makes them.
    const sid = `${index}`.padStart(32, 'x')
    await new Promise((done) => store.set(sid, { cookie, ...sessionOf(index) }, done))
  }
  return { alive: () => new Promise<boolean>((done) => store.length((_error, n) => done(n === wanted))) }
}

async function inUse(): Promise<number> {
  // What was freed is gone only after its finalizers have run, and those wait for a turn.
  for (let i = 0; i < 3; i++) {
    gc?.()
    await new Promise((done) => setTimeout(done, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const before = await inUse()
const kept = await fill()
const after = await inUse()
if (!(await kept.alive())) throw new Error('Not every session is there.')
console.log((after - before) / wanted)
