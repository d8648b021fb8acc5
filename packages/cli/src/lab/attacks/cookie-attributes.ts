import type { Attack } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy, expectOk } from '../people.ts'
import { isRemoved, route } from '../visitor.ts'
import { everywhere } from './promises.ts'

export const cookieAttributes: Attack = attackBy(
  {
    name: 'cookie-attributes',
    title: 'A script, an open network, another site',
    property: 'private in the browser',
    attacker: 'a script in the page, a listener on an open network, a page of another site',
    how: 'Every cookie that a login and a logout set is read as a browser reads it: may scripts see it (HttpOnly), is it sent over plain http (Secure; not judged for other libraries, to which the lab speaks plain http), does it go along with posts from other sites (SameSite), and may a neighbouring host plant one (the prefix __Host-; reported, not judged). Held: none of the first three.',
    docs: 'docs/security.md#the-cookie',
    harmless: true,
    violent: false,
    promised: everywhere,
  },
  async (people) => {
    const visitor = people.visitor()
    const login = await visitor.send(route('/login', { user: people.user('ada') }))
    expectOk('/login', login)
    const logout = await visitor.send('/logout')
    const cookies = [...login.setCookies, ...logout.setCookies.filter((cookie) => !isRemoved(cookie))]
    if (cookies.length === 0) return notApplicable('No response of this application sets a cookie.')
    const isOurs = people.site.row.family === 'strongroom'
    const weak = cookies.filter(
      ({ httpOnly, secure, sameSite }) =>
        !httpOnly || (isOurs && !secure) || sameSite === undefined || sameSite === 'none',
    )
    const evidence = cookies.map(({ name, httpOnly, secure, sameSite }) =>
      seen(name, [
        httpOnly ? 'HttpOnly' : 'scripts can read it',
        secure ? 'Secure' : 'sent over plain http',
        `SameSite ${sameSite ?? 'not said'}`,
        name.startsWith('__Host-') ? 'cannot be planted by a neighbour' : 'no __Host- prefix',
      ]),
    )
    return weak.length > 0
      ? broken('A cookie of the session is open to others than its server.', evidence)
      : held('The cookie is for its server alone.', evidence)
  },
)
