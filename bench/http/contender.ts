import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import type { BaseSessions } from 'strongroom'
import type { Values } from '../data.ts'
import type { ServerName, Urls } from '../servers.ts'

/**
 * - `untouched`: the session is never asked for
 * - `read`: one string of the session is read
 * - `read-object`: an object of the session is read, which might have been changed in place
 * - `write`: one value is changed
 */
export const ROUTES = ['untouched', 'read', 'read-object', 'write'] as const
export type Route = (typeof ROUTES)[number]

/** Where a server may store its data. */
export interface Place {
  readonly directory: string
  readonly urls: Urls
}

export function urlIn({ urls }: Place, name: ServerName): string {
  const url = urls[name]
  if (url !== undefined) return url
  throw new Error(`This contender needs ${name}.`)
}

/** The name of a table, or a prefix of keys, that has not been used before. */
export const newName = () => `s_${randomBytes(6).toString('hex')}`

/** One application to measure. Its server has `/login/:index` and, for each of its routes, `/<route>`. */
export interface Contender {
  readonly name: string
  readonly routes: readonly Route[]
  /** What its figures are divided by: the contender of this name on the same route. */
  readonly limit: string
  /** The server that stores its sessions. */
  readonly needs?: ServerName
  /** How many times as many visitors as others it has. */
  readonly visitorFactor?: number
  /** It has `/logout` too. */
  readonly hasLogout?: boolean
  /** It accepts any cookie without a check, as only a limit may. */
  readonly trustsAnyCookie?: boolean
  listen(place: Place): Promise<Server>
  /** Of ours: the same sessions without HTTP. */
  open?(place: Place): BaseSessions<Values>
}
