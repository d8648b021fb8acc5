import { randomBytes } from 'node:crypto'
import type { Awaitable } from '../base/awaitable.ts'
import type { SessionsContext } from '../context.ts'
import { type CsrfSubject, deadToken, isTokenOf, maskedToken } from '../crypto/csrf.ts'
import { CsrfError, type CsrfRefusal } from '../errors.ts'
import { type CsrfPolicy, type CsrfRequest, judgeOrigin } from '../http/csrf.ts'
import { header } from '../http/headers.ts'
import { csrfSubjectOf, setCsrfValue } from '../session/csrf.ts'
import { type AnySession, stateOf } from '../session/session.ts'
import { hasCookie } from './load.ts'

/** A token for the forms of a session. Costs a write only for a session that is new, or that is signed in or out at this moment. */
export function csrfTokenOf(context: SessionsContext, session: AnySession): string {
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
  const verdict = judgeOrigin(request, policy, context.transport.secure)
  if (verdict === 'pass') return
  if (verdict !== 'unknown') throw refused(context, verdict)
  // Nothing to ride on: an attacker's page could do no more than the attacker.
  if (policy.allowWithoutCookie && !carriesSession(context, request)) return
  return checkToken(context, request, policy, session)
}

async function checkToken(
  context: SessionsContext,
  { headers, field }: CsrfRequest,
  policy: CsrfPolicy,
  session: () => Promise<AnySession>,
): Promise<void> {
  const subject = subjectOf(context, await session())
  // Before the body is read: a cookie that is made up must not make the server wait for a form, and hold it.
  if (!subject) throw refused(context, 'token')
  const given = header(headers, policy.header) ?? (await field?.(policy.field))
  if (typeof given !== 'string' || given === '') throw refused(context, 'no-token')
  if (!isTokenOf(context.ring, subject, given)) throw refused(context, 'token')
}

/** Another framework's cookie, which is adopted, is as good as ours. */
function carriesSession(context: SessionsContext, { headers }: CsrfRequest): boolean {
  const cookies = header(headers, 'cookie')
  return context.adoption === null ? hasCookie(context, cookies) : cookies !== undefined
}

/** An engine with the format of another framework has ids that change with each write, or with nothing that we know of. */
function subjectOf({ namespace, transport }: SessionsContext, session: AnySession): CsrfSubject | null {
  const of = csrfSubjectOf(stateOf(session), namespace !== null)
  return of && { namespace: namespace ?? transport.name, of }
}

function refused({ emit }: SessionsContext, reason: CsrfRefusal): CsrfError {
  emit({ type: 'rejected', what: 'request', reason })
  return new CsrfError(reason)
}
