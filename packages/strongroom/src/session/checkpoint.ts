import type { State } from './state.ts'

/**
 * Remembers what this request has changed so far. The function that it returns takes back what was changed since, as if the login that
 * failed had not been asked for; it does nothing once the session has ended, whose data must not begin another one.
 */
export function checkpoint(state: State): () => void {
  const { ref, values, shared, cleared, kept, lifetime, intent, loggedOut, credentialChange, proofs } = state
  const before = {
    // Copies, of what is changed in place. Values that other requests have, too, are not.
    values: values === shared ? values : { ...values },
    edits: state.edits && new Map(state.edits),
    updated: state.updated && new Map(state.updated),
    lent: state.lent && new Set(state.lent),
    ...{ cleared, kept, lifetime, intent, loggedOut, credentialChange, proofs },
  }
  const takeBack = state.application?.checkpoint()
  return () => {
    if (state.ref !== ref) return
    Object.assign(state, before)
    takeBack?.()
  }
}
