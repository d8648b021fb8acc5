import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import type { Id } from '../../../src/token.ts'
import { type Engine, entryOf, openStore } from './state.ts'

/** Writes for ever, and says what was acknowledged: "id count" for a create or an update, "id gone" for a delete. */
const [, , engine = '', place = ''] = process.argv
const store = openStore(engine as Engine, place)

async function visitor(): Promise<never> {
  for (;;) {
    const id = randomBytes(32).toString('hex') as Id
    if (!(await store.create(id, entryOf(id, 0)))) throw new Error('a fresh id was refused')
    say(id, 0)
    for (let count = 1; count <= 4; count += 1) {
      const found = await store.read(id)
      if (!found) throw new Error('an acknowledged session is absent')
      await store.touch(id, Date.now() + 7_200_000)
      if ((await store.update(id, entryOf(id, count), found.version)) === null) throw new Error('an update was refused')
      say(id, count)
    }
    if (Number.parseInt(id[0] ?? '', 16) % 2) continue
    await store.delete(id)
    say(id, 'gone')
  }
}

/** Synchronously: what was said was said before the process died. */
function say(id: Id, what: number | 'gone'): void {
  writeSync(1, `${id} ${what}\n`)
}

// Should nobody come to kill it.
setTimeout(() => process.exit(3), 60_000).unref()
await Promise.all(Array.from({ length: 8 }, visitor))
