import diagnostics from 'node:diagnostics_channel'
import { reasonWarnings } from './base/reasons.ts'
import { type CsrfRefusal, StoreError } from './errors.ts'

/**
 * What happened to a session, for logs and audits. Contains no token, id, user id or data: `handle` is the session's public
 * name.
 */
export type SessionEvent =
  | { readonly type: 'created'; readonly handle: string; readonly authenticated: boolean }
  | { readonly type: 'loaded'; readonly handle: string }
  /** A session of another framework (option `adoptFrom`) became one of ours. */
  | { readonly type: 'adopted'; readonly handle: string; readonly source: string }
  | { readonly type: 'updated'; readonly handle: string }
  | { readonly type: 'touched'; readonly handle: string }
  /**
   * The session has a new token. After a login of another user than before it has a new identity, too, and `previous` is the
   * handle that is dead now; otherwise that is the same. The login of a visitor who had no session before is a `created`.
   */
  | { readonly type: 'renewed'; readonly handle: string; readonly previous: string; readonly reason: 'login' | 'renew' }
  | {
      readonly type: 'revoked'
      readonly handle: string | null
      readonly count: number
      readonly reason: RevokeReason
      /** Whose sessions were ended, where one event stands for many: what `sessions.userKey(userId)` returns. */
      readonly user?: string | undefined
      /** The session of that user that goes on, by its handle; null if none does. */
      readonly except?: string | null | undefined
    }
  /** A valid cookie whose session is no longer stored: logged out, revoked, or past its deadline. */
  | { readonly type: 'absent'; readonly handle: string }
  /** A cookie whose session goes on under a later token: it was renewed. Perhaps a copy in other hands. */
  | { readonly type: 'superseded'; readonly handle: string }
  | { readonly type: 'expired'; readonly handle: string; readonly reason: 'idle' | 'absolute' }
  /** A cookie or a record that is not ours or was altered. Only `unknown-key` may be a mistake of a deployment. */
  | { readonly type: 'rejected'; readonly what: 'cookie' | 'record'; readonly reason: string }
  /** A request that another site's page may have made, refused by `csrf(sessions)`. */
  | { readonly type: 'rejected'; readonly what: 'request'; readonly reason: CsrfRefusal }
  | { readonly type: 'conflict'; readonly handle: string; readonly attempt: number }
  /** A request's changes were dropped, because the session had ended, or went on under a newer cookie. */
  | { readonly type: 'gone'; readonly handle: string }
  | { readonly type: 'limit'; readonly policy: 'end-oldest' | 'refuse'; readonly ended: number }
  | { readonly type: 'storeError'; readonly error: Error }
  | { readonly type: 'cleared'; readonly count: number }

export type RevokeReason = 'logout' | 'revoke' | 'revoke-others' | 'revoke-all' | 'everybody' | 'limit' | 'emptied'

export type Listener = (event: SessionEvent) => void

/** The name of the `node:diagnostics_channel` on which all events of every `createSessions` are published. */
export const CHANNEL = 'strongroom'

const channel = diagnostics.channel(CHANNEL)

const STORE_WARNING = {
  code: 'STRONGROOM_STORE',
  failed: 'The session store failed',
  advice: 'To log every failure, listen to the event storeError.',
}

/** Reports an event. */
export interface Emit {
  (event: SessionEvent): void
  /** False if nobody listens, so that the event need not be made. */
  wanted(): boolean
  /** False if those who listen do not look at the handle, so that it need not be computed: it costs a hash. */
  wantsHandle(): boolean
  /** Adds a listener that only counts: it gets events without handles, and must not throw. Returns what removes it. */
  observe(counter: Listener): () => void
}

/** `strangers` is told of each cookie of our name that was made under other secrets. */
export function emitter(listener: Listener | undefined, strangers?: () => void): Emit {
  // An error of the listener must not become the visitor's, nor end the process if the listener is async.
  const warn = (error: unknown) =>
    process.emitWarning(`The session event listener threw: ${error instanceof Error ? error.name : 'an error'}`, {
      code: 'STRONGROOM_LISTENER',
      // Where, and not its message, which is the application's and may hold what nobody should read in a log.
      detail: framesOf(error),
    })
  const emit = (event: SessionEvent) => {
    try {
      const result = listener?.(event) as unknown
      if (result instanceof Promise) result.catch(warn)
    } catch (error) {
      warn(error)
    }
    if (channel.hasSubscribers) channel.publish(event)
    for (const counter of counters) counter(event)
  }
  let counters: readonly Listener[] = []
  const wantsHandle = () => listener !== undefined || channel.hasSubscribers
  const wanted = () => counters.length > 0 || wantsHandle()
  const observe = (counter: Listener) => {
    counters = [...counters, counter]
    return () => {
      counters = counters.filter((one) => one !== counter)
    }
  }
  const warnOfStore = reasonWarnings(STORE_WARNING)
  // Some adapters answer 503 and log nothing, and with `onStoreError: 'anonymous'` everybody is just signed out.
  const reported = (event: SessionEvent) => {
    if (event.type === 'storeError' && !wantsHandle()) warnOfStore(event.error)
    if (strangers && event.type === 'rejected' && event.what === 'cookie' && OF_OTHERS.has(event.reason)) strangers()
    emit(event)
  }
  return Object.assign(reported, { wanted, wantsHandle, observe })
}

const OF_OTHERS: ReadonlySet<string> = new Set(['forged', 'unknown-key'])

const framesOf = (error: unknown): string =>
  error instanceof Error
    ? (error.stack ?? '')
        .split('\n')
        .filter((line) => /^\s+at /.test(line))
        .join('\n')
    : ''

/** The same work, with an event for a store that failed: for what is called outside of a request's own load and save. */
export const withStoreErrors =
  <Args extends unknown[], T>(emit: Emit, work: (...args: Args) => Promise<T>) =>
  async (...args: Args): Promise<T> => {
    try {
      return await work(...args)
    } catch (error) {
      if (error instanceof StoreError) emit({ type: 'storeError', error })
      throw error
    }
  }
