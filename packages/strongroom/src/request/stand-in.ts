import type { SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { Session } from '../session/session.ts'
import { State } from '../session/state.ts'

/** What a page gets that can do without its session while the store is down: empty, and read-only. */
export function standIn<Data extends object>({ clock, proofs }: SessionsContext): Session<Data> {
  const state = new State({ now: clock(), clock, handleOf }, null)
  state.makeReadOnly()
  state.isStandIn = true
  return new Session<Data>(state, proofs)
}
