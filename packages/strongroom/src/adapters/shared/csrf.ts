import type { Awaitable } from '../../base/awaitable.ts'
import { type CsrfOptions, type CsrfRequest, csrfPolicy } from '../../http/csrf.ts'
import type { BaseSessions } from '../../sessions.ts'
import { checkSessions } from './check.ts'

/**
 * What `csrf(sessions, options)` of an adapter does: throws or rejects with `CsrfError` for a request that must not reach the handler.
 * `example` is how it is used.
 */
export function csrfCheck<Data extends object>(
  example: string,
  sessions: BaseSessions<Data>,
  options: CsrfOptions = {},
): (request: object, facts: CsrfRequest) => Awaitable<void> {
  checkSessions(example, sessions)
  const policy = csrfPolicy(options)
  return (request, facts) => sessions.checkCsrf(request, facts, policy)
}
