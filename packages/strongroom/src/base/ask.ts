import { TimeLimit } from './time-limit.ts'

class TooLate extends Error {}

/**
 * For an option's function that may be async, and whose failure must not become that of a request, which is about something else. What it
 * returns has `timeout` ms; `warn` is told when it throws or is late, and the result is undefined.
 */
export function askWithin(timeout: number, warn: (problem: string) => void): (ask: () => unknown) => Promise<unknown> {
  const limit = new TimeLimit(timeout, () => new TooLate())

  return async (ask) => {
    try {
      return await limit.call(async () => ask())
    } catch (error) {
      return void warn(error instanceof TooLate ? `did not return within ${timeout} ms` : 'threw an error')
    }
  }
}
