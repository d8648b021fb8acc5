import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack, AttackContext, Finding } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy, countOpen, expectOk, isMissing, type People } from '../people.ts'
import type { Site } from '../site.ts'
import { route } from '../visitor.ts'
import { whereRevocable, withoutOwnCopies } from './promises.ts'

const elsewhere = { harmless: true, violent: false } as const

export const twoServers: Attack = attackBy(
  {
    ...elsewhere,
    name: 'two-servers',
    title: 'The same session on two servers',
    property: 'shared',
    attacker: 'nobody: a load balancer',
    how: 'One browser is sent to one server of the application and to another, in turn. Each reads what the other has written a moment before. Held: neither misses a login, a value or a logout.',
    docs: 'docs/operations.md',
    promised: withoutOwnCopies,
  },
  async (people, context) => {
    const { steps } = await experimentOn(people, context)
    const missed = steps.filter(({ isRight }) => !isRight)
    const evidence = steps.map(({ what, isRight }) => seen(what, isRight ? 'seen' : 'missed'))
    return missed.length > 0
      ? broken('A server answers from an older state than another has acknowledged.', evidence)
      : held('Each server sees what the other has just acknowledged.', evidence)
  },
)

export const cachedCopy: Attack = attackBy(
  {
    ...elsewhere,
    name: 'cached-copy',
    title: 'A cached copy after a revocation',
    property: 'final',
    attacker: 'a thief with a copied cookie, who asks another server',
    how: 'Two servers have both read a session, so that each may have a copy of it. It ends on one of them, by a logout or with all sessions of its user, and the cookie is sent to the other immediately. Held: the other refuses it.',
    docs: 'docs/cached.md#what-other-processes-see',
    promised: (row) => whereRevocable(row) && withoutOwnCopies(row),
  },
  async (people, context) => judge(await experimentOn(people, context), 'immediately'),
)

export const cachedCopyLater: Attack = attackBy(
  {
    ...elsewhere,
    name: 'cached-copy-later',
    title: 'A cached copy, eleven seconds after a revocation',
    property: 'final',
    attacker: 'a thief with a copied cookie, who asks another server and keeps asking',
    how: 'As with a cached copy, but the clocks are moved on by 11 s, which is longer than a copy is used by default (10 s). Held: the other server refuses the cookie by then.',
    docs: 'docs/cached.md#what-it-guarantees',
    promised: whereRevocable,
  },
  async (people, context) => {
    // Some backends expire sessions by a clock of their own, and then it takes the 11 s.
    const waits = people.site.clock ? experimentOn(people, context) : run(people, context, true)
    return judge(await waits, 'later')
  },
)

function judge({ copies, open }: Experiment, when: 'immediately' | 'later'): Finding {
  const evidence = [
    seen('cookies of the ended sessions', copies),
    seen('opened one on the other server immediately', open.immediately),
    seen('opened one on the other server 11 s later', open.later ?? 'not tried: 11 s are long'),
  ]
  return (open[when] ?? 0) > 0
    ? broken('Another server still accepts the cookie of a session that has ended.', evidence)
    : held('The other server refuses the cookie of the session that has ended.', evidence)
}

/** Longer than a copy is used by default, in ms. */
const LATER = 11_000

interface Experiment {
  readonly steps: readonly { readonly what: string; readonly isRight: boolean }[]
  readonly copies: number
  readonly open: { readonly immediately: number; readonly later: number | null }
}

/** One experiment answers three questions, because a second server takes longer to start than all of them to be asked. */
const experiments = new WeakMap<Site, Promise<Experiment>>()

function experimentOn(people: People, context: AttackContext): Promise<Experiment> {
  const { site } = people
  const known = experiments.get(site)
  if (known) return known
  const experiment = run(people, context)
  experiments.set(site, experiment)
  // What was interrupted, or failed, is no answer to the next question.
  experiment.catch(() => experiments.delete(site))
  return experiment
}

async function run(people: People, { signal }: AttackContext, mayWait = false): Promise<Experiment> {
  const other = await people.another()
  await untilCacheIsReached(people, people.site)
  await untilCacheIsReached(people, other)
  const steps = await takeTurns(people, other)
  signal.throwIfAborted()
  const ends = [await endHere(people, other, '/logout'), await endHere(people, other, '/revoke-all')]
  const ended = ends.filter((end) => end !== null)
  const count = async () => {
    const counts = ended.map(({ copies, user }) => countOpen(other, copies, user, people.note))
    return (await Promise.all(counts)).reduce((sum, each) => sum + each, 0)
  }
  const immediately = await count()
  const copies = ended.reduce((sum, each) => sum + each.copies.length, 0)
  if (!other.clock || !people.site.clock) {
    if (mayWait) await sleep(LATER, undefined, { signal })
    return { steps, copies, open: { immediately, later: mayWait ? await count() : null } }
  }
  await Promise.all([people.site.clock(LATER), other.clock(LATER)])
  try {
    return { steps, copies, open: { immediately, later: await count() } }
  } finally {
    await people.site.clock(0)
  }
}

/** Tries of a server that has just started to put a copy into the cache. */
const TRIES = 100

/** A server that has just started may not be connected to the cache yet, and then nobody promises that it tells the others. */
async function untilCacheIsReached(people: People, server: Site): Promise<void> {
  const { cache } = people.site.storage
  if (!cache) return
  for (let tries = 0; tries < TRIES; tries++) {
    const before = new Set((await cache.list()).map(({ key }) => key))
    const visitor = await people.signedIn(people.user('first'), server)
    await visitor.send('/read')
    if ((await cache.list()).some(({ key }) => !before.has(key))) return
  }
  throw new Error('A server does not reach the cache.')
}

async function takeTurns(people: People, other: Site) {
  const user = people.user('ada')
  const visitor = await people.signedIn(user)
  const there = await visitor.send('/read', { to: other })
  expectOk('/set', await visitor.send(route('/set', { key: 'one', value: '1' }), { to: other }))
  const here = await visitor.send('/read')
  expectOk('/set', await visitor.send(route('/set', { key: 'two', value: '2' })))
  const again = await visitor.send('/read', { to: other })
  expectOk('/logout', await visitor.send('/logout'))
  const out = await visitor.send('/read', { to: other })
  return [
    {
      what: 'a login and a note, on the other server',
      isRight: there.user === user && there.data.note === people.note,
    },
    { what: 'a value from the other server', isRight: String(here.data.one) === '1' },
    { what: 'a second value, on the other server', isRight: String(again.data.two) === '2' },
    { what: 'the browser’s logout, on the other server', isRight: out.user === null },
  ]
}

/** Both servers have read the session when it ends here. Null where the library has no such end. */
async function endHere(people: People, other: Site, path: '/logout' | '/revoke-all') {
  const user = people.user('ada')
  const visitor = await people.signedIn(user)
  const { cookies } = visitor
  if ((await visitor.send('/read', { to: other })).user !== user)
    throw new Error('The other server does not know the session, so its end shows nothing.')
  const ended = await visitor.send(path === '/logout' ? path : route(path, { user }))
  if (isMissing(ended)) return null
  expectOk(path, ended)
  return { user, copies: [cookies, ...visitor.past].filter(({ size }) => size > 0) }
}
