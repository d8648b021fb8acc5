import { randomBytes } from 'node:crypto'
import type { Awaitable } from '../base/awaitable.ts'
import type { SessionsContext } from '../context.ts'
import { type CsrfSubject, deadToken, maskedToken } from '../crypto/csrf.ts'
import type { CsrfError, CsrfRefusal } from '../errors.ts'
import type { CsrfPolicy, CsrfRequest } from '../http/csrf.ts'
import { header } from '../http/headers.ts'
import { csrfSubjectOf, setCsrfValue } from '../session/csrf.ts'
import { type AnySession, stateOf } from '../session/session.ts'
import { hasToken } from './load.ts'

/** A token for the forms of a session. Costs a write only for a session that is new, or that is signed in or out at this moment. */
export function csrfTokenOf(context: SessionsContext, session: AnySession): string {
  context.transport.other?.refuseForms()
  const state = stateOf(session)
  const before = subjectOf(context, session)
  if (before) return maskedToken(context.ring, before)
  // The store is down, and this is a stand-in. The page need not fail: browsers send an Origin with its form.
  if (state.isReadOnly) return deadToken()
  setCsrfValue(state, randomBytes(16).toString('base64url'))
  return csrfTokenOf(context, session)
}

/**
 * Lets a request pass that was not made by another site's page; otherwise throws or rejects with `CsrfError`, and reports an event.
 * A promise only if a token has to be compared. `session` loads the session of the request.
 */
export function checkCsrf(
  context: SessionsContext,
  request: CsrfRequest,
  policy: CsrfPolicy,
  session: () => Promise<AnySession>,
): Awaitable<void> {
  // A browser adds no Authorization of this scheme by itself. Without one it is judged as any request: an application may know its
  // visitors by something else that browsers do send, such as a certificate.
  if (context.transport.other && hasToken(context, request.headers)) return
  const verdict = policy.judge(request, context.transport.secure)
  if (verdict === 'pass') return
  if (verdict !== 'unknown') throw refused(context, policy, verdict)
  // Nothing to ride on: an attacker's page could do no more than the attacker.
  if (policy.allowWithoutCookie && !carriesSession(context, request)) return
  return checkToken(context, request, policy, session)
}

async function checkToken(
  context: SessionsContext,
  request: CsrfRequest,
  policy: CsrfPolicy,
  session: () => Promise<AnySession>,
): Promise<void> {
  const reason = await policy.refuseToken(request, context.ring, subjectOf(context, await session()))
  if (reason) throw refused(context, policy, reason)
}

/** Another framework's cookie, which is adopted, is as good as ours. */
function carriesSession(context: SessionsContext, { headers }: CsrfRequest): boolean {
  return context.adoption === null ? hasToken(context, headers) : header(headers, 'cookie') !== undefined
}

/** An engine with the format of another framework has ids that change with each write, or with nothing that we know of. */
function subjectOf({ namespace, transport }: SessionsContext, session: AnySession): CsrfSubject | null {
  const of = csrfSubjectOf(stateOf(session), namespace !== null)
  return of && { namespace: namespace ?? transport.name, of }
}

function refused({ emit }: SessionsContext, policy: CsrfPolicy, reason: CsrfRefusal): CsrfError {
  emit({ type: 'rejected', what: 'request', reason })
  return policy.refusal(reason)
}
