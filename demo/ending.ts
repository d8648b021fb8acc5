import type { Server } from 'node:http'

const PATIENCE = 1000
/** npm hands on the SIGINT that the terminal has sent to us already, so the second of two at once is the same one. */
const SAME = 250

/**
 * On SIGINT or SIGTERM: takes no more connections, lets requests under way finish for a second, closes the store, and lets
 * the process end with code 0. A later signal ends it at once.
 */
export function endOnSignal(server: Server, store: { close(): Promise<void> }): void {
  let began: number | null = null
  const end = async () => {
    if (began !== null) {
      if (performance.now() - began > SAME) process.exit(130)
      return
    }
    began = performance.now()
    const closed = new Promise((done) => server.close(done))
    setTimeout(() => server.closeAllConnections(), PATIENCE).unref()
    await closed
    await store.close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
}
