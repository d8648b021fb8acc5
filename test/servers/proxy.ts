import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A wire to a server of this machine, which a test may cut. */
export interface Proxy {
  readonly port: number
  /** Resets all connections, and each new one. */
  cut(): void
  /** Connections stay open and new ones are taken, and not a byte comes through. */
  hold(): void
  /** As at the beginning. What was held back goes on; what was cut stays cut. */
  mend(): void
  close(): Promise<void>
}

/** Told of what passes on one connection. */
export interface Watch {
  asked(bytes: Buffer): void
  answered(bytes: Buffer): void
}

export async function startProxy(to: number, watch?: () => Watch): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let wire: 'whole' | 'cut' | 'held' = 'whole'
  const server = createServer((near) => {
    // A client that is gone before it was looked at.
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
