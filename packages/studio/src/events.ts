import { ConfigError } from 'strongroom'
import { framesOf } from 'strongroom/internal'

/**
 * What happened in the studio, for an audit log. Contains no token, id, user id or data: `handle` is a session's public name, and
 * `operator` is the name that the guard returned, if it returned one.
 */
export type StudioEvent =
  /** The guard threw, and nobody was let in. */
  | { readonly type: 'guardFailed'; readonly error: unknown }
  /** A page failed. The operator saw the status alone, unless it was the store. */
  | { readonly type: 'failed'; readonly error: unknown; readonly operator: string | null }
  | { readonly type: 'refused'; readonly reason: Refusal; readonly operator: string | null }
  | {
      readonly type: 'ended'
      readonly what: 'one' | 'others' | 'all' | 'everybody'
      readonly handle: string | null
      /** How many sessions; null where nobody can count them. */
      readonly count: number | null
      readonly operator: string | null
    }

/** `guard`: it returned false. `read-only`: a form was sent by someone who may not write. `forged`: another site sent the form. */
export type Refusal = 'guard' | 'read-only' | 'forged'

/** Called with what operators have done. */
export type StudioListener = (event: StudioEvent) => void

export function checkListener(where: string, listener: unknown): void {
  if (listener === undefined || typeof listener === 'function') return
  throw new ConfigError(`${where}: on must be a function, which is called with each event.`)
}

const WORDS = { guardFailed: 'The guard of the studio threw', failed: 'A page of the studio failed' } as const

/** Failures become a warning of the process while nobody listens: a guard that fails must not look like one that refuses. */
export function reporter(listener: StudioListener | undefined): StudioListener {
  return (event) => {
    if (listener) return call(listener, event)
    if (event.type === 'guardFailed' || event.type === 'failed')
      process.emitWarning(`${WORDS[event.type]}: ${nameOf(event.error)}. To log it in your own way, pass "on".`, {
        code: 'STRONGROOM_STUDIO',
        // Where, and not its message, which is the application's and may hold what nobody should read in a log.
        detail: framesOf(event.error),
      })
  }
}

/** An error of the listener must not become the operator's. */
function call(listener: StudioListener, event: StudioEvent): void {
  try {
    listener(event)
  } catch (error) {
    process.emitWarning(`The listener of the studio threw: ${nameOf(error)}.`, {
      code: 'STRONGROOM_STUDIO',
      detail: framesOf(error),
    })
  }
}

const nameOf = (error: unknown) => (error instanceof Error ? error.name : 'an error')
