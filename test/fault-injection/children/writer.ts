import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import { StoreError } from '../../../packages/strongroom/src/errors.ts'
import { openStore, type StoreLocation } from '../fixtures/location.ts'
import { deadlineOf, entryOf, WRITES } from '../fixtures/state.ts'

/**
 * Writes until its store fails or it is killed, and prints what was acknowledged: "id count deadline" for a create, an update or
 * a touch, and "id gone" for a delete. The message "go" starts it. When the store has failed, it prints "idle" and waits.
 */
const store = await openStore(JSON.parse(process.argv[2] ?? '') as StoreLocation)

async function visitor(): Promise<never> {
  for (;;) {
    const id = randomBytes(32).toString('hex') as Id
    const createdAt = Date.now()
    const report = (count: number, touched: boolean) => {
      // Synchronously, so that everything acknowledged has been printed when the process is killed.
      writeSync(1, `${id} ${count} ${deadlineOf(createdAt, count, touched)}\n`)
    }
    if (!(await store.create(id, entryOf(id, 0, createdAt)))) throw new Error('a fresh id was refused')
    report(0, false)
    for (let count = 1; count <= WRITES; count += 1) {
      const found = await store.read(id)
      if (!found) throw new Error('an acknowledged session is absent')
      if (!(await store.touch(id, deadlineOf(createdAt, count - 1, true)))) throw new Error('a touch was refused')
      report(count - 1, true)
      if ((await store.update(id, entryOf(id, count, createdAt), found.version)) === null)
        throw new Error('an update was refused although nobody else had changed the session')
      report(count, false)
    }
    if (Number.parseInt(id[0] ?? '', 16) % 2) continue
    if (!(await store.delete(id))) throw new Error('a delete found nothing')
    writeSync(1, `${id} gone\n`)
  }
}

process.on('message', async () => {
  const ends = await Promise.allSettled(Array.from({ length: 8 }, visitor))
  const reasons = ends.map((end) => (end as PromiseRejectedResult).reason)
  const fault = reasons.find((reason) => !(reason instanceof StoreError))
  if (fault) writeSync(1, `fault ${fault}\n`)
  else writeSync(1, `idle ${String(reasons[0]).replaceAll('\n', ' ')}\n`)
})
// The test that started it is gone.
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
