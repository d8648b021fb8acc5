/** The key of the device that a session is bound to: the option `deviceBound`. */
export interface DeviceKey {
  /** By what the browser names the binding. Opens nothing. */
  readonly id: string
  /** A JSON Web Key (RFC 7517) with its public members alone, as JSON: P-256 for ES256, or RSA for RS256. */
  readonly jwk: string
  /** How many proofs have been accepted. A challenge has the number that it was made for, and is worthless for another. */
  readonly proofs: number
  /** When the last one was accepted, in ms since 1970. */
  readonly at: number
}

/** What is stored of a user's session for the option `deviceBound`. */
export interface StoredBinding {
  /** Absent until the browser has registered one. */
  readonly key?: DeviceKey | undefined
  /** How long the session would live if it were bound; present where one that is not lives shorter. */
  readonly full?: { readonly idle: number; readonly deadline: number } | undefined
}
