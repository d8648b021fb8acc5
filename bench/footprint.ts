import session from 'express-session'
import type { SealName } from 'strongroom'
import { memory } from 'strongroom/memory'
import { sessionOf } from './data.ts'
import { begin, sessionsWith } from './micro/sessions.ts'

// `node --expose-gc bench/footprint.ts KIND COUNT`: prints how much memory one of COUNT sessions of this kind takes, in bytes.
const [kind = '', count = '0'] = process.argv.slice(2)
const wanted = Number(count)

/** Keeps everything alive that the sessions need; `alive` tells whether it did. */
async function fill(count: number): Promise<{ alive(): Promise<boolean> }> {
  if (kind === 'express-session') return fillMemoryStore(count)
  // With room for what is stored beside the sessions.
  const sessions = sessionsWith({ store: memory({ max: count + 1, maxBytes: 2 ** 34 }), seal: kind as SealName })
  for (let index = 0; index < count; index++) await begin(sessions, index)
  return { alive: async () => (await sessions.stats()).live === count }
}

async function fillMemoryStore(count: number) {
  const store = new session.MemoryStore()
  for (let index = 0; index < count; index++) {
    const cookie = new session.Cookie()
    cookie.maxAge = 1_800_000
    // As long as those of express-session.
    const sid = `${index}`.padStart(32, 'x')
    await new Promise((done) => store.set(sid, { cookie, ...sessionOf(index) }, done))
  }
  return { alive: () => new Promise<boolean>((done) => store.length((_error, n) => done(n === count))) }
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

// What is loaded and compiled for the first sessions is no part of any. They stay, so that they are in both figures.
const first = await fill(1000)
const before = await inUse()
const filled = await fill(wanted)
const after = await inUse()
if (!(await first.alive()) || !(await filled.alive())) throw new Error('Some sessions are missing.')
console.log((after - before) / wanted)
