/** One thing to be timed. */
export interface Case {
  readonly name: string
  readonly run: () => unknown
  /** `run` answers with a promise, and is over when that is. */
  readonly waits?: boolean
  /** Timed one call at a time, each after other work has taken the processor's caches: as between the parts of a request. */
  readonly cold?: boolean
  /** Name of the case that is the least this one can cost. */
  readonly limit?: string
}
