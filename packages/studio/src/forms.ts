import { StrongroomError } from 'strongroom'
import { csrfCheck, fetchFacts } from 'strongroom/internal'
import { type Html, html, nothing } from './html.ts'
import type { VisitorSessions } from './sessions.ts'

/** Forms are sent from here, and from nowhere else. */
export interface Forms {
  /** Was it sent by a page of this origin? */
  isOwn(request: Request, fields: Readonly<Record<string, string>>): Promise<boolean>
  /** What a form of ours has in it. */
  field(request: object): Promise<Html | string>
}

const FIELD = '_csrf'

/**
 * Whether the client has a session cookie does not matter: a guard may go by something else that a browser sends by itself, such as a
 * password, a certificate or an address. `origin` is for a proxy that changes Host.
 */
export function forms(sessions: VisitorSessions, origin: string | readonly string[] | undefined): Forms {
  const check = csrfCheck('studio(sessions, { guard })', sessions, { origin, field: FIELD, allowWithoutCookie: false })
  return {
    async isOwn(request, fields) {
      try {
        // Not from the body, which has been read: a framework may have done that before.
        await check(
          request,
          fetchFacts(request, (name) => fields[name]),
        )
        return true
      } catch (error) {
        if (error instanceof StrongroomError && error.code === 'STRONGROOM_CSRF') return false
        throw error
      }
    },
    async field(request) {
      // For an operator without a session there, one would be made, in the store that is looked at. What browsers say suffices.
      if ((await sessions.get(request)).handle === null || sessions.policy.transport === 'bearer') return nothing
      return html`<input type="hidden" name="${FIELD}" value="${await sessions.csrfToken(request)}">`
    },
  }
}
