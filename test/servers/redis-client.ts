import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'

/** Sends one command to one server, on a connection of its own. */
export async function send(port: number, command: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null, protocol: 2 })
  client.on('error', () => {})
  try {
    return await client.call(command, ...args)
  } finally {
    client.disconnect()
  }
}

/** Waits until the condition holds. A rejection counts as false. */
export async function until(condition: () => Promise<boolean>, timeout = 30_000): Promise<void> {
  for (const began = performance.now(); ; await wait(20)) {
    if (await condition().catch(() => false)) return
    if (performance.now() - began > timeout) throw new Error(`the condition did not hold within ${timeout} ms`)
  }
}

export async function isUp(port: number): Promise<boolean> {
  return send(port, 'PING').then(
    () => true,
    () => false,
  )
}
