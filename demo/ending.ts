import type { Server } from 'node:http'

/** How long requests under way may take to finish. */
const GRACE = 1000
/** npm passes on the SIGINT that the terminal has already sent to us, so a second one this soon is the same one. */
const SAME = 250

/**
 * On SIGINT or SIGTERM: accepts no more connections, gives requests under way a second to finish, closes the store, and ends
 * the process with code 0. A later signal ends it immediately.
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
    setTimeout(() => server.closeAllConnections(), GRACE).unref()
    await closed
    await store.close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
}
