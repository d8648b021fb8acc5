import { startProxy } from '../test/servers/proxy.ts'

/** A connection to a server of this machine that counts what passes. */
export interface Wire {
  readonly port: number
  /** Since the last call: the round trips, and the bytes both ways. */
  take(): { readonly trips: number; readonly bytes: number }
  close(): Promise<void>
}

/**
 * A round trip begins with data from the client after data from the server (or at the start): what is sent in one go counts
 * once. This is exact only while one request at a time is under way.
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
