/** What the response needs. */
export interface Outcome {
  /** Does the page contain what is meant for this visitor alone? Then the response needs `Cache-Control: no-store`. */
  readonly noStore?: boolean | undefined
  /** The Set-Cookie line to add, or null. A response with one also needs `Cache-Control: no-store`. */
  readonly setCookie: string | null
  /**
   * More Set-Cookie lines, to be added before `setCookie`: they remove other spellings of our cookie, and the cookies of another
   * framework (see `adoptFrom`).
   */
  readonly clearCookies?: readonly string[] | undefined
  /**
   * Other header lines, each to be set instead of what the response has under its name, and with `Cache-Control: no-store`: those of
   * `bearer()`, whose responses have no Set-Cookie line.
   */
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined
  /** The value of Clear-Site-Data, after a logout that asked for it. A response with one also needs `Cache-Control: no-store`. */
  readonly clearSiteData?: string | undefined
  /** Was the session asked for? Then the response differs by its cookie, and needs `Vary: Cookie`, or what `vary` says. */
  readonly used: boolean
  /** The request header by which the response differs. Default `Cookie`. */
  readonly vary?: 'Authorization' | undefined
  /** Are `Vary` and `Cache-Control` left to the application? Only where express-session's ways are wanted. */
  readonly leavesCaching?: boolean | undefined
}

/** Nobody has asked for the session. */
export const UNUSED: Outcome = { setCookie: null, used: false }
export const READ: Outcome = { setCookie: null, used: true }
