import { type Attack, NotRun } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy, countOpen, expectOk, isMissing, opens, type People } from '../people.ts'
import type { Site } from '../site.ts'
import { route, send } from '../visitor.ts'
import { whereRevocable, whereShared } from './promises.ts'

const APART = 60_000
/** How long a session of the lab is idle at most, in ms. */
const IDLE = 3_600_000
/** So long before the idle limit that it has not passed on a slow machine, and has passed for the server that is ahead. */
const JUST_BEFORE = APART / 2
/** Longer than anything is kept of a session that nobody asked to be remembered: the marks of ours outlive it by a day. */
const LONG = 3 * 86_400_000

const NOT_FINAL =
  'No session dies early; but an end is not final here on one clock either, so clocks apart show nothing more.'

export const clocksApart: Attack = attackBy(
  {
    name: 'clocks-apart',
    title: 'Clocks apart',
    property: 'final',
    attacker: 'nobody: servers whose clocks differ by a minute',
    how: 'Three servers share the sessions; the clock of one is a minute ahead, that of another a minute behind. Sessions begin on one and are read, ended by logout and by "log out everywhere" on the others; the server that is ahead sweeps just before an ended session would have expired, and what others have left three days earlier is removed by that sweep. Held: no session dies early, and none is alive after its end, then or later.',
    docs: 'docs/operations.md',
    harmless: true,
    turnsClocks: true,
    violent: false,
    promised: (row) => whereRevocable(row) && whereShared(row) && !/\bwith memory\b/.test(row.traits?.engine ?? ''),
  },
  async (people) => {
    const { site } = people
    if (!site.clock) throw new NotRun('The clock of this application cannot be set.')
    const [ahead, behind] = await Promise.all([people.another({ clockBy: APART }), people.another({ clockBy: -APART })])
    const servers: Servers = { site, ahead, behind }
    const early = await deadEarly(people, servers)
    const onOneClock = await loggedOut(people, { site, ahead: site, behind: site })
    if (early === 0 && onOneClock.open > 0 && !whereRevocable(site.row))
      return notApplicable(NOT_FINAL, [seen('logged out, on one clock', `${onOneClock.open} cookies open the session`)])
    const outcomes = [await loggedOut(people, servers), ...(await revoked(people, servers))]
    const sweep = await swept(people, servers)
    outcomes.push(sweep)
    const evidence = [
      seen('reads of a living session on servers a minute apart, refused', early),
      ...outcomes.map(({ what, open }) => seen(what, `${open} cookies open the session`)),
      seen('who has not logged out, after that sweep', sweep.stays ? 'signed in' : 'nobody'),
      seen('rows of sessions that had expired, before and after it', sweep.expired),
    ]
    if (early > 0 || !sweep.stays) return broken('A session dies early on a server whose clock differs.', evidence)
    return outcomes.some(({ open }) => open > 0)
      ? broken('A session that has ended is alive where the clock differs.', evidence)
      : held('Clocks that differ by a minute change nothing.', evidence)
  },
)

interface Servers {
  readonly site: Site
  readonly ahead: Site
  readonly behind: Site
}

interface Outcome {
  readonly what: string
  readonly open: number
}

const all = ({ site, ahead, behind }: Servers): readonly Site[] => [site, ahead, behind]

async function deadEarly(people: People, servers: Servers): Promise<number> {
  let refused = 0
  for (const begun of all(servers)) {
    const user = people.user('ada')
    const visitor = await people.signedIn(user, begun)
    for (const read of all(servers)) if (!opens(await send(read, '/read', visitor.cookies), user)) refused += 1
  }
  return refused
}

async function loggedOut(people: People, servers: Servers): Promise<Outcome> {
  const user = people.user('ada')
  const visitor = await people.signedIn(user, servers.ahead)
  expectOk('/logout', await visitor.send('/logout', { to: servers.behind }))
  const counts = all(servers).map((server) => countOpen(server, visitor.copies, user, people.note))
  return { what: 'begun ahead, logged out behind', open: sum(await Promise.all(counts)) }
}

/** A session that began by a clock that is ahead is younger than the end, for anything that compares times. */
async function revoked(people: People, servers: Servers): Promise<Outcome[]> {
  const user = people.user('ada')
  const visitor = await people.signedIn(user, servers.ahead)
  const end = await send(servers.behind, route('/revoke-all', { user }), null)
  if (isMissing(end)) return []
  expectOk('/revoke-all', end)
  const count = async () =>
    sum(await Promise.all(all(servers).map((server) => countOpen(server, visitor.copies, user, people.note))))
  const immediately = await count()
  const later = await at(servers, 2 * APART, count)
  return [
    { what: 'begun ahead, all ended behind', open: immediately },
    { what: 'the same, two minutes later', open: later },
  ]
}

interface Swept extends Outcome {
  /** Is a visitor who was there a moment ago still signed in? */
  readonly stays: boolean
  /** How many rows there were of sessions that had expired, and how many are left. */
  readonly expired: readonly [before: number, after: number] | 'there are none'
}

/** What refuses an ended cookie must outlive it on every clock. */
async function swept(people: People, servers: Servers): Promise<Swept> {
  const { site, ahead } = servers
  const before = await keysOf(site)
  await people.signedIn(people.user('gone'))
  const leaving = await people.signedIn(people.user('gone'))
  expectOk('/logout', await leaving.send('/logout'))
  const expired = (await keysOf(site)).filter((key) => !before.includes(key))
  return at(servers, LONG, async () => {
    const [user, other] = [people.user('ada'), people.user('bob')]
    const ending = await people.signedIn(user)
    const staying = await people.signedIn(other)
    const copies = ending.copies
    expectOk('/logout', await ending.send('/logout'))
    await setClocks(servers, LONG + IDLE - JUST_BEFORE)
    // If this one were over, the other one would be refused for its age, whatever is swept.
    if ((await staying.send(route('/set', { key: 'seen', value: 'yes' }))).user !== other)
      throw new Error('A session is over before its idle limit, so a sweep at that moment shows nothing.')
    await ahead.sweep?.()
    const left = ((await site.storage.rows?.list()) ?? []).filter(
      // Others are removed by the clock of the store, which nobody can set.
      ({ key, removedAt }) => expired.includes(key) && removedAt === undefined,
    )
    if (ahead.sweep && expired.length > 0 && left.length === expired.length)
      throw new Error('The sweep has removed nothing of what had expired, so what it leaves shows nothing.')
    return {
      what: 'logged out, and swept by the server ahead just before the idle limit',
      open: await countOpen(site, copies, user, people.note),
      stays: opens(await staying.send('/read'), other),
      expired: site.storage.rows ? [expired.length, left.length] : 'there are none',
    }
  })
}

const keysOf = async ({ storage }: Site) => ((await storage.rows?.list()) ?? []).map(({ key }) => key)

/** Moves all clocks on, as far apart as they are, and back. */
async function at<T>(servers: Servers, by: number, work: () => Promise<T>): Promise<T> {
  await setClocks(servers, by)
  try {
    return await work()
  } finally {
    await setClocks(servers, 0)
  }
}

const setClocks = ({ site, ahead, behind }: Servers, to: number) =>
  Promise.all([site.clock?.(to), ahead.clock?.(to + APART), behind.clock?.(to - APART)])

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
