import type { DjangoEngine } from '../../../packages/django/src/engine.ts'
import type { SessionsOptions } from '../../../packages/strongroom/src/options.ts'
import type { Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { Clock, Store } from '../../../packages/strongroom/src/store.ts'
import type { Watched } from '../../../packages/strongroom/src/testing/watched.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests store what they like
export type Anything = Record<string, any>

/** An own store or its URL, or an engine of the bridge. */
export type AnyStore = NonNullable<SessionsOptions['store']> | DjangoEngine

/** The options of `createSessions`. The bridge gets those that say the same. */
export type Options = Omit<SessionsOptions, 'store'> & { readonly store?: AnyStore }

/** What some engines cannot do, and why. */
export const LACKING = {
  record: 'the session is in its cookie, and there is no record on the server',
  revokes: 'without revocations, a copied cookie works until its deadline',
  versions: 'a cookie has no version, and of concurrent writes the last one wins',
  index: "this engine has no index of a user's sessions",
  scan: 'this engine cannot list its sessions',
  cache: 'this engine has no cache',
  files: 'this engine stores no files',
} as const
export type Ability = keyof typeof LACKING

type Observed = Pick<Watched, 'before' | 'calls'>

/** The directories of an engine that stores files. */
export interface Files {
  readonly dir: string
  open(dir: string): AnyStore
  /** Leaves what a crash in the middle of a write leaves, and returns its path. */
  crash(): string
}

/** An engine that is ready for the tests. */
export interface StartedEngine {
  readonly store: AnyStore
  /** The store of the records. Null when they are in cookies. */
  readonly records: Store | null
  /** Returns another store of the same kind, empty and unshared. */
  another(): Promise<AnyStore>
  /** For an engine that consists of two stores. */
  readonly durable?: Observed & { readonly store: AnyStore }
  readonly cache?: Observed
  /** What went wrong in the cache. */
  readonly cacheErrors?: unknown[]
  readonly files?: Files
  /** For a backend with a clock of its own: lets time pass there. */
  passed?(ms: number): Promise<unknown>
  close(): Promise<void>
}

export interface Engine {
  readonly name: string
  readonly skip: string | false
  readonly format: Format
  readonly abilities: readonly Ability[]
  /** By how many ms the backend's clock may differ. */
  readonly drift: number
  start(clock: Clock): Promise<StartedEngine>
}

/** What tells Strongroom's own sessions from those that are shared with Django: the format in stores and cookies. */
export interface Format {
  readonly name: 'own' | 'django'
  /** Without options, in ms: how long a session lives unused, and at most. */
  readonly idle: number
  readonly absolute: number
  /** A value of so many bytes cannot be stored. */
  readonly tooLarge: number
  sessions(options: Options & { readonly store: AnyStore; readonly clock: Clock }): Sessions<Anything>
  /** Returns the sessions of the application after its secrets have been replaced. The first one signs. */
  withSecrets(sessions: Sessions<Anything>, secrets: readonly string[], make: MakeSessions): Promise<Sessions<Anything>>
  /** Returns a cookie that could be a session's, of a session that never existed. */
  unknownCookie(cookieName: string): string
  /**
   * Replaces the content of a stored session, as only somebody with all keys could. A string is stored as it is, whether it can be
   * parsed or not. Returns the cookie, which is another one if it contains the session.
   */
  rewrite(started: StartedEngine, clock: Clock, cookie: string, content: string | object): Promise<string>
  /** Returns a store that can be given to `sessions`, and observes the store of the engine's records. */
  observed(started: StartedEngine): { readonly store: AnyStore; readonly watch: Observed }
}

type MakeSessions = (options: Options) => Sessions<Anything>
