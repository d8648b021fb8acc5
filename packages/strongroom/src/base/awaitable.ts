/** A value, or a promise of it where there is something to wait for. */
export type Awaitable<T> = T | Promise<T>

/** Continues with a value: now if it is there, and otherwise when it comes. What is there already must not cost a turn of the promise queue. */
export function after<T, R>(given: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return given instanceof Promise ? given.then(next) : next(given)
}
