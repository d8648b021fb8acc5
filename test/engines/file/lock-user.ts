/**
 * A process that uses the lock `00` of a directory until it is killed. As `holder`, it takes the lock, says so, and never
 * releases it. As `hammer`, eight tasks of it take the lock again and again, and each time append an `h` to the log.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { momentIn } from '../../../packages/strongroom/src/base/retry.ts'
import { FileLocks } from '../../../packages/strongroom/src/engines/file/lock.ts'

const [directory = '', role, log = ''] = process.argv.slice(2)
const locks = new FileLocks(directory, 60_000)

const hold = () =>
  locks.withLock('00', { until: momentIn(60_000) }, async () => {
    process.send?.('held')
    await wait(60_000)
  })

const hammer = async () => {
  for (;;) {
    await locks.withLock('00', { until: momentIn(60_000) }, async () => {
      appendFileSync(log, 'h')
      process.send?.('held')
      await wait(3)
    })
  }
}

await (role === 'holder' ? hold() : Promise.all(Array.from({ length: 8 }, hammer)))
