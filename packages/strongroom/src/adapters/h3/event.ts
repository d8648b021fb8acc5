import type { IncomingMessage, ServerResponse } from 'node:http'
import type { NodeResponse } from '../node/head.ts'

/** An event of h3 1, as far as it matters here. By its shape and not by h3's types, because an application may have both versions of h3. */
export interface NodeEvent {
  readonly node: { readonly req: IncomingMessage; readonly res: ServerResponse }
  readonly context: object
  readonly web?: { readonly request?: Request | undefined } | undefined
  readonly handled: boolean
}

/** An event of h3 2. */
export interface FetchEvent {
  readonly req: Request
  readonly res: {
    readonly status?: number | undefined
    readonly headers: Headers
    /** Sent instead of `headers` with an error. */
    readonly errHeaders: Headers
  }
  readonly runtime?:
    | { readonly node?: { readonly req?: object | undefined; readonly res?: NodeResponse | undefined } | undefined }
    | undefined
}

export const isNodeEvent = (event: object): event is NodeEvent =>
  // h3 2 has `node` too, as a getter for those who come from h3 1.
  !('errHeaders' in ((event as Partial<FetchEvent>).res ?? {})) && 'node' in event
