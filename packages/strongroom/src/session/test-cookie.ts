import type { AnySession } from './session.ts'

/** Django's key and value, so that a Django that shares the session recognizes it. */
const [NAME, WORKED] = ['testcookie', 'worked']

/** Sets a value in the session, so that the response sets a cookie and the next request can tell whether it came back. */
export function setTestCookie(session: AnySession): void {
  session.set(NAME, WORKED)
}

/** In a later request: does this browser accept cookies? */
export function testCookieWorked(session: AnySession): boolean {
  return session.get(NAME) === WORKED
}

/** Deletes the value of `setTestCookie`; does nothing when there is none. */
export function deleteTestCookie(session: AnySession): void {
  session.delete(NAME)
}
