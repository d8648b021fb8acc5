import { LOGIN_OPTIONS } from './session/login.ts'

const LIFETIMES = 'How long sessions live is said by "idle" and "absolute".'
const NOT_NEEDED =
  'Leave it out: a session is saved when it was changed, and a visitor whose session is empty gets none.'

/** What to write instead of options of other places, and of other libraries. */
export const OTHER_OPTIONS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(LOGIN_OPTIONS.map((name) => [name, 'It is an option of login().'])),
  ...Object.fromEntries(['maxAge', 'ttl', 'expires', 'expiresIn', 'rolling'].map((name) => [name, LIFETIMES])),
  ...Object.fromEntries(['resave', 'saveUninitialized'].map((name) => [name, NOT_NEEDED])),
  ...Object.fromEntries(
    ['secret', 'password', 'keys'].map((name) => [
      name,
      'Did you mean "secrets"? It takes one secret, or an array of them.',
    ]),
  ),
  ...Object.fromEntries(['name', 'cookieName'].map((name) => [name, 'Write cookie: { name }.'])),
}
