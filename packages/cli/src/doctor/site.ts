import { cacheRulesOf } from '../cache-control.ts'
import { messageOf } from '../failure.ts'
import { type Check, LEVELS, Topic } from './check.ts'
import { clockCheck } from './clock.ts'
import { cookieChecks, type SetCookie } from './cookie.ts'
import { endOf, inTime, type Limits } from './examine.ts'
import { reachOf } from './network.ts'
import { mergeCookies, type Seen, visit, type Walk } from './visitor.ts'

export interface SiteOptions extends Limits {
  readonly url: string
  /** The name of the session cookie; null if only the site knows it. */
  readonly cookieName: string | null
  readonly isDropIn: boolean
}

/** Visits the running application, with two requests and their redirects. */
export async function examineSite({ url, cookieName, isDropIn, limit, now }: SiteOptions): Promise<readonly Check[]> {
  const topic = new Topic('site', 'the-running-site')
  const from = URL.parse(url)
  if (from === null) throw new TypeError('The URL of the site is not a URL.')
  // fetch() refuses these, with a message that repeats them.
  if (from.username !== '' || from.password !== '')
    throw new TypeError('The URL of the site has a user or a password. Leave them out')
  let first: Walk
  try {
    first = await visit(from, { limit, now })
  } catch (error) {
    return [notReached(topic, error)]
  }
  const last = first.seen.at(-1) as Seen
  const isLocal = reachOf(from.hostname.replace(/[[\]]/g, '')) === 'machine'
  return [
    answerCheck(topic, first),
    httpsCheck(topic, from, { last, isLocal }),
    await redirectCheck(topic, from, { first, isLocal, limit, now }),
    schemeCheck(topic, first),
    hstsCheck(topic, { last, isLocal }),
    dateCheck(topic, last),
    ...(await sessionChecks(topic, first, { cookieName, isDropIn, limit, now, isLocal })),
  ]
}

function notReached(topic: Topic, error: unknown): Check {
  return topic.red(
    'site-answers',
    `The site did not respond: ${endOf(messageOf(error))}`,
    'Check the URL, its certificate (NODE_EXTRA_CA_CERTS for one of your own), and that the application runs.',
  )
}

function answerCheck(topic: Topic, { seen, end }: Walk): Check {
  const name = 'site-answers'
  const { status } = seen.at(-1) as Seen
  if (end === 'loop' || end === 'too many')
    return topic.red(
      name,
      'The site redirects to itself for ever: behind a proxy, it takes every request for http.',
      "Trust the proxy that is in front, and no other: app.set('trust proxy', 1) in Express; and let the proxy send X-Forwarded-Proto.",
    )
  if (status >= 500)
    return topic.red(name, `The site responded with the status ${status}.`, 'Look into the log of the application.')
  if (status >= 400)
    return topic.amber(
      name,
      `The site responded with the status ${status}: what visitors see was not looked at.`,
      'Name a page that anyone may open: --url https://shop.example/login',
    )
  return topic.green(name, `The site responded with the status ${status}.`)
}

function httpsCheck(
  topic: Topic,
  from: URL,
  { last, isLocal }: { readonly last: Seen; readonly isLocal: boolean },
): Check {
  const name = 'site-https'
  if (last.url.protocol === 'https:') return topic.green(name, 'The site is served over https.')
  if (isLocal && from.protocol === 'http:')
    return topic.amber(
      name,
      'The site was visited over http on this machine, where most browsers accept Secure cookies: what visitors see is not known.',
      'Name the address that visitors use: --url https://shop.example',
    )
  return topic.red(
    name,
    'The site is served over http: a Secure cookie never arrives there, and anyone on the way reads the rest.',
    'Serve it over https, and redirect http to that.',
  )
}

interface Redirected extends Limits {
  readonly first: Walk
  readonly isLocal: boolean
}

/** Where a visitor ends up who types the name of the host. */
async function redirectCheck(topic: Topic, from: URL, { first, isLocal, limit, now }: Redirected): Promise<Check> {
  const name = 'site-redirect'
  if (from.protocol === 'http:') return redirectOf(topic, first, isLocal)
  if (from.port !== '')
    return topic.unknown(
      name,
      `Which port has http is not known, as the URL names the port ${from.port}.`,
      'Name the http address instead: --url http://shop.example:8080',
    )
  const plain = new URL(from)
  plain.protocol = 'http:'
  try {
    return redirectOf(topic, await visit(plain, { limit, now }), isLocal)
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { readonly code?: unknown }
    if (code === 'ECONNREFUSED') return topic.green(name, 'Nothing is served over http.')
    if ((error as Error).name === 'TimeoutError')
      return topic.unknown(
        name,
        `Whether http redirects is not known: there was no response within ${limit / 1000} s.`,
        'If a firewall drops port 80, nothing needs to be mended. Otherwise give it longer: --timeout 30000',
      )
    return topic.unknown(name, `Whether http redirects is not known: ${endOf(messageOf(error))}`)
  }
}

function redirectOf(topic: Topic, { seen }: Walk, isLocal: boolean): Check {
  const name = 'site-redirect'
  const last = seen.at(-1) as Seen
  const mend = 'In the proxy: return 308 https://$host$request_uri; (nginx), or the like.'
  if (last.url.protocol === 'https:') return topic.green(name, 'http redirects to https.')
  if (seen.some(({ headers }) => /^https:/i.test(headers.get('location') ?? '')))
    return topic.green(name, 'http redirects to https, on another host.')
  return topic[isLocal ? 'amber' : 'red'](
    name,
    'http does not redirect to https, so whole visits go unencrypted.',
    mend,
  )
}

/** An application that does not know that its visitors use https makes links and redirects to http. */
function schemeCheck(topic: Topic, { seen }: Walk): Check {
  const name = 'site-proxy'
  const down = seen.find(
    ({ url, headers }) => url.protocol === 'https:' && /^http:/i.test(headers.get('location') ?? ''),
  )
  if (!down) return topic.green(name, 'No redirect leads from https to http.')
  return topic.red(
    name,
    'A redirect leads from https to http: behind its proxy, the application takes requests for http, and a Secure cookie is left out.',
    "Trust the proxy that is in front, and no other: app.set('trust proxy', 1) in Express; and let the proxy send X-Forwarded-Proto.",
  )
}

function hstsCheck(topic: Topic, { last, isLocal }: { readonly last: Seen; readonly isLocal: boolean }): Check {
  const name = 'site-hsts'
  if (last.url.protocol !== 'https:')
    return isLocal
      ? topic.unknown(name, 'Strict-Transport-Security is for https, and this was http.', '--url https://shop.example')
      : topic.red(name, 'Without https there is no Strict-Transport-Security.', 'Serve the site over https.')
  const age = Number(/max-age="?(\d+)/i.exec(last.headers.get('strict-transport-security') ?? '')?.[1] ?? 0)
  if (age >= 15_552_000) return topic.green(name, 'Strict-Transport-Security keeps browsers from http.')
  const what =
    age > 0
      ? 'Strict-Transport-Security ends before half a year'
      : 'There is no Strict-Transport-Security: the first request of a visit may go over http, where it can be intercepted'
  return topic.amber(name, `${what}.`, 'Strict-Transport-Security: max-age=63072000; includeSubDomains')
}

function dateCheck(topic: Topic, { headers, before, after }: Seen): Check {
  const date = Date.parse(headers.get('date') ?? '')
  if (Number.isNaN(date)) return topic.unknown('site-clock', 'The site sends no Date.')
  const isCopy = headers.has('age') && Number(headers.get('age')) > 0
  if (isCopy) return topic.unknown('site-clock', 'The response is a copy from a cache, and so is its Date.')
  return clockCheck(topic, 'site-clock', { whose: 'the site', theirs: date, before, after, precision: 1000 })
}

interface Session extends Limits {
  readonly cookieName: string | null
  readonly isDropIn: boolean
  readonly isLocal: boolean
}

async function sessionChecks(topic: Topic, { seen }: Walk, options: Session): Promise<readonly Check[]> {
  const { cookieName, isDropIn, isLocal, limit, now } = options
  // Tokens come in the header Authorization, and pages set none.
  if (cookieName === '') return []
  const sessionsOf = (walk: readonly Seen[]) =>
    walk.flatMap(({ cookies }) => cookies.filter((each) => isSession(each, cookieName)))
  const response = seen.find((each) => sessionsOf([each]).length > 0)
  const cookie = sessionsOf(seen).at(-1)
  if (!response || !cookie)
    return [
      topic.unknown(
        'site-cookie',
        'The page set no session cookie, so nothing is known about it.',
        'Name a page that begins a session, such as the one with the login form: --url https://shop.example/login',
      ),
    ]
  const again = await inTime(3 * limit, () => visit(response.url, { limit, now, cookie: jarOf(seen) })).catch(
    (error: unknown) => error,
  )
  const returned = isWalk(again) ? again.seen : []
  // One response that is weak is enough, whichever it is.
  const all = [...seen, ...returned]
  const set = sessionsOf(all)
  return [
    topic.green('site-cookie', `The page sets the session cookie ${cookie.name}.`),
    ...worstOf(
      set.map((each) => cookieChecks(topic, each, { prefix: 'site-cookie', isProduction: !isLocal, isDropIn })),
    ),
    spellingCheck(topic, set),
    ...worstOf(all.filter((each) => sessionsOf([each]).length > 0).map((each) => [cacheCheck(topic, each)])),
    isWalk(again)
      ? returnCheck(topic, again, { cookie, before: seen.at(-1) as Seen, cookieName })
      : topic.unknown('site-cookie-returns', `The second visit got no response: ${endOf(messageOf(again))}`),
  ]
}

const isWalk = (found: unknown): found is Walk => typeof found === 'object' && found !== null && 'seen' in found

/** Of each check, the worst that one of the lists has. All have the same checks, in the same order. */
function worstOf(lists: readonly (readonly Check[])[]): readonly Check[] {
  const [first = []] = lists
  const rank = ({ level }: Check) => LEVELS.indexOf(level)
  return first.flatMap(
    (_, at) => lists.flatMap((list) => list[at] ?? []).toSorted((a, b) => rank(a) - rank(b))[0] ?? [],
  )
}

/** A value of ours has 66 bytes (88 characters), or is a sealed cookie; a name that is known decides. */
function isSession({ name, value }: SetCookie, cookieName: string | null): boolean {
  // An empty one removes the cookie.
  if (value === '') return false
  if (cookieName !== null) return name === cookieName
  return /^__(?:host|secure)-id$/i.test(name) || /^[\w-]{88}$/.test(value)
}

function spellingCheck(topic: Topic, set: readonly SetCookie[]): Check {
  const name = 'site-cookie-spellings'
  const spellings = new Set(
    set.map(({ name: cookie, attributes }) =>
      [cookie, attributes.get('domain'), attributes.get('path'), attributes.has('partitioned')].join(' '),
    ),
  )
  if (spellings.size === 1) return topic.green(name, 'The page sets one spelling of the cookie.')
  return topic.red(
    name,
    `The page sets the cookie in ${spellings.size} spellings: browsers send all of them, and an old one may win.`,
    'Is the adapter mounted twice, or is there a second session library? Leave one.',
  )
}

/** What a cache that many people share stores, it gives to the next one: cookie included. */
function cacheCheck(topic: Topic, { headers }: Seen): Check {
  const name = 'site-cache'
  const mend = 'Let nothing between the application and its visitors change Cache-Control of responses with Set-Cookie.'
  const isCopy =
    Number(headers.get('age') ?? 0) > 0 ||
    /\bhit\b/i.test(`${headers.get('x-cache')} ${headers.get('cf-cache-status')} ${headers.get('cache-status')}`)
  if (isCopy)
    return topic.red(
      name,
      'A cache has stored a response that sets a session cookie: visitors get the session of others.',
      mend,
    )
  const rules = cacheRulesOf(headers)
  const shared = rules.find(({ storing }) => storing === 'shared')
  if (shared && shared.header !== 'cache-control')
    return topic.red(
      name,
      `The response that sets the cookie has ${shared.header} without no-store, which a shared cache obeys in place of Cache-Control.`,
      `Let the proxy leave ${shared.header} out of responses with Set-Cookie, or set it to no-store.`,
    )
  if (shared)
    return topic.red(
      name,
      'The response that sets the cookie lacks Cache-Control: no-store, so a shared cache may store it.',
      mend,
    )
  if (rules.some(({ storing }) => storing === 'browser only'))
    return topic.amber(name, 'The response that sets the cookie may be stored by the browser.', mend)
  return topic.green(name, 'The response that sets the cookie is Cache-Control: no-store.')
}

const jarOf = (seen: readonly Seen[]) => seen.reduce((jar, { cookies }) => mergeCookies(jar, cookies), '')

interface Return {
  readonly cookie: SetCookie
  /** What the first visit ended with. */
  readonly before: Seen
  readonly cookieName: string | null
}

/** What came of the cookie. An application that does not know it begins another session, refuses it, or fails. */
function returnCheck(topic: Topic, { seen }: Walk, { cookie, before: first, cookieName }: Return): Check {
  const name = 'site-cookie-returns'
  const all = seen.flatMap(({ cookies }) => cookies)
  const sets = all.filter((each) => isSession(each, cookieName))
  const [before, ...others] = [cookie, ...sets].map(({ value }) => sidOf(value))
  const { status } = seen.at(-1) as Seen
  if (status >= 500)
    return topic.red(
      name,
      `The site responded with the status ${status} when the cookie came back.`,
      'Look into the log of the application.',
    )
  if (all.some((each) => each.name === cookie.name && each.value === ''))
    return topic.red(
      name,
      'The application removes the cookie when it comes back: nobody stays signed in.',
      'Give all servers the same secrets and the same store, and let the proxy pass on Cookie and Set-Cookie.',
    )
  if (status >= 400 && status !== 429 && first.status < 400)
    return topic.red(
      name,
      `The application refuses a visitor who comes back with the cookie (status ${status}).`,
      'Give all servers the same secrets and the same store, and look into the log of the application.',
    )
  if (status >= 400)
    return topic.unknown(
      name,
      `The page does not tell whether the cookie is known when it comes back (status ${status}).`,
      'Name a page that anyone may open: --url https://shop.example/login',
    )
  if (sets.length === 0) return topic.green(name, 'The application knows the cookie when it comes back.')
  if (before === null || others.includes(null))
    return topic.unknown(name, 'The cookie is set again at each visit, and does not tell whether for the same session.')
  if (others.every((sid) => sid === before))
    return topic.green(name, 'The application knows the cookie when it comes back.')
  return topic.red(
    name,
    'The application does not know the cookie when it comes back, and begins another session: nobody stays signed in.',
    'Give all servers the same secrets and the same store, and let the proxy pass on Cookie and Set-Cookie.',
  )
}

/** Which session a cookie is for; null for a value that is not ours, or is sealed. */
function sidOf(value: string): string | null {
  if (!/^[\w-]{88}$/.test(value)) return null
  return Buffer.from(value, 'base64url').subarray(6, 22).toString('base64url')
}
