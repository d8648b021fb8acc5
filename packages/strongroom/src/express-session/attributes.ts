import type { Meta } from '../session/content.ts'
import { type Cookie, OWN_ATTRIBUTES } from './cookie.ts'

/**
 * In each session of this layer: the attributes of its cookie that are not those of the option. Also what keeps a session that is left
 * empty, as express-session does.
 */
export const COOKIE = '~cookie'

export type OwnAttributes = { [name in (typeof OWN_ATTRIBUTES)[number]]?: unknown }

export const NO_ATTRIBUTES: OwnAttributes = {}

/** Those that are not as in `standard`; all of them without one. */
export function ownAttributes(cookie: Cookie, standard: Cookie | null): OwnAttributes {
  const attributes: OwnAttributes = {}
  for (const name of OWN_ATTRIBUTES)
    if (!standard || (cookie[name] ?? null) !== (standard[name] ?? null)) attributes[name] = cookie[name] ?? null
  return attributes
}

/** The end of a session whose user asked to be remembered: its cookie lives as long. */
export const endOf = (meta: Meta | null): Date | null =>
  meta?.persistent && meta.idle === 0 && meta.authenticatedAt !== null ? new Date(meta.deadline) : null
