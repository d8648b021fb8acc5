/** As in the lab: `not run` is never taken for held. */
export type Verdict = 'held' | 'broken' | 'not applicable' | 'not run'

export interface Finding {
  readonly verdict: Verdict
  /** One sentence for people. */
  readonly summary: string
}

/** One thing that somebody did, and what came back. */
export interface Step {
  readonly who: string
  /** "POST /login user=ada", or what is done without HTTP: "copies the cookie". */
  readonly what: string
  /** Null for what is no request. */
  readonly status: number | null
  readonly answer: string
  /** What this one holds afterwards: cookies, a row. */
  readonly holds: string
}
