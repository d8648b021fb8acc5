/** What the library does for a requirement. */
export interface Row {
  /**
   * `held`: by the library alone, with its defaults. `offered`: by a call or an option of the application. `not ours`:
   * no library of sessions can.
   */
  readonly who: 'held' | 'offered' | 'not ours'
  /** The level of ASVS; null for a source that has none. */
  readonly level: 1 | 2 | 3 | null
  /** What is required, in our words. */
  readonly meaning: string
  /** The call or option; what the application has to do for a row that is not ours; '' for what is held. */
  readonly by: string
  /** The page below docs/, with the heading. Null where there is none. */
  readonly page: string | null
}

/** By source and number, such as `ASVS 7.3.1`: `prove` names them. */
export type Rows = Readonly<Record<string, Row>>

type Level = Row['level']

/** Held by the library alone. */
export const held = (level: Level, meaning: string, page: string) =>
  ({ who: 'held', level, meaning, by: '', page }) as const

/** Held once the application calls `by`, or sets it. */
export const offered = (level: Level, meaning: string, by: string, page: string) =>
  ({ who: 'offered', level, meaning, by, page }) as const

/** Not for a library of sessions: `by` says whose it is. */
export const notOurs = (level: Level, meaning: string, by: string) =>
  ({ who: 'not ours', level, meaning, by, page: null }) as const
