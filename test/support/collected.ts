import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What the process uses once everything that nobody refers to has been collected, and its buffers are released. */
export async function memoryCollected(): Promise<NodeJS.MemoryUsage> {
  for (let times = 0; times < 3; times++) {
    collect()
    await wait(5)
  }
  return process.memoryUsage()
}
