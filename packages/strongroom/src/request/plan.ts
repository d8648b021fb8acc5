import type { Loaded, SessionRef, VerifiedCookie } from '../backing/backing.ts'
import type { LoadedCookies, SessionsContext } from '../context.ts'
import { changesOf, type RequestChanges } from '../session/changes.ts'
import { isEmpty } from '../session/content.ts'
import { touchDue } from '../session/lifetime.ts'
import type { Changes } from '../session/merge.ts'
import type { State } from '../session/state.ts'

/** What has to be done for a request's session when its response begins. */
export type Plan =
  | {
      readonly verb: 'end'
      readonly refs: readonly SessionRef[]
      /** Begin a new session afterwards? */
      readonly startAgain: boolean
      readonly ended: readonly VerifiedCookie[]
    }
  | {
      readonly verb: 'create'
      /** For a login: the sessions that it takes the place of. */
      readonly ends: readonly SessionRef[]
      readonly presented: readonly VerifiedCookie[]
      /** Those of them that lead to nothing any more. */
      readonly ended: readonly VerifiedCookie[]
      /** Must other requests with these cookies create nothing? Or must this one not, if one of them has signed in? */
      readonly replaces: boolean
    }
  | {
      readonly verb: 'login'
      readonly loaded: Loaded
      readonly changes: Changes
      /** Other sessions of the user that the request has cookies of. */
      readonly ends: readonly SessionRef[]
    }
  | {
      readonly verb: 'write'
      readonly loaded: Loaded
      /** Was it left empty a moment ago? Then it is as good as none. */
      readonly isEmptied: boolean
      readonly changes: RequestChanges
      readonly renews: boolean
      /** Otherwise, may its token be renewed if it is old? */
      readonly mayRenew?: boolean | undefined
    }
  | { readonly verb: 'touch'; readonly loaded: Loaded; readonly expiresAt: number }
  /** `saveEveryRequest`, or `resave` of express-session, where nothing was changed. */
  | {
      readonly verb: 'refresh'
      readonly loaded: Loaded
      readonly mayRenew?: boolean | undefined
      /** Does nobody miss it, if another request is faster? The next request will do it. */
      readonly once?: boolean | undefined
    }

export const NO_CHANGES: RequestChanges = { cleared: false, edits: new Map(), text: null }

/** Does it move an expiry, and save nothing that would be lost? */
export const movesExpiry = ({ verb }: Plan): boolean => verb === 'touch' || verb === 'refresh'

/** Null if there is nothing to do. No I/O; throws `DataError` for a value that cannot be stored. */
export function planOf(
  context: SessionsContext,
  state: State,
  { loaded, superseded, emptied, presented, ended, loggedOut, others }: LoadedCookies,
  failed: boolean,
): Plan | null {
  const { intent } = state
  const dropped = failed && !context.saveOnServerError
  const empty = isEmpty(state.values)
  const isAdmitted = () => context.anonymous?.admits(state) ?? true
  // A logout takes effect even when the page about it failed, and with a cookie that was superseded.
  if (intent?.verb === 'logout' || state.loggedOut) {
    const own = loaded?.ref ?? emptied?.ref ?? superseded?.ends?.ref
    const refs = others.map(({ ref }) => ref)
    const startAgain = !dropped && (intent?.verb === 'login' || !empty)
    return { verb: 'end', refs: own ? [own, ...refs] : refs, startAgain, ended }
  }
  if (dropped) return null
  const changes = changesOf(state)
  // Whatever a parallel request writes into a session that this one has cleared must not survive that.
  const toApply = changes ?? { ...NO_CHANGES, cleared: state.cleared, kept: state.kept }
  const ends = intent?.verb === 'login' ? others.filter(({ isOf }) => isOf(intent.userId)).map(({ ref }) => ref) : []
  if (intent?.verb === 'login') {
    const replaced = loaded ?? emptied
    if (replaced) return { verb: 'login', loaded: replaced, changes: toApply, ends }
    // As with a logout and a login: the old cookie was once its owner's, and nothing of the user before is left in this browser.
    const own = superseded?.proof === undefined || superseded.ends?.isOf(intent.userId) ? superseded?.ends : null
    return { verb: 'create', ends: own ? [own.ref, ...ends] : ends, presented, ended, replaces: true }
  }
  const renews = intent !== null
  if (!loaded) {
    // The response with the newer cookie may still be on its way, and ours would overwrite it.
    if (empty || superseded?.isRecent) return null
    if (emptied) return { verb: 'write', loaded: emptied, isEmptied: true, changes: toApply, renews }
    return isAdmitted() ? { verb: 'create', ends: [], presented, ended, replaces: loggedOut } : null
  }
  if (intent || changes || state.lifetime) return { verb: 'write', loaded, isEmptied: false, changes: toApply, renews }
  if (context.saveEveryRequest || context.resaves) return { verb: 'refresh', loaded }
  const expiresAt = touchDue(context.clock(), loaded.ref.expiresAt, loaded.meta, context.touchShare)
  return expiresAt === null ? null : { verb: 'touch', loaded, expiresAt }
}
