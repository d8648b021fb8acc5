import { type BaseSessions, type RevocableCookieSessions, type Sessions, sessionsOf } from './assemble.ts'
import { createContext } from './create.ts'
import type { DataSchemaOptions, SessionsOptions } from './options.ts'
import { servers } from './servers.ts'
import type { CookieEngine, IndexedStore, Store } from './store.ts'

export type {
  BaseSessions,
  Observation,
  PolicyFacts,
  RevocableCookieSessions,
  Sessions,
  SessionsObserver,
} from './assemble.ts'

type With<Data extends object, S> = Omit<SessionsOptions, 'store'> & DataSchemaOptions<Data> & { readonly store: S }

/**
 * The sessions of an application. Without options it works in development: in memory, under a random key, with a warning.
 * Throws `ConfigError` for every option that is unknown, missing in production, or wrong.
 *
 * What `of(userId)` can do follows from the store's type: all of it where the store has an owner index, ending without
 * listing for `cookie({ revocations })`, and nothing (no `of` at all) for a bare `cookie()`. For a URL the types expect an
 * owner index, and `UnsupportedError` is thrown where there is none.
 */
export function createSessions<Data extends object = Record<string, unknown>>(
  options: With<Data, CookieEngine<Store>>,
): RevocableCookieSessions<Data>
export function createSessions<Data extends object = Record<string, unknown>>(
  options: With<Data, CookieEngine<undefined>>,
): BaseSessions<Data>
export function createSessions<Data extends object = Record<string, unknown>>(
  options?: Omit<SessionsOptions, 'store'> &
    DataSchemaOptions<Data> & { readonly store?: IndexedStore | string | undefined },
): Sessions<Data>
export function createSessions<Data extends object = Record<string, unknown>>(
  options: SessionsOptions & DataSchemaOptions<Data>,
): BaseSessions<Data>
export function createSessions<Data extends object = Record<string, unknown>>(
  options: SessionsOptions & DataSchemaOptions<Data> = {},
): BaseSessions<Data> {
  return sessionsOf(createContext(options, servers))
}
