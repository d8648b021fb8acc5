import type { Violation } from './invariants.ts'

interface Known {
  /** Number of the weakness, or of the correction of the protocol, that removes it. */
  readonly weakness: string
  readonly invariant: Violation['invariant']
  readonly what: RegExp
}

/**
 * What the code does not keep yet. Each line must still be seen by a plan, and nothing else may be seen: the list can only
 * become shorter.
 */
export const KNOWN: readonly Known[] = []

export const isKnown = (violation: Violation): boolean => KNOWN.some((known) => isSeenBy(known, violation))

export const isSeenBy = ({ invariant, what }: Known, violation: Violation): boolean =>
  invariant === violation.invariant && what.test(violation.what)

/** Is this weakness, or correction, still on the list? */
export const isWeak = (number: string): boolean => KNOWN.some(({ weakness }) => weakness === number)
