import { held, notOurs, offered, type Rows } from './row.ts'

/** RFC 6265bis and CHIPS, with what Chromium does. */
export const cookies = {
  'RFC 6265bis, __Host-': held(
    null,
    'A cookie of this prefix is Secure, without a Domain, with the path `/`, however the prefix is spelled.',
    'options.md#cookie',
  ),
  'RFC 6265bis, __Secure-': held(null, 'A cookie of this prefix is Secure.', 'options.md#cookie'),
  'RFC 6265bis, __Host-Http-': offered(
    null,
    'A cookie of this prefix cannot come from a script.',
    "`cookie: { name: '__Host-Http-id' }`",
    'options.md#cookie',
  ),
  'RFC 6265bis, cookies without a name': held(
    null,
    'A cookie without a name, whose value looks like ours, is not ours; of two with our name, none is chosen by chance.',
    'events.md',
  ),
  'RFC 6265bis, size': held(null, 'What is set fits into what browsers store, or is refused.', 'cookie.md'),
  'RFC 6265bis, 400 days': held(null, 'Nothing asks browsers to keep a cookie for longer than 400 days.', 'options.md'),
  'RFC 6265bis, SameSite': held(
    null,
    'SameSite is always said, so that no default of a browser counts.',
    'options.md#cookie',
  ),
  'RFC 6265bis, SameSite=None': held(null, 'A cookie for frames of other sites is Secure.', 'options.md#cookie'),
  'RFC 6265bis, SameSite=Strict': offered(
    null,
    'A link of another site does not take the cookie along.',
    "`cookie: { sameSite: 'strict' }`",
    'options.md#cookie',
  ),
  'CHIPS, Partitioned': offered(
    null,
    'A cookie in frames is a different one below each site, and is removed as it was set.',
    "`cookie: { partitioned: true, sameSite: 'none' }`",
    'options.md#cookie',
  ),
  'RFC 6265bis, octets': held(
    null,
    'A value has no character that a browser would cut or refuse.',
    'security.md#the-cookie',
  ),
  'RFC 6265bis, localhost': held(
    null,
    'The same cookie works on http://localhost in development.',
    'options.md#development-and-production',
  ),
  'RFC 6265bis, eviction': held(
    null,
    'A browser may drop a cookie at any time: that is a visitor who is not signed in, and no error.',
    'requests.md',
  ),
  'RFC 6265bis, public suffixes': notOurs(null, 'No cookie for a whole suffix such as `.com`.', 'The browser'),
} as const satisfies Rows
