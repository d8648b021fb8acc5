import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

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
  const open = new Set<Socket>()
  let [trips, bytes] = [0, 0]
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    let answered = true
    near.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (answered) trips += 1
      answered = false
      far.write(chunk)
    })
    far.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      answered = true
      near.write(chunk)
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.setNoDelay(true)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    take() {
      const taken = { trips, bytes }
      ;[trips, bytes] = [0, 0]
      return taken
    },
    async close() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
