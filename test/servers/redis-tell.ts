import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'

/** Says one thing to one server, on a connection of its own. */
export async function tell(port: number, command: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null, protocol: 2 })
  client.on('error', () => {})
  try {
    return await client.call(command, ...args)
  } finally {
    client.disconnect()
  }
}

/** Asks again until it is so. */
export async function until(so: () => Promise<boolean>, patience = 30_000): Promise<void> {
  for (const began = performance.now(); ; await wait(20)) {
    if (await so().catch(() => false)) return
    if (performance.now() - began > patience) throw new Error('it did not come to that')
  }
}

export async function answers(port: number): Promise<boolean> {
  return tell(port, 'PING').then(
    () => true,
    () => false,
  )
}
