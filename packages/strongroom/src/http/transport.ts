import { type Outcome, READ, UNUSED } from './outcome.ts'

/** How a session's token comes with a request, and is sent with a response. Knows nothing of frameworks or stores. */
export interface Transport {
  /** The name of the cookie; '' where the token is in none. */
  readonly name: string
  /** Is the token sent over TLS alone? */
  readonly secure: boolean
  /** The request header that `read` takes. Undefined is `cookie`. */
  readonly header?: 'authorization' | undefined
  /** Every token that the header has: of a cookie under our name, then under the former one; in order and unchanged, without empty ones. */
  read(header: string | undefined | null): readonly string[]
  /** Does the request have more than the one cookie that `set` would replace? */
  hasOthers?(header: string | undefined): boolean
  /**
   * The Set-Cookie lines that remove our cookie as it may have been set before: with another domain of this host, another path, in
   * or out of a jar for each site, and under its former name. Browsers take these for different cookies, and send all of them.
   */
  clearOthers?(host: string | undefined): readonly string[]
  /** What sends the token: the Set-Cookie line. `maxAge` in ms: without it the cookie ends with the browser. */
  set(value: string, maxAge?: number): string
  /** What removes it: the Set-Cookie line with the same attributes, or the browser would keep the old one. */
  clear(): string
  /** Undefined where tokens are sent in Set-Cookie. */
  readonly other?: OtherHeader | undefined
}

/** For tokens that are sent in another header than Set-Cookie. */
export interface OtherHeader {
  /** For a response whose request never asked for its session. */
  readonly unused: Outcome
  /** For a response with what `set` or `clear` returned; null for one that leaves the visitor's token as it is. */
  outcome(sent: string | null): Outcome
  /** Throws `UnsupportedError`: there are no tokens for forms. */
  refuseForms(): never
  /** What tokens are bound to beside their namespace: a cookie's is refused here, and one of here is refused in a cookie. */
  readonly audience: string
  /** Throws `ConfigError` for an option of `createSessions` that makes no sense with it. */
  check(options: Readonly<Record<string, unknown>>): void
}

/** What tokens are bound to instead of their namespace alone, in which there is no space. */
export const tokenNamespace = (namespace: string, { other }: Transport): string | undefined =>
  other && `${namespace} ${other.audience}`

/** For a response whose request never asked for its session. */
export const unusedBy = ({ other }: Transport): Outcome => other?.unused ?? UNUSED

/** For a response that leaves the visitor's token as it is. */
export const readBy = ({ other }: Transport): Outcome => other?.outcome(null) ?? READ
