/** What a store of express-session is given to call back. */
export type Reply<T> = (error: unknown, result?: T) => void

/**
 * Calls back in a turn of its own, as stores of express-session do: what the callback throws is the application's error, and must not
 * come back as one of the store. Returns a promise where there is no callback.
 */
export function replied<T>(callback: unknown, result: Promise<T>): Promise<T> | undefined {
  if (typeof callback !== 'function') {
    // `req.sessionStore.destroy(id)` waits for nothing: an outage must not end the process.
    result.catch(() => undefined)
    return result
  }
  const reply = callback as Reply<T>
  result.then(
    (value) => process.nextTick(reply, null, value),
    (error) => process.nextTick(reply, error),
  )
  return undefined
}
