import { directivesOf } from '../../cache-control.ts'
import { type Attack, NotRun } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy } from '../people.ts'
import { type Answer, route, send } from '../visitor.ts'
import { everywhere } from './promises.ts'

export const sharedCache: Attack = attackBy(
  {
    name: 'shared-cache',
    title: 'A shared cache that keeps the cookie',
    property: 'private in the browser',
    attacker: 'the next visitor behind the same CDN or proxy',
    how: 'The application says of all its pages that shared caches may keep them. A visitor without a cookie gets one with such a page. A cache that follows RFC 9111 and RFC 9213, or a header of one vendor such as Surrogate-Control, decides whether it may keep that response; the next visitor, who has no cookie either, gets what it has kept. Held: no response with a session cookie is kept.',
    docs: 'docs/requests.md#what-a-commit-does',
    harmless: true,
    violent: false,
    promised: everywhere,
  },
  async (people) => {
    const { site } = people
    const page = await send(site, route('/read', { public: 1 }), null)
    if (!/\bpublic\b/.test(String(page.headers['cache-control'] ?? '')))
      throw new NotRun('The application of this row does not say that its pages may be kept, so no cache would.')
    const first = people.visitor()
    const path = route('/set', { key: 'note', value: people.note, public: 1 })
    const response = await first.send(path, { method: 'GET' })
    if (response.setCookies.length === 0) throw new Error('The response sets no cookie, so no cache can keep one.')
    const isKept = mayBeKept(response)
    const next = people.visitor()
    if (isKept) next.take(response)
    const seenByNext = isKept ? await next.send('/read') : null
    const gotIn = seenByNext?.data.note === people.note
    const evidence = [
      seen('Cache-Control of the response with the cookie', headerOf(response, 'cache-control')),
      seen('Expires', headerOf(response, 'expires')),
      seen(
        'headers for some caches',
        targetedOf(response)
          .map((pair) => pair.join(': '))
          .join('; ') || 'none',
      ),
      seen('Vary', headerOf(response, 'vary')),
      seen('a shared cache', isKept ? 'keeps it, cookie included' : 'does not keep it'),
      seen('the next visitor', gotIn ? 'has the session of the one before' : 'has no session of anybody'),
    ]
    return isKept
      ? broken('A shared cache hands one visitor’s session cookie to the next.', evidence)
      : held('No shared cache keeps a response that sets the cookie.', evidence)
  },
)

const headerOf = ({ headers }: Answer, name: string): string => String(headers[name] ?? 'none')

/** Headers that the caches of one kind or vendor obey instead of Cache-Control and Expires (RFC 9213 §2.2, §3). */
const TARGETED = /^.+-cache-control$/
/** Those of vendors that are older than the RFC. They say nothing unless they name a lifetime. */
const VENDORS = /^(?:surrogate-control|edge-control|x-accel-expires)$/

const targetedOf = ({ headers }: Answer): [name: string, value: string][] =>
  Object.entries(headers).flatMap(([name, value]) =>
    (TARGETED.test(name) || VENDORS.test(name)) && value ? [[name, String(value)] as [string, string]] : [],
  )

/**
 * May one of the caches that there are keep it, and answer the next visitor from it? RFC 9111 §3, for a request without a cookie:
 * `Vary: Cookie` does not help, because the next visitor has none either.
 */
function mayBeKept(answer: Answer): boolean {
  const { status, headers } = answer
  if (status !== 200 || headers.vary?.trim() === '*') return false
  const targeted = targetedOf(answer).some(([name, value]) =>
    VENDORS.test(name) ? !isForbidden(value) && /(?:^@?|max-?age=)[1-9]/i.test(value) : allows(value),
  )
  return targeted || allows(headers['cache-control'] ?? '', headers.expires)
}

function allows(value: string, expires?: string): boolean {
  if (isForbidden(value)) return false
  const directives = directivesOf(value)
  const [, seconds] = /^"?(\d+)/.exec(directives.get('s-maxage') ?? directives.get('max-age') ?? '') ?? []
  if (seconds !== undefined) return Number(seconds) > 0
  // A date that is none is in the past (RFC 9111 §5.3).
  if (expires !== undefined) return Date.parse(expires) > Date.now()
  // Where nothing is said, a cache may guess how long a 200 is fresh (§4.2.2).
  return true
}

/** To keep it, or to answer from it without asking the application. A cache that knows the status may ignore no-store (§5.2.2.3). */
function isForbidden(value: string): boolean {
  const directives = directivesOf(value)
  const has = (name: string) => directives.has(name)
  return has('private') || has('no-cache') || (has('no-store') && !has('must-understand'))
}
