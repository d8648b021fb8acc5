/** How one application of another library is started. It goes to its process as JSON. */
export interface PeerConfig {
  readonly library: Library
  readonly store: StoreConfig
  readonly secret: string
  readonly cookieName: string
  /** Idle limit in ms. */
  readonly idle: number
}

export const LIBRARIES = [
  'express-session',
  'cookie-session',
  'iron-session',
  '@fastify/session',
  '@fastify/secure-session',
] as const
export type Library = (typeof LIBRARIES)[number]

export type StoreConfig =
  | { readonly kind: 'memory' | 'cookie' }
  | { readonly kind: 'session-file-store'; readonly folder: string }
  | { readonly kind: 'connect-redis' | 'connect-pg-simple' | 'express-mysql-session'; readonly url: string }
