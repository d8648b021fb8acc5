import { type Attack, NotRun, type PromisedRow } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { ask, attackBy, expectOk, opens, type People } from '../people.ts'
import type { Rows, StoredRow } from '../site.ts'
import { headerOf, route, send } from '../visitor.ts'
import { copiedBy } from './copies.ts'

/** In ms: longer than any copy may be used (docs/cached.md: `maxAge`, 10 s by default). */
const TOO_OLD = 15_000

/** Write to the cache, and not to the durable store. */
export const cacheOnly: Attack = attackBy(
  {
    name: 'write-to-the-cache',
    title: 'Write to the cache only',
    property: 'integrity',
    attacker: 'anyone who can write to the cache, and not to the durable store',
    how: 'The attacker copies what the cache has of a session. All sessions of its user are ended, the copy becomes too old to be used, and is put back: as it was, and with every moment in it moved on. In a living session, an older copy is put back before the visitor writes something; and copies that are too old are mixed with the newest one, byte by byte. Held if the ended session stays ended, no mixture is believed, and the durable store has lost nothing.',
    docs: 'docs/cached.md#when-others-can-write-to-the-cache',
    harmless: false,
    violent: false,
    promised: ({ family }: PromisedRow) => family === 'strongroom',
  },
  async (people) => {
    const { clock, storage } = people.site
    if (!storage.cache) return notApplicable('There is no cache that anyone else could write to.')
    if (!clock) throw new NotRun('The clock of this application cannot be set.')
    const revived = await revive(people, storage.cache, clock)
    const durable = await rollBack(people, storage.cache)
    const mixed = await mix(people, storage.cache, clock)
    const evidence = [
      seen('copies of the ended session put back, too old, with other moments', revived.tried),
      seen('of these, brought the session back', revived.back),
      seen('put back while it might still be used', revived.young ? 'shown until its maximum age' : 'refused'),
      seen('mixtures of an older and a newer copy', mixed.tried),
      seen('of these, believed', mixed.believed),
      seen('what the durable store has after a write that met an older copy', durable),
    ]
    if (revived.back > 0) return broken('A copy in the cache brought an ended session back.', evidence)
    if (mixed.believed > 0) return broken('The application believed a copy that somebody else had made.', evidence)
    if (durable !== NEWER) return broken('A copy in the cache undid a change of the store.', evidence)
    return held('Writing to the cache caused misses, and nothing else.', evidence)
  },
)

async function revive(people: People, cache: Rows, clock: (by: number) => Promise<void>) {
  const user = people.user('ada')
  const { visitor, own } = await cachedVisitor(people, cache, user)
  const cookie = headerOf(visitor.cookies)
  expectOk('/revoke-all', await people.visitor().send(route('/revoke-all', { user })))
  const isBack = async () => opens(await ask(people.site, cookie), user, people.note)
  for (const row of own) await put(cache, row)
  const young = await isBack()
  await clock(TOO_OLD)
  try {
    let [tried, back] = [0, 0]
    for (const row of own)
      for (const copy of [row, ...withMoments(row, Date.now() + TOO_OLD)]) {
        await cache.put(copy)
        tried++
        if (await isBack()) back++
      }
    return { tried, back, young }
  } finally {
    await clock(0)
  }
}

/** A day, in ms: how near a number must be to now to be taken for a moment. */
const NEAR = 86_400_000

/** The row with each number in it that reads as a moment of today, moved to `now`, one by one, and all of them. */
function withMoments(row: StoredRow, now: number): StoredRow[] {
  const bytes = Buffer.from(row.data ?? row.value)
  const places = [...bytes.keys()].flatMap((at) =>
    KINDS.filter(({ length, read }) => at + length <= bytes.length && Math.abs(read(bytes, at) - now) < NEAR).map(
      (kind) => ({ at, kind }),
    ),
  )
  const changed = (some: typeof places) => {
    const copy = Buffer.from(bytes)
    for (const { at, kind } of some) kind.write(copy, at, now)
    return row.data ? { ...row, data: copy } : { ...row, value: copy }
  }
  return [...places.map((place) => changed([place])), ...(places.length > 1 ? [changed(places)] : [])]
}

const KINDS = [
  {
    length: 6,
    read: (b: Buffer, at: number) => b.readUIntBE(at, 6),
    write: (b: Buffer, at: number, v: number) => b.writeUIntBE(v, at, 6),
  },
  {
    length: 8,
    read: (b: Buffer, at: number) => b.readDoubleLE(at),
    write: (b: Buffer, at: number, v: number) => b.writeDoubleLE(v, at),
  },
  {
    length: 8,
    read: (b: Buffer, at: number) => b.readDoubleBE(at),
    write: (b: Buffer, at: number, v: number) => b.writeDoubleBE(v, at),
  },
] as const

/** An older copy, put under a newer one while it might still be used, must not be carried into the store by the next write. */
async function rollBack(people: People, cache: Rows): Promise<string> {
  const { visitor, own } = await cachedVisitor(people, cache, people.user('ada'))
  expectOk('/set', await visitor.send(route('/set', { key: 'note', value: 'newer' })))
  for (const old of own) await put(cache, old)
  const written = await visitor.send(route('/set', { key: 'other', value: 'yes' }))
  for (const { key } of await cache.list()) await cache.delete(key)
  const { data } = await visitor.send('/read')
  const isNewer = data.note === 'newer' && (written.status !== 200 || data.other === 'yes')
  return isNewer ? NEWER : `another state: ${JSON.stringify(data)}`
}

const NEWER = 'the newer state'

/** Bytes of a copy that is too old, with those of one that is not. */
async function mix(people: People, cache: Rows, clock: (by: number) => Promise<void>) {
  const { visitor, own } = await cachedVisitor(people, cache, people.user('ada'))
  const cookie = headerOf(visitor.cookies)
  await clock(TOO_OLD)
  try {
    expectOk('/set', await visitor.send(route('/set', { key: 'note', value: 'newer' })))
    const copies = await copiedBy(() => send(people.site, '/read', cookie), { cache, before: own })
    const newer = new Map(copies.map((row) => [row.key, row]))
    let [tried, believed] = [0, 0]
    for (const old of own)
      for (const copy of mixturesOf(old, newer.get(old.key) ?? old)) {
        await cache.put(copy)
        tried++
        if ((await ask(people.site, cookie)).data.note === people.note) believed++
      }
    if (tried === 0) throw new Error('No mixture of two copies could be made.')
    return { tried, believed }
  } finally {
    await clock(0)
  }
}

const MOST = 64

/** The beginning of the newer copy and the rest of the older one, and the other way round. */
function mixturesOf(old: StoredRow, newer: StoredRow): StoredRow[] {
  const [a, b] = [Buffer.from(newer.data ?? newer.value), Buffer.from(old.data ?? old.value)]
  const shorter = Math.min(a.length, b.length)
  const places = Math.min(shorter - 1, MOST)
  return Array.from({ length: Math.max(0, places) }, (_, index) => {
    const at = 1 + Math.floor((index * (shorter - 1)) / places)
    return [Buffer.concat([a.subarray(0, at), b.subarray(at)]), Buffer.concat([b.subarray(0, at), a.subarray(at)])]
  })
    .flat()
    .filter((bytes) => !bytes.equals(a) && !bytes.equals(b))
    .map((bytes) => (newer.data ? { ...newer, data: bytes } : { ...newer, value: bytes }))
}

/** Rejects where the copy does not arrive: then nobody has written to the cache. */
async function put(cache: Rows, row: StoredRow): Promise<void> {
  await cache.put(row)
  const there = (await cache.list()).find(({ key }) => key === row.key)
  if (!there || !Buffer.from(there.data ?? there.value).equals(row.data ?? row.value))
    throw new Error('A copy that was put into the cache is not there, so nothing was attacked.')
}

/** A visitor whose session is in the cache, and the copies of it there. */
async function cachedVisitor(people: People, cache: Rows, user: string) {
  const before = await cache.list()
  const visitor = await people.signedIn(user)
  const cookie = headerOf(visitor.cookies)
  const own = await copiedBy(() => send(people.site, '/read', cookie), { cache, before })
  return { visitor, own }
}
