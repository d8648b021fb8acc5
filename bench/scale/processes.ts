import { readdirSync, readFileSync } from 'node:fs'
import { listenersOn } from '../servers.ts'

/** Returns the processor time, in µs, that a server has used since the clock was made. */
export type ServerClock = () => number

/**
 * Counts all threads of what listens on a port, and of the processes that it has started. Undefined where the system does not tell,
 * as anywhere but on Linux.
 */
export function serverClock(port: number): ServerClock | undefined {
  const listeners = listenersOn(port)
  const known = new Map<string, number>()
  let total = 0
  const count = () => {
    for (const thread of listeners.flatMap((pid) => [pid, ...childrenOf(pid)]).flatMap(threadsOf)) {
      const time = timeOf(thread)
      total += Math.max(0, time - (known.get(thread) ?? 0))
      known.set(thread, time)
    }
    return total
  }
  const start = count()
  return start > 0 ? () => (count() - start) / 1000 : undefined
}

const childrenOf = (pid: number) =>
  (readIfThere(`/proc/${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number)

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`)
  } catch {
    // It has ended.
    return []
  }
}

/** In ns. The first number of schedstat is exact; those of stat are counted in steps of 10 ms. */
const timeOf = (thread: string) => Number(readIfThere(`${thread}/schedstat`)?.split(' ')[0] ?? 0)

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
