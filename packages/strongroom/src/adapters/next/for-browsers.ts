import { ConfigError } from '../../errors.ts'
import type { BaseSessions } from '../../sessions.ts'

/**
 * Throws `ConfigError` for sessions of `bearer()`: what is called here can set cookies alone, or is for pages, so that a new token would be
 * stored and never reach the client.
 */
export function checkForBrowsers<Data extends object>(what: string, { policy }: BaseSessions<Data>): void {
  if (policy?.transport !== 'bearer') return
  throw new ConfigError(
    `${what} is for browsers, and cannot send the token of sessions with transport: bearer(). Write a route handler for the native application: export const POST = withSessions(sessions, …).`,
  )
}
