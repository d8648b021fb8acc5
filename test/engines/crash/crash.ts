import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Id } from '../../../src/token.ts'
import { countOf, type Engine, entryOf, OWNER, openStore } from './state.ts'

const script = (name: string) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))

function run(name: string, ...given: string[]): ChildProcess {
  const flags = ['--disable-warning=ExperimentalWarning', script(name), ...given]
  return spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Resolves when a process of ours has ended well. */
async function ended(child: ChildProcess): Promise<void> {
  const [code, signal] = await once(child, 'exit')
  assert.deepEqual({ code, signal }, { code: 0, signal: null })
}

/** Kills a writer after so many acknowledgements and answers the last one of each session. */
async function killedAfter(engine: Engine, place: string, acknowledgements: number): Promise<Map<Id, string>> {
  const writer = run('writer', engine, place)
  const last = new Map<Id, string>()
  let heard = 0
  for await (const line of createInterface({ input: writer.stdout ?? assert.fail() })) {
    const [id = '', what = ''] = line.split(' ')
    last.set(id as Id, what)
    heard += 1
    if (heard === acknowledgements) writer.kill('SIGKILL')
  }
  assert.ok(heard >= acknowledgements, `the writer ended by itself after ${heard} acknowledgements`)
  return last
}

/**
 * A writer is killed ten times in the middle of its work, each time at another moment. Afterwards what it was told is there
 * is there, what it was told is gone is gone, nothing is half, and nobody holds a lock.
 */
export async function survivesKills(engine: Engine, place: string): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    const last = await killedAfter(engine, place, 20 + round * 7)
    const store = openStore(engine, place)
    for (const [id, what] of last) {
      const found = await store.read(id)
      // The write that was on its way may have arrived: one more than was acknowledged, or the delete after the last.
      if (what === 'gone') assert.equal(found, null)
      else if (found) assert.ok([Number(what), Number(what) + 1].includes(countOf(id, found.entry.bytes) ?? -1))
      else assert.equal(what, '4')
    }
    for await (const page of store.scan()) {
      for (const { id } of page) {
        const found = await store.read(id)
        assert.ok(found && countOf(id, found.entry.bytes) !== null, 'no half session')
        assert.equal((await store.update(id, entryOf(id, 9), found.version)) !== null, true, 'no lock is left')
      }
    }
    await store.owned.deleteAll(OWNER)
    await store.clearExpired()
    await store.close()
  }
}

/** Two processes and this one count one session up at the same time. */
export async function losesNoCount(engine: Engine, place: string, times: number): Promise<void> {
  const id = 'c'.repeat(64) as Id
  const store = openStore(engine, place)
  await store.create(id, { ...entryOf(id, 0), bytes: Buffer.from('0') })
  const counters = [1, 2].map(() => run('counter', engine, place, id, String(times)))
  await Promise.all(counters.map(ended))
  const found = await store.read(id)
  assert.equal(Buffer.from(found?.entry.bytes ?? []).toString(), String(2 * times))
  await store.close()
}
