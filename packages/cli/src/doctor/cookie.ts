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

/** The same checks for the cookie of a config, and for one that a site really sent: `prefix` begins their names. */
export function cookieChecks(
  topic: Topic,
  { name, attributes }: SetCookie,
  { prefix, isProduction }: { readonly prefix: string; readonly isProduction: boolean },
): readonly Check[] {
  return [
    prefixCheck(topic, `${prefix}-prefix`, name, isProduction),
    attributes.has('secure')
      ? topic.green(`${prefix}-secure`, 'The cookie is Secure.')
      : topic[isProduction ? 'red' : 'amber'](
          `${prefix}-secure`,
          'The cookie is not Secure: it is also sent over http, where anyone on the way can copy it.',
          'Leave out cookie: { secure: false }. For http on localhost, keep it to development.',
        ),
    attributes.has('httponly')
      ? topic.green(`${prefix}-http-only`, 'The cookie is HttpOnly.')
      : topic.red(
          `${prefix}-http-only`,
          'The cookie is not HttpOnly: a script that was smuggled into a page can copy it.',
          'Something changes Set-Cookie on its way: look at proxies and middleware.',
        ),
    sameSiteCheck(topic, `${prefix}-same-site`, attributes.get('samesite')),
    attributes.has('domain')
      ? topic.amber(
          `${prefix}-domain`,
          `The cookie has Domain=${attributes.get('domain')}: every host below it gets the cookie, and can replace it.`,
          "Leave out cookie: { domain }, and name the cookie '__Host-id'.",
        )
      : topic.green(`${prefix}-domain`, 'The cookie is for its own host only.'),
  ]
}

function prefixCheck(topic: Topic, check: string, name: string, isProduction: boolean): Check {
  if (/^__host-/i.test(name))
    return topic.green(check, `The cookie is called ${name}, so browsers keep other hosts from setting it.`)
  const mend = "cookie: { name: '__Host-id' }"
  if (/^__secure-/i.test(name))
    return topic.amber(check, `The cookie is called ${name}: a host of the same domain can set it for a visitor.`, mend)
  return topic[isProduction ? 'red' : 'amber'](
    check,
    `The cookie is called ${name}, without a prefix: a page over http, or another host of the domain, can set it for a visitor.`,
    mend,
  )
}

function sameSiteCheck(topic: Topic, check: string, value: string | undefined): Check {
  if (value !== undefined && /^(?:lax|strict)$/i.test(value))
    return topic.green(check, `The cookie is SameSite=${value}.`)
  const what = value === undefined ? 'has no SameSite' : `is SameSite=${value}`
  return topic.amber(
    check,
    `The cookie ${what}: browsers send it with requests that other sites cause.`,
    "cookie: { sameSite: 'lax' }, unless the application is in frames of other sites; then use csrf(sessions).",
  )
}

/** The cookie that a config asks for. */
export function examineCookie(
  { setCookie, formerName }: SessionsBackend,
  { isProduction }: { readonly isProduction: boolean },
): readonly Check[] {
  const topic = new Topic('cookie', 'cookie')
  const cookie = parseSetCookie(setCookie)
  const spellings = formerName
    ? topic.amber(
        'cookie-spellings',
        `Two spellings are in use: ${cookie.name}, and ${formerName} of before.`,
        'Remove cookie: { formerName } when the longest lifetime (remember, absolute) has passed since the change.',
      )
    : topic.green('cookie-spellings', `One spelling is in use: ${cookie.name}.`)
  return [...cookieChecks(topic, cookie, { prefix: 'cookie', isProduction }), spellings]
}
