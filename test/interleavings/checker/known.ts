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
export const KNOWN: readonly Known[] = [
  // On an index that is read first; with the limit also elsewhere, because its login begins with a list (C6).
  { weakness: 'W1', invariant: 'I2', what: /^a session that began before "revoke (all|others)" outlived it$/ },
  { weakness: 'W2', invariant: 'I1', what: /^a session whose owner logged out with the current cookie is alive$/ },
  { weakness: 'W2', invariant: 'I1', what: /^a session that was revoked by its handle is alive$/ },
  { weakness: 'W2', invariant: 'I1', what: /^a session opened after its owner had logged out$/ },
  { weakness: 'W2', invariant: 'I4', what: /^"renew" was refused, and nothing concerned its session$/ },
  { weakness: 'W2', invariant: 'I4', what: /^after "renew" the holder of the current cookie is locked out$/ },
  { weakness: 'W2', invariant: 'I5', what: /^a renewal changed the handle$/ },
  { weakness: 'W2', invariant: 'I6', what: /^there are more sessions than the limit allows$/ },
  { weakness: 'C1', invariant: 'I1', what: /^a session whose owner logged out with a superseded cookie is alive$/ },
  { weakness: 'C2', invariant: 'I7', what: /^the session that "login.*" came with lives on$/ },
  { weakness: 'C4', invariant: 'I4', what: /^a page is signed out by its own "keep"$/ },
  { weakness: 'W6', invariant: 'I8', what: /^a session that began before "revoke (all|others)" outlived it$/ },
  { weakness: 'W2', invariant: 'I8', what: /^a session whose owner logged out with the current cookie is alive$/ },
  { weakness: 'W2', invariant: 'I8', what: /^a session opened after its owner had logged out$/ },
  { weakness: 'C1', invariant: 'I8', what: /^a session whose owner logged out with a superseded cookie is alive$/ },
  { weakness: 'C2', invariant: 'I8', what: /^the session that "login.*" came with lives on$/ },
]

export const isKnown = (violation: Violation): boolean => KNOWN.some((known) => isSeenBy(known, violation))

export const isSeenBy = ({ invariant, what }: Known, violation: Violation): boolean =>
  invariant === violation.invariant && what.test(violation.what)

/** Is this weakness, or correction, still on the list? */
export const isWeak = (number: string): boolean => KNOWN.some(({ weakness }) => weakness === number)
