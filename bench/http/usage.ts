import type { Server } from 'node:http'
import { GCProfiler, getHeapStatistics } from 'node:v8'

/** What a server used between two moments. */
export interface Usage {
  /** Requests that it received. The load generator does not count those that were under way when it stopped. */
  readonly requests: number
  /** Processor time, in µs, of all its threads. */
  readonly processor: number
  /** Time in pauses for garbage collection, in µs. With one processor, V8's helper threads run in these pauses too. */
  readonly collecting: number
  readonly collections: number
  /** Bytes allocated in V8's heap. Buffers are outside of it and not counted. */
  readonly allocated: number
}

export interface Meter {
  begin(): void
  end(): Usage
}

/** In the server's process. It costs each request one increment, and each collection a few counters. */
export function meter(server: Server): Meter {
  let [requests, processor, heap, profiler] = [0, 0, 0, new GCProfiler()]
  server.on('request', () => {
    requests += 1
  })
  return {
    begin() {
      profiler = new GCProfiler()
      profiler.start()
      requests = 0
      heap = getHeapStatistics().used_heap_size
      processor = processorTime()
    },
    end() {
      const used = processorTime() - processor
      const pauses = profiler.stop().statistics
      return {
        requests,
        processor: used,
        collecting: pauses.reduce((sum, { cost }) => sum + cost, 0),
        collections: pauses.length,
        allocated: allocated(heap, pauses, getHeapStatistics().used_heap_size),
      }
    },
  }
}

const processorTime = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

interface Pause {
  readonly beforeGC: { readonly heapStatistics: { readonly usedHeapSize: number } }
  readonly afterGC: { readonly heapStatistics: { readonly usedHeapSize: number } }
}

/** V8 does not count what it allocates. The heap grows by that much from the end of one collection to the next one's start. */
function allocated(first: number, pauses: readonly Pause[], last: number): number {
  const starts = [first, ...pauses.map(({ afterGC }) => afterGC.heapStatistics.usedHeapSize)]
  const ends = [...pauses.map(({ beforeGC }) => beforeGC.heapStatistics.usedHeapSize), last]
  return ends.reduce((sum, end, i) => sum + Math.max(0, end - (starts[i] as number)), 0)
}
