import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import type { ServerName, Urls } from '../servers.ts'

/**
 * - `untouched`: the session is never asked for
 * - `read`: one text of the session is read
 * - `read-object`: an object of the session is read, which could have been changed in place
 * - `write`: one value is changed
 */
export const ROUTES = ['untouched', 'read', 'read-object', 'write'] as const
export type Route = (typeof ROUTES)[number]

/** Where a server may put what it keeps. */
export interface Place {
  readonly directory: string
  readonly urls: Urls
}

export function urlIn({ urls }: Place, name: ServerName): string {
  const url = urls[name]
  if (url !== undefined) return url
  throw new Error(`This contender needs ${name}.`)
}

/** A table, or what keys begin with, that nobody has used before. */
export const newName = () => `s_${randomBytes(6).toString('hex')}`

/** One application to be measured. Its server answers `/login/:index` and, for each of its routes, `/<route>`. */
export interface Contender {
  readonly name: string
  readonly routes: readonly Route[]
  /** What its figures are divided by: the contender of this name on the same route. */
  readonly limit: string
  /** The server that it keeps its sessions on. */
  readonly needs?: ServerName
  /** The session rests in the cookie: whoever writes gets a new cookie, and comes back with that. */
  readonly carried?: boolean
  /** It answers `/logout` too. */
  readonly ends?: boolean
  /** It trusts whatever cookie comes, as only a limit may. */
  readonly gullible?: boolean
  listen(place: Place): Promise<Server>
}
