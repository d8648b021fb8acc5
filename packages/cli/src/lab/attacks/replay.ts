import type { Attack } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy, countOpen, expectOk, isMissing, opens, type People } from '../people.ts'
import { type Cookies, route, send, type Visitor, waitAtGate } from '../visitor.ts'
import { whereRevocable } from './promises.ts'

const replayed = {
  property: 'final',
  attacker: 'anyone who has copied the browser’s cookies at some time',
  docs: 'docs/security.md#who-learns-what',
  harmless: true,
  violent: false,
  promised: whereRevocable,
} as const

export const replayAfterLogout: Attack = attackBy(
  {
    ...replayed,
    name: 'replay-after-logout',
    title: 'Replay after logout',
    how: 'A visitor comes, signs in, writes a note, renews the session where that exists, and logs out. Every cookie that the browser ever had is sent again, and once more when a while has passed. Held: none of them is that user, and none shows the note.',
  },
  async (people) => {
    const user = people.user('ada')
    const visitor = await withManyCookies(people, user)
    const before = visitor.copies
    expectOk('/logout', await visitor.send('/logout'))
    const open = await countOpen(people.site, visitor.copies, user, people.note)
    const own = await visitor.send('/read')
    const evidence = [
      seen('cookies that the browser had before the logout', before.length),
      seen('of all its cookies, opened the session afterwards', open),
      seen('user that the browser itself is afterwards', own.user ?? 'nobody'),
    ]
    if (open > 0 || opens(own, user, people.note))
      return broken('A copy of the cookie is still signed in after the logout.', evidence)
    const summary = 'No cookie from before the logout opens anything.'
    const endedAt = performance.now()
    const later = async () => {
      const again = await countOpen(people.site, visitor.copies, user, people.note)
      const seconds = ((performance.now() - endedAt) / 1000).toFixed(1)
      const both = [...evidence, seen(`opened the session ${seconds} s later`, again)]
      return again > 0
        ? broken('A logout is undone: a copy of the cookie is signed in again later.', both)
        : held(summary, both)
    }
    return { ...held(summary, evidence), later }
  },
)

export const replayAfterRevokeAll: Attack = attackBy(
  {
    ...replayed,
    name: 'replay-after-revoke-all',
    title: 'Replay after "log out everywhere"',
    how: 'A user is signed in on three devices when all sessions of that user are ended; another user is signed in, too. Every cookie of the three is sent again. Held: none of them is the user, and the other user is still signed in.',
  },
  async (people) => {
    const user = people.user('ada')
    const devices = await Promise.all([0, 1, 2].map(() => people.signedIn(user)))
    const bob = people.user('bob')
    const other = await people.signedIn(bob)
    const answer = await people.visitor().send(route('/revoke-all', { user }))
    if (isMissing(answer)) return notApplicable('This library cannot end all sessions of a user.')
    expectOk('/revoke-all', answer)
    const copies = devices.flatMap((device) => device.copies)
    const open = await countOpen(people.site, copies, user, people.note)
    const bystander = await other.send('/read')
    const evidence = [
      seen('cookies that the three devices had', copies.length),
      seen('of these, opened a session afterwards', open),
      seen('another user afterwards', bystander.user === bob ? 'still signed in' : 'signed out'),
    ]
    if (open > 0) return broken('A copy of a cookie is still signed in after all sessions were ended.', evidence)
    if (bystander.user !== bob) return broken('The end of one user’s sessions has ended another user’s.', evidence)
    return held('No cookie of the user opens anything, and nobody else was signed out.', evidence)
  },
)

export const renewedCopy: Attack = attackBy(
  {
    ...replayed,
    name: 'renewed-copy',
    title: 'A copy that is renewed around the logout',
    attacker: 'anyone who has copied the cookie and uses it before its owner logs out',
    how: 'A thief renews a copied cookie once before the owner logs out, and once while the logout is under way, so that the owner logs out with a token that is not the newest. Held: no cookie of the two is signed in afterwards.',
  },
  async (people) => {
    const user = people.user('ada')
    const owner = await people.signedIn(user)
    const thief = people.visitor(owner.cookies)
    const first = await thief.send('/renew')
    if (isMissing(first)) return notApplicable('This library gives a session no new token but at a login.')
    expectOk('/renew', first)
    const logout = await waitAtGate(owner, '/logout')
    const second = await thief.send('/renew')
    const ended = await logout.goOn()
    const copies = [...thief.copies, ...owner.copies]
    const open = await countOpen(people.site, copies, user, people.note)
    const evidence = [
      seen('status of the two renewals', [first.status, second.status]),
      seen('status of the owner’s logout', ended.status),
      seen(`of ${copies.length} cookies, opened the session afterwards`, open),
    ]
    return open > 0
      ? broken('A thief who renewed the session outlives its owner’s logout.', evidence)
      : held('The logout ended the session under every token that it ever had.', evidence)
  },
)

export const twoCookies: Attack = attackBy(
  {
    ...replayed,
    name: 'two-cookies',
    title: 'Two cookies of one name',
    attacker: 'a neighbouring host that has planted a second cookie of the same name',
    how: 'A signed-in browser also sends a planted cookie with the name of the session cookie, that of a dead session or of the attacker’s own, before its own or after it, and logs out. Held: the session of the browser’s own cookie is over.',
  },
  async (people) => {
    const dead = await people.signedIn(people.user('mallory'))
    const planted = { dead: dead.cookies, 'the attacker’s': (await anonymous(people)).cookies }
    await dead.send('/logout')
    const outcomes = await Promise.all(
      Object.entries(planted).flatMap(([whose, cookies]) =>
        [true, false].map(async (isFirst) => {
          const { status, survives } = await logOutWithTwo(people, cookies, isFirst)
          return { order: `${whose} cookie ${isFirst ? 'first' : 'last'}`, status, survives }
        }),
      ),
    )
    const alone = await logOutWithTwo(people, null, true)
    // An engine that can end sessions must. Only for others is that no matter of the second cookie.
    if (alone.survives && !whereRevocable(people.site.row))
      return notApplicable('A logout ends no copy of the cookie here, with or without a second one: see the replay.')
    if (alone.survives) outcomes.push({ order: 'its own cookie alone', ...alone })
    const survived = outcomes.filter(({ survives }) => survives)
    const evidence = outcomes.map(({ order, status, survives }) =>
      seen(order, `logout ${status}, the session is ${survives ? 'alive' : 'over'}`),
    )
    return survived.length > 0
      ? broken('With a second cookie in the way, a logout leaves the visitor’s session alive.', evidence)
      : held('The logout ended the visitor’s session whatever stood beside its cookie.', evidence)
  },
)

async function logOutWithTwo(people: People, planted: Cookies | null, isFirst: boolean) {
  const user = people.user('ada')
  const visitor = await people.signedIn(user)
  const { cookieName } = people.site
  const second = planted ? [`${cookieName}=${planted.get(cookieName)}`] : []
  const own = [...visitor.cookies].map(([name, value]) => `${name}=${value}`)
  const header = (isFirst ? [...second, ...own] : [...own, ...second]).join('; ')
  const { status } = await send(people.site, '/logout', header)
  return { status, survives: (await countOpen(people.site, visitor.copies, user, people.note)) > 0 }
}

/** A visitor who has a session, and is nobody. */
async function anonymous(people: People): Promise<Visitor> {
  const visitor = people.visitor()
  expectOk('/set', await visitor.send(route('/set', { key: 'seen', value: 'yes' })))
  return visitor
}

/** Comes as nobody, signs in, writes, and renews: the browser has had a cookie of each kind. */
async function withManyCookies(people: People, user: string): Promise<Visitor> {
  const visitor = await anonymous(people)
  expectOk('/login', await visitor.send(route('/login', { user })))
  expectOk('/set', await visitor.send(route('/set', { key: 'note', value: people.note })))
  await visitor.send('/renew')
  const { user: now } = await visitor.send('/read')
  if (now !== user) throw new Error('The visitor is not signed in before the logout, so a replay shows nothing.')
  return visitor
}
