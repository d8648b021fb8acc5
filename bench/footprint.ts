import session from 'express-session'
import type { SealName } from 'strongroom'
import { memory } from 'strongroom/memory'
import { sessionOf } from './data.ts'
import { begin, sessionsWith } from './micro/sessions.ts'

// `node --expose-gc bench/footprint.ts KIND COUNT`: prints how much memory one of COUNT sessions of this kind takes, in bytes.
const [kind = '', count = '0'] = process.argv.slice(2)
const wanted = Number(count)

/** Keeps everything alive that the sessions need; `alive` tells whether it did. */
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
    // As long as those of express-session.
    const sid = `${index}`.padStart(32, 'x')
    await new Promise((done) => store.set(sid, { cookie, ...sessionOf(index) }, done))
  }
  return { alive: () => new Promise<boolean>((done) => store.length((_error, n) => done(n === wanted))) }
}

async function inUse(): Promise<number> {
  // Freed memory is released only when its finalizers have run, and those need a turn of the event loop.
  for (let i = 0; i < 3; i++) {
    gc?.()
    await new Promise((done) => setTimeout(done, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const before = await inUse()
const filled = await fill()
const after = await inUse()
if (!(await filled.alive())) throw new Error('Some sessions are missing.')
console.log((after - before) / wanted)
