import { writableValues } from './changes.ts'
import { setInternal } from './internal.ts'
import type { State } from './state.ts'
import { own } from './values.ts'

/** The library's own key: an application cannot set one that begins with `~`. */
const KEY = '~csrf'

/**
 * What the CSRF tokens of a session are made from: a stored value, or the session itself, which costs no write; null where there is
 * neither. `hasLastingId` is false where the id is another after each write.
 */
export function csrfSubjectOf(state: State, hasLastingId: boolean): readonly (string | number | null)[] | null {
  const { meta, ref, intent, loggedOut } = state
  const value = own(state.values, KEY)
  // With the user, so that a value that a parallel request stores while somebody signs in is worthless after that, too.
  if (typeof value === 'string') return ['value', value, userOf(state)]
  // What the login or the logout makes of the session is not known before it is saved.
  if (!hasLastingId || meta === null || ref === null || loggedOut || intent?.verb === 'login') return null
  // The id is another after a login of another user, and the moment after one of the same: not that of the last proof, because a form
  // may be open while its user proves again who they are.
  return ['session', ref.cookie.id, meta.authenticatedAt && meta.createdAt]
}

const userOf = ({ intent, meta }: State): string | null =>
  intent?.verb === 'login' ? intent.userId : intent?.verb === 'logout' ? null : (meta?.userId ?? null)

/** For a session whose id nobody knows yet: the value is saved with it. */
export const setCsrfValue = (state: State, value: string): void => setInternal(state, KEY, value)

/** At a login: a token that somebody got before it, perhaps with a planted cookie, must not be accepted after it. */
export function dropCsrfValue(state: State): void {
  if (own(state.values, KEY) === undefined) return
  delete writableValues(state)[KEY]
  state.edits ??= new Map()
  state.edits.set(KEY, { kind: 'delete' })
}
