import type { Driver } from './driver.ts'

interface Client {
  on(event: string, listener: () => void): unknown
}

/** What the clients emit when a connection is lost: ioredis the first, node-redis the second, and both when they are closed. */
const LOST = ['close', 'reconnecting', 'end']

/** How often each client has lost its connection. Counted once for all stores on it, so that it does not collect listeners. */
const counters = new WeakMap<object, { losses: number }>()

function counterOf(client: Client): { readonly losses: number } {
  const known = counters.get(client)
  if (known) return known
  const counter = { losses: 0 }
  for (const event of LOST)
    client.on(event, () => {
      counter.losses += 1
    })
  counters.set(client, counter)
  return counter
}

/**
 * Keeps a client of the application's in its database. After a connection was lost, nothing is sent before it has been confirmed that
 * the new one is in that database. A call that was under way may have been sent again by the client, to database 0: its result
 * counts only after that, too.
 */
export function stayingInDatabase(driver: Driver, client: Client): Driver {
  const { confirmDatabase } = driver
  if (!confirmDatabase) return driver
  const counter = counterOf(client)
  let confirmed = -1
  let confirming: Promise<void> | null = null

  async function confirmOnce(): Promise<void> {
    const at = counter.losses
    await confirmDatabase?.()
    confirmed = at
  }

  async function confirm(): Promise<void> {
    while (!isConfirmed()) {
      confirming ??= confirmOnce().finally(() => {
        confirming = null
      })
      await confirming
    }
  }

  const isConfirmed = () => confirmed === counter.losses

  /** Without `async`, because nearly every call finds the database confirmed. */
  function inDatabase<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    const calling = (...args: A) =>
      call(...args).then((result) => (isConfirmed() ? result : confirm().then(() => result)))
    return (...args) => (isConfirmed() ? calling(...args) : confirm().then(() => calling(...args)))
  }

  return {
    ...driver,
    confirmDatabase: confirm,
    get: inDatabase(driver.get),
    evalSha: inDatabase(driver.evalSha),
    evalSource: inDatabase(driver.evalSource),
    masters: inDatabase(driver.masters),
  }
}
