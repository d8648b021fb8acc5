const queues = new WeakMap<object, Map<string, Promise<unknown>>>()

/** Runs work of one name, for one owner, one after another: each begins when those before it have ended. */
export async function runExclusive<T>(owner: object, name: string, work: () => Promise<T>): Promise<T> {
  const queue = queues.get(owner) ?? new Map<string, Promise<unknown>>()
  queues.set(owner, queue)
  const turn = (queue.get(name) ?? Promise.resolve()).then(work)
  const settled = turn.catch(() => undefined)
  queue.set(name, settled)
  try {
    return await turn
  } finally {
    if (queue.get(name) === settled) queue.delete(name)
  }
}
