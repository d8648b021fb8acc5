import { held, notOurs, offered, type Rows } from './row.ts'

/** The Session Management Cheat Sheet of OWASP, by its headings: what it adds to ASVS. */
export const cheatSheet = {
  'OWASP Session ID Name Fingerprinting': held(
    null,
    'The name of the cookie does not tell which product sets it.',
    'options.md#cookie',
  ),
  'OWASP Session ID Entropy': held(
    null,
    'A session id cannot be guessed, however many are tried.',
    'security.md#the-cookie',
  ),
  'OWASP Session ID Content': held(
    null,
    'A session id means nothing, and has no personal data in it.',
    'security.md#the-cookie',
  ),
  'OWASP Strict Session Management': held(
    null,
    'An id that the server has not issued is not adopted, and looks suspicious.',
    'events.md',
  ),
  'OWASP Used vs. Accepted Exchange Mechanisms': held(
    null,
    'A session id is accepted in the one place where it is sent.',
    'security.md#what-comes-in',
  ),
  'OWASP Manage Session ID as Any Other User Input': held(
    null,
    'A session id is checked, as all that comes from outside, before anything is done with it.',
    'security.md#what-comes-in',
  ),
  'OWASP Renew the Session ID After Any Privilege Level Change': offered(
    null,
    "A session has a new id when its user's rights have changed.",
    '`session.renew()`',
    'login.md#renew',
  ),
  'OWASP Considerations When Using Multiple Cookies': offered(
    null,
    'Cookies that make up one session are verified together.',
    '`strongroom/device-bound`',
    'device-bound.md',
  ),
  'OWASP Session Expiration': offered(
    null,
    'Idle: 2 to 5 minutes where much is at stake, 15 to 30 where little is. Absolute: 4 to 8 hours for a day at the office.',
    "`preset: 'owasp'`",
    'lifetimes.md',
  ),
  'OWASP Automatic Session Expiration': held(
    null,
    'The server decides when a session has expired, and not the cookie.',
    'lifetimes.md',
  ),
  'OWASP Renewal Timeout': offered(
    null,
    'A session id is replaced now and then while it is used, with a short time for the one before it.',
    '`renewEvery`, `onReuse`',
    'renewal.md',
  ),
  'OWASP Manual Session Expiration': offered(
    null,
    'A logout removes the cookie from the browser, too.',
    '`session.logout()`',
    'login.md#logout',
  ),
  'OWASP Forcing Session Logout on Web Browser Window Close Events': notOurs(
    null,
    'A page logs out when its window is closed.',
    "The page's scripts",
  ),
  'OWASP Web Content Caching': held(
    null,
    'A page with a session id is stored by no cache.',
    'requests.md#what-a-commit-does',
  ),
  'OWASP Session ID Guessing and Brute Force Detection': offered(
    null,
    'Somebody who tries many ids is noticed.',
    '`guessing`',
    'guessing.md',
  ),
  'OWASP Binding the Session ID to Other User Properties': offered(
    null,
    'Another browser or network with the id of a session is noticed.',
    '`signals: { onSignal }`',
    'signals.md',
  ),
  'OWASP Logging Sessions Life Cycle': held(
    null,
    'What happens to sessions is logged, without their ids, by names that belong together.',
    'events.md',
  ),
  'OWASP Simultaneous Session Logons': offered(
    null,
    'An account has no more sessions than it may, or users see how many there are.',
    '`login(userId, { limit, atLimit })`',
    'login.md#login',
  ),
} as const satisfies Rows
