import type { Traits } from 'strongroom'
import type { AttackInfo, Cell, Family } from './report.ts'
import type { Site } from './site.ts'

/** What an attack found. `held`, `broken` and `notApplicable` of finding.ts make them. */
export interface Finding extends Pick<Cell, 'verdict' | 'summary' | 'evidence'> {
  /** A second look, when a while has passed and other attacks have run: what it finds takes the place of this finding. */
  readonly later?: () => Promise<Finding>
}

export interface AttackContext {
  /** `--thorough`: what takes minutes. */
  readonly thorough: boolean
  /** Aborted when the run is interrupted or the attack takes too long. */
  readonly signal: AbortSignal
}

/** One column of the matrix. */
export interface Attack extends AttackInfo {
  /** Does it leave a user's own store and sessions as they were? Only these run with `lab --config`. */
  readonly harmless: boolean
  /** Does it turn the clocks on beyond the deadlines of what others have ended, sweep, and turn them back? */
  readonly turnsClocks?: boolean
  /** Kills, pauses or alters what other attacks on the row need: it runs last, and nothing runs on its site afterwards. */
  readonly violent: boolean
  /**
   * The promise of the documents for a row of ours: does this attack fail there? Decided by what the row declares (engine, seal,
   * traits), never by what the attack found.
   */
  promised(row: PromisedRow): boolean
  /** Rejects with `NotRun` when something is missing; any other rejection also makes the cell `not run`, with its message. */
  run(site: Site, context: AttackContext): Promise<Finding>
}

export interface PromisedRow {
  readonly family: Family
  readonly engine: string
  readonly seal: string | null
  readonly traits: Traits | null
}

/** Something that the attack needs is missing. The message is the line that enables it: "apt-get install postgresql". */
export class NotRun extends Error {}
