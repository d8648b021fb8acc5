/** One thing to time. */
export interface Case {
  readonly name: string
  readonly run: () => unknown
  /** `run` returns a promise, and has finished when the promise has settled. */
  readonly waits?: boolean
  /** Timed one call at a time, each after other work has filled the processor's caches, as between the parts of a request. */
  readonly cold?: boolean
  /** Name of the case that costs the least this one can cost. */
  readonly limit?: string
}
