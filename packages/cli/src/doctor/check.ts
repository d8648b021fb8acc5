/**
 * How a check ended. `amber` weakens a promise, `red` breaks one. `unknown`: it could not be made, and `what` says why. That is never
 * taken for green.
 */
export const LEVELS = ['red', 'amber', 'unknown', 'green'] as const
/** How bad a finding is. `unknown`: it could not be checked. */
export type Level = (typeof LEVELS)[number]

/** One thing that was looked at. */
export interface Check {
  /** Fixed: "postgres-fsync". */
  readonly name: string
  /** What was looked at: "engine", "cache", "revocations", "secrets", "cookie", "site", "application", "backups". */
  readonly about: string
  readonly level: Level
  /** What was found, in one sentence. Never a secret, a token, an id or data. */
  readonly what: string
  /** The line or the setting that mends it; null when there is nothing to mend. */
  readonly mend: string | null
  /** A page of the documentation, from the root of the repository. */
  readonly docs: string
}

/** What `strongroom doctor --json` prints. */
export interface Diagnosis {
  readonly format: 1
  /** ISO 8601. */
  readonly at: string
  readonly checks: readonly Check[]
}

/** Makes the checks about one thing. `section` is the heading of docs/doctor.md that describes them. */
export class Topic {
  readonly about: string
  readonly #docs: string

  constructor(about: string, section: string) {
    this.about = about
    this.#docs = `docs/doctor.md#${section}`
  }

  green = (name: string, what: string): Check => this.#check(name, 'green', what, null)
  amber = (name: string, what: string, mend: string): Check => this.#check(name, 'amber', what, mend)
  red = (name: string, what: string, mend: string): Check => this.#check(name, 'red', what, mend)
  /** `mend` is what lets the check be made. */
  unknown = (name: string, what: string, mend: string | null = null): Check => this.#check(name, 'unknown', what, mend)

  #check(name: string, level: Level, what: string, mend: string | null): Check {
    return { name, about: this.about, level, what, mend, docs: this.#docs }
  }
}
