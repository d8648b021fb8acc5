import { startProxy } from '../test/servers/proxy.ts'

/** A wire to a server of this machine, which counts what passes. */
export interface Wire {
  readonly port: number
  /** Since the last call: how often something was asked and answered, and the bytes both ways. */
  take(): { readonly trips: number; readonly bytes: number }
  close(): Promise<void>
}

/**
 * A round trip is a question after an answer (or at the beginning): what is asked in one breath counts once. That is exact only
 * while one request at a time is under way.
 */
export async function startWire(to: number): Promise<Wire> {
  let [trips, bytes] = [0, 0]
  const proxy = await startProxy(to, () => {
    let answered = true
    return {
      asked(chunk) {
        bytes += chunk.length
        if (answered) trips += 1
        answered = false
      },
      answered(chunk) {
        bytes += chunk.length
        answered = true
      },
    }
  })
  return {
    port: proxy.port,
    take() {
      const taken = { trips, bytes }
      ;[trips, bytes] = [0, 0]
      return taken
    },
    close: () => proxy.close(),
  }
}
