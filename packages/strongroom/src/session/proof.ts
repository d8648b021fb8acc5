/** How the user has just proved who they are: for `session.login()` and `session.stepUp()`. */
export interface ProofOptions {
  /** A word of the application's own, such as `password`, `totp` or `passkey`: 1 to 64 characters. `session.method` shows it. */
  readonly method?: string | undefined
  /**
   * How strong that proof is: a whole number from 1, which is the default, to 9. What they mean is up to the application; AAL1 to AAL3 of
   * NIST SP 800-63B-4 are 1 to 3.
   */
  readonly level?: number | undefined
}

/** A proof as it is sealed with a session. `at` is in ms. */
export type Proof = readonly [at: number, level: number, method: string | null]

/** What a login proves that says nothing else of it. */
export const LOWEST = 1
/** There may be a proof of each, and cookies have little room. */
const HIGHEST = 9
const LONGEST_METHOD = 64

const isLevel = (level: unknown): boolean =>
  Number.isInteger(level) && (level as number) >= LOWEST && (level as number) <= HIGHEST

const isMethod = (method: unknown): boolean =>
  typeof method === 'string' && method !== '' && method.length <= LONGEST_METHOD

/** Throws `TypeError` for a method or a level that is none. */
export function checkProof(where: string, { method, level }: ProofOptions): void {
  if (method !== undefined && !isMethod(method))
    throw new TypeError(`${where}: method must be a string of 1 to ${LONGEST_METHOD} characters.`)
  if (level !== undefined && !isLevel(level))
    throw new TypeError(`${where}: level must be a whole number from ${LOWEST} to ${HIGHEST}.`)
}

const isProof = (given: unknown): given is Proof =>
  Array.isArray(given) && Number.isFinite(given[0]) && isLevel(given[1]) && (given[2] === null || isMethod(given[2]))

/** For formats that others write, too. */
export const isProofs = (given: unknown): given is readonly Proof[] => Array.isArray(given) && given.every(isProof)

/**
 * Adds what was proved at `now`. The oldest is the first; a new one takes the place of those that are not stronger. So the first is the
 * strongest, too, and a weaker one after it does not make it look newer than it is.
 */
export const withProofs = (before: readonly Proof[], added: readonly ProofOptions[], now: number): readonly Proof[] =>
  added.reduce<readonly Proof[]>(
    (proofs, { level = LOWEST, method = null }) => [...proofs.filter((one) => one[1] > level), [now, level, method]],
    before,
  )
