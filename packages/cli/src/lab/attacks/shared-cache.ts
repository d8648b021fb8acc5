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
    how: 'The application says of all its pages that shared caches may keep them. A visitor without a cookie gets one with such a page. A cache that follows RFC 9111 and RFC 9213 decides whether it keeps that response; the next visitor, who has no cookie either, gets what it has kept. Held: no response with a session cookie is kept.',
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
      seen('CDN-Cache-Control', headerOf(response, 'cdn-cache-control')),
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

/**
 * RFC 9111 §3, for a request without a cookie: `Vary: Cookie` does not help, because the next visitor has none either. The header for
 * CDNs takes precedence over the other where it is present (RFC 9213 §2.2).
 */
function mayBeKept({ status, headers }: Answer): boolean {
  if (status !== 200 || headers.vary?.trim() === '*') return false
  const targeted = headers['cdn-cache-control']
  return [targeted ?? headers['cache-control'], headers['cache-control']].some((value) => allows(String(value ?? '')))
}

const allows = (directives: string): boolean =>
  !/\b(?:no-store|private)\b/i.test(directives) && /\b(?:public|s-maxage=\d|max-age=[1-9])/i.test(directives)
