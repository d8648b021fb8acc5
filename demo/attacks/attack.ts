import type { Target } from '../targets/target.ts'
import type { Backdoor } from './backdoor.ts'
import type { Browser } from './browser.ts'
import type { Finding } from './finding.ts'

/** What an attack is handed: two browsers, the store's back door, and where to say what it found. */
export interface Stage {
  readonly victim: Browser
  readonly thief: Browser
  readonly store: Backdoor
  /** Somebody that no other run knows. */
  readonly user: string
  /** The visitor's own note, if they have left one. */
  readonly note: string
  held(summary: string): Finding
  broken(summary: string): Finding
  notApplicable(reason: string): Finding
}

export interface Attack {
  /** For addresses: "come-back". */
  readonly name: string
  /** On the button: "Come back with the old cookie". */
  readonly title: string
  /** For the column of a table. */
  readonly short: string
  readonly what: string
  /** What a visitor has to know of the libraries in the comparison, so that it is a fair one. */
  readonly fairly?: string
  /** From the root of the repository: "docs/login.md#log-out". */
  readonly docs: string
  /** Do the documents promise that it fails here? Decided by what the engine declares, never by what was found. */
  promised(target: Target): boolean
  /**
   * What is done, shown to the visitor as it stands here. Without types inside: the page shows the source of the very function
   * that ran, and Node leaves blanks where types were.
   */
  readonly run: (stage: Stage) => Promise<Finding>
}

export const isOurs = ({ family }: Target): boolean => family === 'strongroom'
