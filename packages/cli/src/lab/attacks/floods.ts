import type { Attack, AttackContext } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { ask, attackBy, countOpen, expectOk, isMissing, opens, type People } from '../people.ts'
import { route } from '../visitor.ts'
import { everywhere, isInCookie, whereRevocable } from './promises.ts'

/** More than Django's cache in memory holds by default (300). */
const VISITORS = 320
const THOROUGH_VISITORS = 20_000
const ABREAST = 20

export const floodOfVisitors: Attack = attackBy(
  {
    name: 'flood-of-visitors',
    title: 'A flood of new visitors',
    property: 'durable',
    attacker: 'anyone who can send requests without a cookie',
    how: `${VISITORS} strangers (20,000 with --thorough) get a session each, and end it where sessions are in cookies: an end is all that the server stores there. Somebody was signed in before, and somebody else had logged out. Held: the one is still signed in, with what was written, and the cookie of the other is still refused: nothing was dropped to make room.`,
    docs: 'docs/store-contract.md',
    harmless: false,
    violent: false,
    promised: (row) => (isInCookie(row) ? whereRevocable(row) : everywhere(row) && row.traits?.evicts === false),
  },
  async (people, context) => {
    const [owner, leaver] = [people.user('ada'), people.user('bob')]
    const [signedIn, gone] = [await people.signedIn(owner), await people.signedIn(leaver)]
    expectOk('/logout', await gone.send('/logout'))
    const before = await countOpen(people.site, gone.copies, leaver, people.note)
    const visitors = await flood(people, context)
    const after = await countOpen(people.site, gone.copies, leaver, people.note)
    const now = await signedIn.send('/read')
    const isWhole = now.user === owner && now.data.note === people.note
    const evidence = [
      seen('new sessions', visitors),
      seen('the one who was signed in', isWhole ? 'still is, with the note' : (now.user ?? 'is nobody now')),
      seen('cookies of the one who had logged out that open the session, before and after', [before, after]),
    ]
    if (!isWhole) return broken('Strangers push out the session of somebody who is signed in.', evidence)
    return after > before
      ? broken('Strangers bring back a session that had ended.', evidence)
      : held('A flood of visitors changes nothing for others.', evidence)
  },
)

async function flood(people: People, { thorough, signal }: AttackContext): Promise<number> {
  const total = thorough ? THOROUGH_VISITORS : VISITORS
  const path = route('/set', { key: 'note', value: 'x'.repeat(1_000) })
  for (let sent = 0; sent < total; sent += ABREAST) {
    signal.throwIfAborted()
    const strangers = Array.from({ length: ABREAST }, () => people.stranger())
    for (const answer of await Promise.all(strangers.map((one) => one.send(path)))) expectOk('/set', answer)
    if (!isInCookie(people.site.row)) continue
    for (const answer of await Promise.all(strangers.map((one) => one.send('/logout')))) expectOk('/logout', answer)
  }
  return total
}

const RENEWALS = 20

export const renewalsPileUp: Attack = attackBy(
  {
    name: 'renewals-pile-up',
    title: 'What a busy session leaves behind',
    property: 'forgets',
    attacker: 'one visitor who renews a session again and again',
    how: `One session is renewed ${RENEWALS} times (where a library has no renewal, its user signs in as often) and changed as often. Held: the store has at most three rows more than before.`,
    docs: 'docs/security.md#what-the-library-stores-of-its-own',
    harmless: true,
    violent: false,
    promised: everywhere,
  },
  async (people, { signal }) => {
    const { rows } = people.site.storage
    if (!rows) return notApplicable('Nothing of these sessions is stored that could pile up.')
    const user = people.user('ada')
    const visitor = await people.signedIn(user)
    const before = (await rows.list()).length
    const first = await visitor.send('/renew')
    const renewal = isMissing(first) ? route('/login', { user }) : '/renew'
    for (let count = 0; count < RENEWALS; count++) {
      signal.throwIfAborted()
      expectOk(renewal, await visitor.send(renewal))
      expectOk('/set', await visitor.send(route('/set', { key: 'count', value: count })))
    }
    const after = (await rows.list()).length
    if (!opens(await ask(people.site, visitor.cookies), user))
      throw new Error('The visitor is signed out by a renewal, so no session was renewed again and again.')
    const evidence = [
      seen('what was repeated', `${renewal.split('?', 1)[0]} × ${RENEWALS}`),
      seen('rows in the store, before and after', [before, after]),
    ]
    return after - before > 3
      ? broken('Every renewal leaves a row behind.', evidence)
      : held('Renewals leave nothing behind.', evidence)
  },
)
