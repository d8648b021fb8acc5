import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy to a server on this machine, whose connections a test can cut. */
export interface Proxy {
  readonly port: number
  /** Resets all connections, and every new one. */
  cut(): void
  /** Connections stay open, and new ones are accepted, but no byte passes. */
  hold(): void
  /** Ends `cut` and `hold`: bytes that were held back pass, and new connections work. */
  mend(): void
  close(): Promise<void>
}

/** Receives the bytes that pass on one connection. */
export interface Watch {
  asked(bytes: Buffer): void
  answered(bytes: Buffer): void
}

export async function startProxy(to: number, watch?: () => Watch): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let wire: 'whole' | 'cut' | 'held' = 'whole'
  const server = createServer((near) => {
    // Without a listener, the error of a client that is gone already would end the process.
    near.on('error', () => near.destroy())
    if (wire === 'cut') {
      near.resetAndDestroy()
      return
    }
    const far = connect(to, '127.0.0.1')
    const pair = [near, far] as const
    pairs.add(pair)
    const watching = watch?.()
    near.on('data', (bytes: Buffer) => {
      watching?.asked(bytes)
      far.write(bytes)
    })
    far.on('data', (bytes: Buffer) => {
      watching?.answered(bytes)
      near.write(bytes)
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => {
        other.destroy()
        pairs.delete(pair)
      })
    }
    if (wire === 'held') for (const socket of pair) socket.pause()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      wire = 'cut'
      for (const [near, far] of pairs) {
        near.resetAndDestroy()
        far.destroy()
      }
    },
    hold() {
      wire = 'held'
      for (const pair of pairs) for (const socket of pair) socket.pause()
    },
    mend() {
      wire = 'whole'
      for (const pair of pairs) for (const socket of pair) socket.resume()
    },
    async close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
