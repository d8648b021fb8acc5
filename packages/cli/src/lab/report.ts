import type { Traits } from 'strongroom'

/** What users of sessions ask for. Each attack tries to take away one of them. */
export const PROPERTIES = [
  'durable',
  'private on the server',
  'private in the browser',
  'integrity',
  'final',
  'forgets',
  'shared',
] as const
/** A property of sessions that an attack tries to break. */
export type Property = (typeof PROPERTIES)[number]

/**
 * How an attack ended. `not applicable`: there is nothing to attack, and `summary` says why. `not run`: it could have been run,
 * and was not; `summary` says what is missing, with the line that would enable it. Unknown is never taken for held.
 */
export const VERDICTS = ['held', 'broken', 'not applicable', 'not run'] as const
/** How an attack ended: one of `VERDICTS`. */
export type Verdict = (typeof VERDICTS)[number]

/** What was seen while the attack ran: bytes that the attacker read, a status that came back, a count. Never a constant. */
export interface Evidence {
  /** "status of the old cookie", "bytes of the backup that hold the note". */
  readonly what: string
  /** As printed: at most 200 characters, with tokens shortened. All data of the lab is made up and thrown away. */
  readonly value: string
}

/** One attack on one row. */
export interface Cell {
  readonly row: string
  readonly attack: string
  readonly verdict: Verdict
  /** Do the documents promise that this attack fails here? A promise that is broken fails the whole run (exit code 1). */
  readonly promised: boolean
  /** `not run` because it failed in the middle, and not because something is missing. Nobody knows how it would have ended. */
  readonly failed?: true
  /** One sentence for people. */
  readonly summary: string
  /** At least one entry when the attack ran. */
  readonly evidence: readonly Evidence[]
  /** How long it took, in ms. */
  readonly ms: number
}

/** Whose sessions are attacked: ours, those of another library, or those of Django. */
export type Family = 'strongroom' | 'peer' | 'django'

/** What is attacked: an engine under a seal, or a library that people use today. */
export interface RowInfo {
  /** Unique: "postgres", "postgres, seal none", "express-session + connect-redis", "django db". */
  readonly name: string
  readonly family: Family
  /** "postgres", "cached", "cookie"; for others the store's package. */
  readonly engine: string
  /** "two-key", "server-key", "none", "sealed", "signed"; null for other libraries. */
  readonly seal: string | null
  /** "strongroom 0.1.0 on PostgreSQL 17.2"; null while nothing was started. */
  readonly version: string | null
  /** What the engine says of itself; null for other libraries. */
  readonly traits: Traits | null
}

/** An attack: what is done, by whom, and against which property. */
export interface AttackInfo {
  /** For `--attack` and for links: "read-a-backup". */
  readonly name: string
  /** "Read a backup". */
  readonly title: string
  readonly property: Property
  /** Who could do this: "anyone who finds a backup". */
  readonly attacker: string
  /** What is done, in two or three sentences, and what counts as held. */
  readonly how: string
  /** A page of the documentation, from the repository's root: "docs/security.md#who-learns-what". */
  readonly docs: string
}

/** What `strongroom lab --json` prints, and what is recorded for the documents, the advisor and the studio. */
export interface Report {
  readonly format: 1
  /** ISO 8601. */
  readonly at: string
  /** "Node 24.21.0, linux x64". */
  readonly machine: string
  readonly thorough: boolean
  readonly rows: readonly RowInfo[]
  readonly attacks: readonly AttackInfo[]
  /** One for each row and attack, in the order of rows, then of attacks. */
  readonly cells: readonly Cell[]
}
