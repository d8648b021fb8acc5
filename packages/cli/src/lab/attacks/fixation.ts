import type { Attack } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { ask, attackBy, expectOk, opens, type People } from '../people.ts'
import type { Site } from '../site.ts'
import { type Cookies, route, send, type Visitor, waitAtGate } from '../visitor.ts'
import { everywhere, whereShared } from './promises.ts'
import { madeUpLike } from './tokens.ts'

const planted = { property: 'final', docs: 'docs/login.md', harmless: true, violent: false } as const

interface Outcome {
  readonly what: string
  /** Is the attacker the victim afterwards? */
  readonly signsIn: boolean
}

export const fixation: Attack = attackBy(
  {
    ...planted,
    name: 'fixation',
    title: 'Fixation',
    attacker: 'anyone who can put a cookie into the victim’s browser before a login',
    how: 'The attacker plants a cookie (of an anonymous session, of a session of the attacker’s own account, one that is made up) and waits for the victim to log in with it. Once a request of the attacker is under way during the login. Held: no cookie that the attacker has, or is sent, is the victim.',
    promised: everywhere,
  },
  async (people) => {
    const anonymous = (await visitorWithData(people)).cookies
    const own = (await people.signedIn(people.user('mallory'))).cookies
    return judge(
      await Promise.all([
        logInWith(people, 'an anonymous session', anonymous),
        logInWith(people, 'a session of the attacker’s account', own),
        logInWithMadeUp(people, madeUpLike(anonymous)),
        logInMeanwhile(people),
      ]),
    )
  },
)

export const otherName: Attack = attackBy(
  {
    ...planted,
    name: 'fixation-other-name',
    title: 'Fixation through another application',
    attacker: 'a user of another application that has the same secrets and the same store',
    how: 'Two applications share secrets and store, and differ in the name of their cookie. A user’s cookie of one is sent to the other under the name that is expected there, as it is, and planted before a login. Held: the other application knows nobody by it.',
    promised: whereShared,
  },
  async (people) => {
    const shop = await people.another({ cookieName: nameBeside(people.site.cookieName) })
    const customer = people.user('ada')
    const visitor = await people.signedIn(customer, shop)
    const renamed: Cookies = underName(people.site, shop, visitor.cookies)
    const known = await ask(people.site, renamed)
    const stranger = underName(people.site, shop, (await visitorWithData(people, shop)).cookies)
    return judge([
      { what: 'a user’s cookie of the other application', signsIn: opens(known, customer, people.note) },
      await logInWith(people, 'its anonymous session, planted before a login', stranger),
      await logInWith(people, 'its signed-in session, planted before a login', renamed),
    ])
  },
)

function judge(outcomes: readonly Outcome[]) {
  const evidence = outcomes.map(({ what, signsIn }) => seen(what, signsIn ? 'is the user' : 'is nobody’s'))
  return outcomes.some(({ signsIn }) => signsIn)
    ? broken('A cookie that the attacker had before is the user now.', evidence)
    : held('No cookie that the attacker had is worth anything.', evidence)
}

async function logInWith(people: People, what: string, cookies: Cookies): Promise<Outcome> {
  const user = people.user('ada')
  expectOk('/login', await people.visitor(cookies).send(route('/login', { user })))
  return { what, signsIn: opens(await ask(people.site, cookies), user) }
}

/** An application may refuse to go on with such a cookie. Then it signs nobody in. */
async function logInWithMadeUp(people: People, cookies: Cookies): Promise<Outcome> {
  const user = people.user('ada')
  const { status } = await people.visitor(cookies).send(route('/login', { user }))
  const signsIn = opens(await send(people.site, '/read', cookies), user)
  return { what: `a made-up cookie (the login responds ${status})`, signsIn }
}

/** The attacker's request has loaded the planted session before the login, and saves it afterwards. */
async function logInMeanwhile(people: People): Promise<Outcome> {
  const attacker = await visitorWithData(people)
  const planted = attacker.cookies
  const slow = await waitAtGate(attacker, '/set', { key: 'seen', value: 'again' })
  const user = people.user('ada')
  expectOk('/login', await people.visitor(planted).send(route('/login', { user })))
  const answer = await slow.goOn()
  const later = await Promise.all(attacker.copies.map((cookies) => ask(people.site, cookies)))
  return {
    what: 'a request of the attacker that was under way during the login',
    signsIn: [answer, ...later].some((each) => opens(each, user)),
  }
}

async function visitorWithData(people: People, site?: Site): Promise<Visitor> {
  const visitor = people.visitor(undefined, site)
  expectOk('/set', await visitor.send(route('/set', { key: 'seen', value: 'yes' })))
  return visitor
}

/** With the same prefix: it decides what a browser accepts, and is part of what a library may require. */
const nameBeside = (name: string): string => `${/^__(?:Host|Secure)-/.exec(name)?.[0] ?? ''}another`

/** Cookies whose names begin with that of the session cookie, such as a signature beside it, are renamed with it. */
function underName(site: Site, other: Site, cookies: Cookies): Cookies {
  return new Map(
    [...cookies].map(([name, value]) => [
      name.startsWith(other.cookieName) ? site.cookieName + name.slice(other.cookieName.length) : name,
      value,
    ]),
  )
}
