import type { Clock, Store } from '../../store.ts'

/** What an engine is told by the sessions that it is to keep. */
export interface World {
  readonly clock: Clock
  /** SESSION_COOKIE_NAME, which session files begin with. */
  readonly cookieName: string
  /** When a session ends that was saved at a moment, by what its `session_data` says. */
  endOf(sessionData: string, savedAt: number): number
}

/** One of Django's places for sessions, as `createDjangoSessions` takes it. */
export interface DjangoEngine {
  readonly name: 'db' | 'file' | 'redis' | 'signed_cookies'
  /** The store under it: ids are session keys, bytes `session_data`. Null where sessions are in their cookies. */
  open(world: World): Store | null
}

/** `django.contrib.sessions.backends.signed_cookies`: the session in the cookie itself, readable, and never revoked. */
export function djangoCookies(): DjangoEngine {
  return { name: 'signed_cookies', open: () => null }
}
