import type { Clock, ScanOptions, Store } from 'strongroom'

/** What an engine is told by the sessions that it is to keep. */
export interface World {
  readonly clock: Clock
  /** SESSION_COOKIE_NAME, which session files begin with. */
  readonly cookieName: string
  /** When a session ends that was saved at a moment, by what its `session_data` says. */
  endOf(sessionData: string, savedAt: number): number
}

/** A store of Django's whose sessions can be gone through, all of them, to move them. */
export interface WalkedStore extends Store {
  /** Session keys, page by page; one may come twice. Not `scan`: listings need handles, and these keys have none. */
  keys(options?: ScanOptions): AsyncIterable<readonly string[]>
}

/** Where Django keeps its users, which is where the `db` backend keeps its sessions, too. */
export interface UserTable {
  /** Default `auth_user`. */
  readonly users?: string | undefined
  /** Its primary key. Default `id`. */
  readonly userKey?: string | undefined
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
