import { held, notOurs, offered, type Rows } from './row.ts'

/** NIST SP 800-63B-4, section 5 and the time limits of section 2. In brackets: the number in the list of that section. */
export const nist = {
  'NIST 2.1.3': offered(
    null,
    'AAL1: authenticate again after 30 days at the latest.',
    "`preset: 'aal1'`",
    'lifetimes.md',
  ),
  'NIST 2.2.3': offered(
    null,
    'AAL2: after 24 hours at the latest, and after an hour without use.',
    "`preset: 'aal2'`",
    'lifetimes.md',
  ),
  'NIST 2.3.3': offered(
    null,
    'AAL3: after 12 hours at the latest, and after 15 minutes without use.',
    "`preset: 'aal3'`",
    'lifetimes.md',
  ),
  'NIST 5.1 (1)': offered(
    null,
    'The secret of a session is made by the server in response to an authentication.',
    '`session.login(userId)`',
    'login.md#login',
  ),
  'NIST 5.1 (2)': held(
    null,
    'It comes from an approved random generator, and has 64 bits at least.',
    'security.md#the-cookie',
  ),
  'NIST 5.1 (3)': offered(null, 'It is erased or invalid after a logout.', '`session.logout()`', 'login.md#logout'),
  'NIST 5.1 (4)': held(null, 'It is sent over protected channels alone.', 'options.md#cookie'),
  'NIST 5.1 (5)': held(null, 'It is not accepted after its time.', 'lifetimes.md'),
  'NIST 5.1 (6)': notOurs(null, 'Nobody between browser and server can read it.', 'TLS up to the server'),
  'NIST 5.1, persistence': offered(
    null,
    'It does not outlive a restart of the browser, unless possession of a key is proved.',
    '`expireAtBrowserClose`, `login(userId, { remember })`: off by default',
    'lifetimes.md',
  ),
  'NIST 5.1, proof of possession': offered(
    null,
    'A secret that outlives the browser is bound to a key of the device.',
    '`strongroom/device-bound`',
    'device-bound.md',
  ),
  'NIST 5.1, remember me': offered(
    null,
    'A remembered browser is no authentication.',
    '`session.level`, `session.requireFresh(maxAge)`',
    'step-up.md#what-never-counts',
  ),
  'NIST 5.1, level': offered(
    null,
    'A session has the level of its authentication, or a lower one, and never a higher one.',
    '`login(userId, { level })`, `session.level`, `session.stepUp()`',
    'step-up.md#levels',
  ),
  'NIST 5.1, forged requests': offered(
    null,
    'What a POST or PUT sends is bound to the session, and checked.',
    '`csrf(sessions)`, `csrfToken(request)`',
    'csrf.md',
  ),
  'NIST 5.1, log off': offered(
    null,
    'Users can end their session when they are done.',
    '`session.logout()`',
    'login.md#logout',
  ),
  'NIST 5.1.1 (1)': held(null, 'The cookie is Secure.', 'options.md#cookie'),
  'NIST 5.1.1 (2)': held(null, 'It goes to as few hosts and paths as possible.', 'options.md#cookie'),
  'NIST 5.1.1 (3)': held(null, 'It is HttpOnly.', 'options.md#cookie'),
  'NIST 5.1.1 (4)': held(null, 'It expires with the session, which does not depend on that.', 'lifetimes.md'),
  'NIST 5.1.1 (5)': held(null, 'Its name begins with `__Host-`, and its path is `/`.', 'options.md#cookie'),
  'NIST 5.1.1 (6)': held(null, 'It is SameSite, Lax or Strict.', 'options.md#cookie'),
  'NIST 5.1.1 (7)': held(null, 'It is an opaque string, without personal data.', 'security.md#the-cookie'),
  'NIST 5.1.2': notOurs(
    null,
    'An access token of OAuth does not show that its user is there.',
    'What accepts access tokens',
  ),
  'NIST 5.2': held(
    null,
    'Two limits, overall and for inactivity: use resets the second, an authentication both, and each ends the session.',
    'lifetimes.md',
  ),
  'NIST 5.2, warning': offered(
    null,
    'The user may be told before the session ends, and keep it alive.',
    '`sessions.peek(request)`',
    'lifetimes.md',
  ),
  'NIST 5.3': offered(
    null,
    'What looks like fraud during a session is acted on.',
    '`signals: { onSignal }`',
    'signals.md',
  ),
} as const satisfies Rows
