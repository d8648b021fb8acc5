import type { IncomingMessage } from 'node:http'

export type Callback = (error?: unknown) => void

/** Where a request has what its `req.session` does its work with. */
export const VISIT = Symbol('strongroom express-session')

/** A request, with what express-session puts on it. */
export interface SessionRequest extends IncomingMessage {
  [VISIT]?:
    | { readonly sessionId: string | undefined; generate(): void; regenerate(callback?: Callback): void }
    | undefined
  session?: { regenerate(callback: Callback): unknown } | null | undefined
  sessionID?: string | undefined
  sessionStore?: object | undefined
  /** Of Express and Connect: as it was before a mount point was cut off. */
  originalUrl?: string | undefined
  /** Of Express: with its setting "trust proxy". */
  secure?: boolean | undefined
  secret?: unknown
}

/** Did the request come over TLS? `proxy` is the option: undefined leaves it to Express' own setting. */
export function isOverTls({ socket, secure, headers }: SessionRequest, proxy: boolean | undefined): boolean {
  if (socket && 'encrypted' in socket && socket.encrypted) return true
  if (proxy === false) return false
  if (proxy === undefined) return secure === true
  const first = String(headers['x-forwarded-proto'] ?? '').split(',', 1)[0] as string
  return first.trim().toLowerCase() === 'https'
}

/** The path that the visitor's browser compares with a cookie's. */
export function pathOf({ originalUrl, url }: Pick<SessionRequest, 'originalUrl' | 'url'>): string {
  const target = originalUrl || url || '/'
  // An absolute target (RFC 9112 §3.2.2) may come through a proxy.
  const path = /^(?:[a-z][a-z0-9+.-]*:\/\/[^/?#]*)?([^?#]*)/i.exec(target)?.[1]
  return path || '/'
}
