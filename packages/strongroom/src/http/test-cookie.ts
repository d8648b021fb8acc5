import type { Session } from '../session/session.ts'

// biome-ignore lint/suspicious/noExplicitAny: any session, whatever its data
type AnySession = Session<any>

/** Django's name and value, so that a Django which shares the session finds its own. */
const [NAME, WORKED] = ['testcookie', 'worked']

/** Puts something into the session, so that the response carries a cookie and the next request can tell whether it came back. */
export function setTestCookie(session: AnySession): void {
  session.set(NAME, WORKED)
}

/** In a later request: does this browser take cookies? */
export function testCookieWorked(session: AnySession): boolean {
  return session.get(NAME) === WORKED
}

/** Takes the mark of `setTestCookie` away; nothing happens where there is none. */
export function deleteTestCookie(session: AnySession): void {
  session.delete(NAME)
}
