import type { SessionsBackend } from 'strongroom/internal'
import { type Check, Topic } from './check.ts'

/** A Set-Cookie line, taken apart. Names of attributes are in small letters. */
export interface SetCookie {
  readonly name: string
  readonly value: string
  readonly attributes: ReadonlyMap<string, string>
}

export function parseSetCookie(line: string): SetCookie {
  const [pair = '', ...rest] = line.split(';')
  const equals = pair.indexOf('=')
  const attributes = rest.map((part): readonly [string, string] => {
    const [name = '', ...value] = part.trim().split('=')
    return [name.toLowerCase(), value.join('=')]
  })
  return { name: pair.slice(0, equals).trim(), value: pair.slice(equals + 1).trim(), attributes: new Map(attributes) }
}

/** What to write, by what is missing. */
interface Mends {
  readonly name: string
  readonly secure: string
  readonly httpOnly: string
  readonly sameSite: string
  readonly domain: string
}

const FRAMES = 'unless the application is in frames of other sites; then use csrf(sessions).'
const DOMAIN = "Leave out cookie: { domain }, and name the cookie '__Host-id'."

/** In the options of `createSessions`. */
const OURS: Mends = {
  name: "cookie: { name: '__Host-id' }",
  secure: 'Leave out cookie: { secure: false }. For http on localhost, keep it to development.',
  httpOnly: 'Something changes Set-Cookie on its way: look at proxies and middleware.',
  sameSite: `cookie: { sameSite: 'lax' }, ${FRAMES}`,
  domain: DOMAIN,
}

/** In those of `session()` of strongroom/express-session, whose defaults are other ones, and which reads no name of before. */
const DROP_IN: Mends = {
  name: "session({ name: '__Host-id', cookie: { secure: true } }). The present cookie is then no longer read: everybody signs in again.",
  secure: 'session({ cookie: { secure: true } }). What a function chooses is not seen here, but with --url.',
  httpOnly: 'Leave out cookie: { httpOnly: false }.',
  sameSite: `session({ cookie: { sameSite: 'lax' } }), ${FRAMES}`,
  domain: DOMAIN,
}

export interface CookieOptions {
  readonly prefix: string
  readonly isProduction: boolean
  readonly isDropIn: boolean
}

/** The same checks for the cookie of a config, and for one that a site really sent: `prefix` begins their names. */
export function cookieChecks(
  topic: Topic,
  { name, attributes }: SetCookie,
  { prefix, isProduction, isDropIn }: CookieOptions,
): readonly Check[] {
  const mends = isDropIn ? DROP_IN : OURS
  return [
    prefixCheck(topic, `${prefix}-prefix`, name, { isProduction, mend: mends.name }),
    attributes.has('secure')
      ? topic.green(`${prefix}-secure`, 'The cookie is Secure.')
      : topic[isProduction ? 'red' : 'amber'](
          `${prefix}-secure`,
          'The cookie is not Secure: it is also sent over http, where anyone on the way can copy it.',
          mends.secure,
        ),
    attributes.has('httponly')
      ? topic.green(`${prefix}-http-only`, 'The cookie is HttpOnly.')
      : topic.red(
          `${prefix}-http-only`,
          'The cookie is not HttpOnly: a script that was smuggled into a page can copy it.',
          mends.httpOnly,
        ),
    sameSiteCheck(topic, `${prefix}-same-site`, attributes.get('samesite'), mends.sameSite),
    attributes.has('domain')
      ? topic.amber(
          `${prefix}-domain`,
          `The cookie has Domain=${attributes.get('domain')}: every host below it gets the cookie, and can replace it.`,
          mends.domain,
        )
      : topic.green(`${prefix}-domain`, 'The cookie is for its own host only.'),
  ]
}

function prefixCheck(
  topic: Topic,
  check: string,
  name: string,
  { isProduction, mend }: { readonly isProduction: boolean; readonly mend: string },
): Check {
  if (/^__host-/i.test(name))
    return topic.green(check, `The cookie is called ${name}, so browsers keep other hosts from setting it.`)
  if (/^__secure-/i.test(name))
    return topic.amber(check, `The cookie is called ${name}: a host of the same domain can set it for a visitor.`, mend)
  return topic[isProduction ? 'red' : 'amber'](
    check,
    `The cookie is called ${name}, without a prefix: a page over http, or another host of the domain, can set it for a visitor.`,
    mend,
  )
}

function sameSiteCheck(topic: Topic, check: string, value: string | undefined, mend: string): Check {
  if (value !== undefined && /^(?:lax|strict)$/i.test(value))
    return topic.green(check, `The cookie is SameSite=${value}.`)
  const what = value === undefined ? 'has no SameSite' : `is SameSite=${value}`
  return topic.amber(check, `The cookie ${what}: browsers send it with requests that other sites cause.`, mend)
}

/** The cookie that a config asks for. */
export function examineCookie(
  { setCookie, formerName, isDropIn = false }: SessionsBackend,
  { isProduction }: { readonly isProduction: boolean },
): readonly Check[] {
  const topic = new Topic('cookie', 'cookie')
  if (setCookie === null)
    return [
      topic.green(
        'cookie-none',
        'There is no cookie: tokens come in the header Authorization, and clients store them themselves.',
      ),
    ]
  const cookie = parseSetCookie(setCookie)
  const spellings = formerName
    ? topic.amber(
        'cookie-spellings',
        `Two spellings are in use: ${cookie.name}, and ${formerName} of before.`,
        'Remove cookie: { formerName } when the longest lifetime (remember, absolute) has passed since the change.',
      )
    : topic.green('cookie-spellings', `One spelling is in use: ${cookie.name}.`)
  return [...cookieChecks(topic, cookie, { prefix: 'cookie', isProduction, isDropIn }), spellings]
}
