import type { RawSearch } from './raw.ts'
import type { Tally } from './tally.ts'

/** What the readers of all formats report to. */
export interface Source {
  readonly tally: Tally
  /** Is shown every byte that is not compressed, because a reader may fail at any of them. */
  readonly raw: RawSearch
}
