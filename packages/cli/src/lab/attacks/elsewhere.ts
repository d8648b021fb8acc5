import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack, AttackContext, Finding } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy, countOpen, expectOk, isMissing, type People } from '../people.ts'
import type { Site } from '../site.ts'
import { route } from '../visitor.ts'
import { copiedBy } from './copies.ts'
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
    how: 'A server has read a session, so that it may have a copy of it. It ends on another server, by a logout that is the first request there, and later by a logout and with all sessions of its user; and the cookie is sent to the first server immediately. Held: it is refused.',
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
  const { site } = people
  const other = await people.another()
  // The logout is the other server's first request: it may not be connected to the cache yet.
  const first = await endOf(people, { reader: site, ender: other, path: '/logout' })
  const steps = await takeTurns(people, other)
  signal.throwIfAborted()
  const ends = [
    first,
    await endOf(people, { reader: other, ender: site, path: '/logout' }),
    await endOf(people, { reader: other, ender: site, path: '/revoke-all' }),
  ].filter((end) => end !== null)
  const immediately = ends.reduce((sum, { open }) => sum + open, 0)
  const copies = ends.reduce((sum, end) => sum + end.copies.length, 0)
  const later = async () => {
    const counts = ends.map(({ reader, copies, user }) => countOpen(reader, copies, user, people.note))
    return (await Promise.all(counts)).reduce((sum, each) => sum + each, 0)
  }
  if (!other.clock || !site.clock) {
    if (mayWait) await sleep(LATER, undefined, { signal })
    return { steps, copies, open: { immediately, later: mayWait ? await later() : null } }
  }
  await Promise.all([site.clock(LATER), other.clock(LATER)])
  try {
    return { steps, copies, open: { immediately, later: await later() } }
  } finally {
    await site.clock(0)
  }
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

interface End {
  /** The server that has a copy of the session, and is asked afterwards. */
  readonly reader: Site
  readonly ender: Site
  readonly path: '/logout' | '/revoke-all'
}

/** Null where the library has no such end. */
async function endOf(people: People, { reader, ender, path }: End) {
  const user = people.user('ada')
  const { cache } = people.site.storage
  const before = (await cache?.list()) ?? []
  const visitor = await people.signedIn(user)
  const { cookies } = visitor
  const read = async () => {
    if ((await visitor.send('/read', { to: reader })).user !== user)
      throw new Error('The server that is asked afterwards does not know the session, so its end shows nothing.')
  }
  if (cache) await copiedBy(read, { cache, before })
  else await read()
  const ended = await visitor.send(path === '/logout' ? path : route(path, { user }), { to: ender })
  if (isMissing(ended)) return null
  expectOk(path, ended)
  const copies = [cookies, ...visitor.past].filter(({ size }) => size > 0)
  return { reader, user, copies, open: await countOpen(reader, copies, user, people.note) }
}
