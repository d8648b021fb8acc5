/** One thing to be timed. */
export interface Case {
  readonly name: string
  readonly run: () => unknown
  /** `run` answers with a promise, and is over when that is. */
  readonly waits?: boolean
  /** Name of the case that is the least this one can cost. */
  readonly limit?: string
}
