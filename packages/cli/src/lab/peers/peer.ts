/** What the application of another library is told in `settings`. */
export interface Peer {
  readonly library:
    | 'express-session'
    | 'cookie-session'
    | 'iron-session'
    | '@fastify/session'
    | '@fastify/secure-session'
  readonly store:
    | 'memory'
    | 'cookie'
    | 'session-file-store'
    | 'connect-redis'
    | 'connect-pg-simple'
    | 'express-mysql-session'
  /** Where the store is: a URL, or a folder. */
  readonly url: string
}

/** @fastify/secure-session wants 32 bytes, and the lab's secrets are these in base64url. */
export const keyOf = (secret: string): Buffer => Buffer.from(secret, 'base64url')
