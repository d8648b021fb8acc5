import type { Server } from 'node:http'

/**
 * - `untouched`: the session is never asked for
 * - `read`: one text of the session is read
 * - `read-object`: an object of the session is read, which could have been changed in place
 * - `write`: one value is changed
 */
export const ROUTES = ['untouched', 'read', 'read-object', 'write'] as const
export type Route = (typeof ROUTES)[number]

/** Where a server may put files. */
export interface Place {
  readonly directory: string
}

/** One application to be measured. Its server answers `/login/:index` and, for each of its routes, `/<route>`. */
export interface Contender {
  readonly name: string
  readonly routes: readonly Route[]
  /** What its figures are divided by: the contender of this name on the same route. */
  readonly limit: string
  /** The session rests in the cookie: whoever writes gets a new cookie, and comes back with that. */
  readonly carried?: boolean
  /** It trusts whatever cookie comes, as only a limit may. */
  readonly gullible?: boolean
  listen(place: Place): Promise<Server>
}
