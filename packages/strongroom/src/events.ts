import diagnostics from 'node:diagnostics_channel'

/**
 * What happened to a session, for logs and audits. Never a token, an id, a user id or data: `handle` is the session's
 * public name.
 */
export type SessionEvent =
  | { readonly type: 'created'; readonly handle: string; readonly authenticated: boolean }
  | { readonly type: 'loaded'; readonly handle: string }
  /** A session of another framework (option `formerly`) became one of ours. */
  | { readonly type: 'adopted'; readonly handle: string; readonly former: string }
  | { readonly type: 'updated'; readonly handle: string }
  | { readonly type: 'touched'; readonly handle: string }
  /** `previous` is the handle that is dead now. A login of a visitor who had no session before is a `created`. */
  | { readonly type: 'renewed'; readonly handle: string; readonly previous: string; readonly reason: 'login' | 'renew' }
  | { readonly type: 'revoked'; readonly handle: string | null; readonly count: number; readonly reason: RevokeReason }
  /** A cookie of ours whose session is there no longer: logged out, revoked, or past its deadline. */
  | { readonly type: 'absent'; readonly handle: string }
  | { readonly type: 'expired'; readonly handle: string; readonly reason: 'idle' | 'absolute' }
  /** A cookie or a record that does not open; `unknown-key` may be a deployment's mistake, the others are not. */
  | { readonly type: 'notOurs'; readonly what: 'cookie' | 'record'; readonly reason: string }
  | { readonly type: 'conflict'; readonly handle: string; readonly attempt: number }
  /** A request's changes were dropped, for the session ended meanwhile. */
  | { readonly type: 'gone'; readonly handle: string }
  | { readonly type: 'limit'; readonly policy: 'end-oldest' | 'refuse'; readonly ended: number }
  | { readonly type: 'storeError'; readonly error: Error }
  | { readonly type: 'cleared'; readonly count: number }

export type RevokeReason = 'logout' | 'revoke' | 'revoke-others' | 'revoke-all' | 'limit' | 'emptied'

export type Listener = (event: SessionEvent) => void

/** The name of the `node:diagnostics_channel` on which every event of every `createSessions` is published. */
export const CHANNEL = 'strongroom'

const channel = diagnostics.channel(CHANNEL)

/** Handing on an event; `wanted()` is false when nobody listens, so that building one can be left out. */
export interface Emit {
  (event: SessionEvent): void
  wanted(): boolean
}

export function emitter(listener: Listener | undefined): Emit {
  // A listener's fault must not become the visitor's, nor, where it is an async function, end the process.
  const warn = (error: unknown) =>
    process.emitWarning(`The session event listener threw: ${error instanceof Error ? error.name : 'an error'}`, {
      code: 'STRONGROOM_LISTENER',
    })
  const emit = (event: SessionEvent) => {
    try {
      const answer = listener?.(event) as unknown
      if (answer instanceof Promise) answer.catch(warn)
    } catch (error) {
      warn(error)
    }
    if (channel.hasSubscribers) channel.publish(event)
  }
  return Object.assign(emit, { wanted: () => listener !== undefined || channel.hasSubscribers })
}
