import type { LoadedCookies, SessionsContext } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import type { HeaderSource } from '../http/headers.ts'
import { type LimitedLogin, type RequestFacts, State } from '../session/state.ts'
import { checkLimit } from './session-limit.ts'

/** What is known of a session that was just loaded. `found` returns what the request's cookies lead to by then. */
export function newState(
  context: SessionsContext,
  found: () => LoadedCookies,
  refused: RequestFacts['refused'],
  headers: HeaderSource,
): State {
  const { clock, serializer, dataRules, signIn, backing, binding } = context
  const facts = {
    now: clock(),
    clock,
    handleOf,
    serializer,
    dataRules,
    signIn,
    beginLogin: (userId: string) => backing.users.moment?.(userId) ?? null,
    refused,
    checkLimit: (login: LimitedLogin) => checkLimit(context, login, found()),
  }
  const state = new State(facts, found().loaded)
  if (binding) state.deviceProof = () => binding.provedAt(headers, found().loaded)
  state.awaitsProof = found().superseded?.proof !== undefined
  return state
}
