import { randomBytes } from 'node:crypto'
import type { Attack, Finding, PromisedRow } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { ask, attackBy, expectOk, isMissing, opens, type People } from '../people.ts'
import type { Rows, StoredRow } from '../site.ts'
import { type Answer, headerOf, route, send, type Visitor } from '../visitor.ts'

const sealed = ({ family, seal }: PromisedRow) => family === 'strongroom' && seal !== 'none'
const NOTHING_STORED = 'Nothing is stored of a session that is alive.'
const NO_ROWS = 'There are no rows that anyone else could write to.'

/** Change bytes of a row. */
export const alterRows: Attack = attackBy(
  {
    name: 'alter-rows',
    title: 'Alter rows',
    property: 'integrity',
    attacker: 'anyone who can write to the database',
    how: "A visitor signs in and writes a note. The attacker flips a bit in each place of the visitor's row, or in 128 places of a long one, and writes another user and another note over those that can be read there. After each change the visitor's own cookie is sent. Held if it never shows another user or other data.",
    docs: 'docs/security.md#what-is-visible',
    harmless: false,
    violent: false,
    promised: sealed,
  },
  (people) => withRows(people, alter),
)

async function alter(people: People, rows: Rows): Promise<Finding> {
  const user = people.user('ada')
  const { visitor, own } = await withOwnRows(rows, () => people.signedIn(user))
  if (own.length === 0) return notApplicable(NOTHING_STORED)
  const tally = { tried: 0, refused: 0, unchanged: 0, altered: 0, example: '' }
  const look = async (what: string) => {
    await forgetCopies(people)
    const answer = await send(people.site, '/read', headerOf(visitor.cookies))
    tally.tried++
    const isTheirs = answer.user === user && answer.data.note === people.note
    if (answer.status !== 200 || (answer.user === null && answer.data.note === undefined)) tally.refused++
    else if (isTheirs) tally.unchanged++
    else {
      tally.altered++
      tally.example ||= `${what}: ${answer.body}`
    }
  }
  for (const row of own) {
    const bytes = Buffer.from(row.data ?? row.value)
    for (const [what, changed] of changesOf(bytes, [user, people.note])) {
      await rows.put(row.data ? { ...row, data: changed } : { ...row, value: changed })
      await look(what)
    }
    await rows.put(row)
  }
  await expectUnharmed(people, [[visitor, user]])
  const evidence = [
    seen('rows of the visitor', own.length),
    seen('changes tried', tally.tried),
    seen('refused, without effect, accepted', `${tally.refused}, ${tally.unchanged}, ${tally.altered}`),
    ...(tally.example ? [seen('the first that was accepted', tally.example)] : []),
  ]
  if (people.site.row.engine === 'cookie')
    return notApplicable('The session is in its cookie, and not in the rows beside it.')
  // Unless a changed row was read, nothing was shown.
  if (tally.refused + tally.altered === 0) throw new Error('No changed row had any effect, so nothing was attacked.')
  if (tally.altered > 0) return broken('The application believed a row that somebody else had changed.', evidence)
  return held('No change of a row was believed.', evidence)
}

const MOST_PLACES = 128

/** One bit at each place; then the same number of other letters over what can be read. */
function* changesOf(bytes: Buffer, texts: readonly string[]): Generator<readonly [what: string, bytes: Buffer]> {
  for (const text of texts)
    for (const form of [text, Buffer.from(text).toString('hex'), Buffer.from(text).toString('base64').slice(0, -4)]) {
      const at = bytes.indexOf(form)
      if (at < 0) continue
      const changed = Buffer.from(bytes)
      // A letter of each that reads as another one in every form.
      changed[at] = (changed[at] as number) === 0x61 ? 0x62 : 0x61
      changed.write('m', at, 'latin1')
      yield [`"${text.slice(0, 8)}…" written over`, changed]
    }
  const places = Math.min(bytes.length, MOST_PLACES)
  for (let index = 0; index < places; index++) {
    const at = Math.floor((index * bytes.length) / places)
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ (1 << (index % 8))
    yield [`bit ${index % 8} of byte ${at} flipped`, changed]
  }
}

/** Put the content of one row into another. */
export const swapRows: Attack = attackBy(
  {
    name: 'swap-rows',
    title: 'Swap rows',
    property: 'integrity',
    attacker: 'anyone who can write to the database, and has an account',
    how: "The attacker and a victim sign in. The attacker puts the victim's record under the key of their own session, whole, without the columns beside it, and in the parts of its lines; then their own under the victim's key. Each time both cookies are sent. Held if nobody is ever taken for the other.",
    docs: 'docs/security.md#the-record',
    harmless: false,
    violent: false,
    promised: sealed,
  },
  (people) => withRows(people, swap),
)

async function swap(people: People, rows: Rows): Promise<Finding> {
  const [victim, attacker] = [people.user('ada'), people.user('eve')]
  const one = await withOwnRows(rows, () => people.signedIn(victim))
  const two = await withOwnRows(rows, () => people.signedIn(attacker))
  let [tried, taken, without] = [0, 0, 0]
  let example = ''
  const look = async (visitor: Visitor, own: string, other: string) => {
    await forgetCopies(people)
    const answer = await send(people.site, '/read', headerOf(visitor.cookies))
    tried++
    if (answer.user === own && answer.data.note === people.note) without++
    if (answer.user !== other) return
    taken++
    example ||= answer.body
  }
  if (one.own.length === 0 || two.own.length === 0) return notApplicable(NOTHING_STORED)
  for (const [to, from, visitor, own, other] of [
    [two.own, one.own, two.visitor, attacker, victim],
    [one.own, two.own, one.visitor, victim, attacker],
  ] as const)
    for (const target of to)
      for (const source of from)
        for (const row of exchanged(target, source)) {
          await rows.put(row)
          await look(visitor, own, other)
          await rows.put(target)
        }
  await expectUnharmed(people, [
    [one.visitor, victim],
    [two.visitor, attacker],
  ])
  // Unless an exchanged row was read, nothing was shown.
  if (without === tried) throw new Error('No exchange had any effect, so nothing was attacked.')
  const evidence = [
    seen('exchanges tried', tried),
    seen('of these, without effect', without),
    seen('visitors taken for the other', taken),
    ...(example ? [seen('the first response to the wrong visitor', example)] : []),
  ]
  if (taken > 0) return broken("One visitor became the other by the other's row.", evidence)
  return held('A row under another key opened for nobody.', evidence)
}

/** What can be put under the key of `target` of `source`. */
function exchanged(target: StoredRow, source: StoredRow): StoredRow[] {
  const whole = { ...source, key: target.key }
  if (!target.data || !source.data) return [whole]
  const [own, other] = [Buffer.from(target.data), Buffer.from(source.data)]
  const [ownEnd, otherEnd] = [own.lastIndexOf('\n'), other.lastIndexOf('\n')]
  const spliced = Buffer.concat([other.subarray(0, otherEnd), own.subarray(ownEnd)])
  const head = Buffer.concat([own.subarray(0, 36), other.subarray(36)])
  return [whole, { ...target, data: source.data }, ...[spliced, head].map((data) => ({ ...target, data }))]
}

/** Put older rows back. */
export const rollBackRows: Attack = attackBy(
  {
    name: 'roll-back-rows',
    title: 'Roll back rows',
    property: 'final',
    attacker: 'anyone who can write to the database, and has a cookie',
    how: 'A visitor signs in, and the attacker copies the cookie and all rows. Then the visitor changes the session, renews it, and logs out; after each the attacker puts the old rows back, and sends the copied cookie. Held if the copied cookie shows nothing of the older state.',
    docs: 'docs/security.md#what-is-visible',
    harmless: false,
    violent: false,
    // The documents say that the store decides what has ended.
    promised: () => false,
  },
  (people) => withRows(people, rollBack),
)

async function rollBack(people: People, rows: Rows): Promise<Finding> {
  const user = people.user('ada')
  const steps = [
    ['a change', route('/set', { key: 'note', value: randomBytes(9).toString('hex') })],
    ['a renewal', '/renew'],
    ['a logout', '/logout'],
  ] as const
  const results: (readonly [string, Answer])[] = []
  for (const [what, path] of steps) {
    const visitor = await people.signedIn(user)
    const copied = headerOf(visitor.cookies)
    const old = await rows.list()
    const done = await visitor.send(path)
    if (isMissing(done)) continue
    expectOk(path, done)
    await restore(rows, old)
    await forgetCopies(people)
    results.push([what, await ask(people.site, copied)])
  }
  const isOlder = ({ user: who, data }: Answer) => who === user && data.note === people.note
  const back = results.filter(([, answer]) => isOlder(answer))
  const evidence = results.map(([what, answer]) =>
    seen(
      `after ${what} was undone in the store, the copied cookie`,
      isOlder(answer)
        ? 'shows the older state'
        : `shows ${answer.user === null ? 'nothing' : 'the newer one'}, status ${answer.status}`,
    ),
  )
  if (back.length > 0) return broken('Older rows were believed.', evidence)
  return held('No older row was believed.', evidence)
}

async function restore(rows: Rows, old: readonly StoredRow[]): Promise<void> {
  const now = new Map((await rows.list()).map((row) => [row.key, row]))
  for (const row of old) {
    const { value = null } = now.get(row.key) ?? {}
    if (value === null || !Buffer.from(value).equals(row.value)) await rows.put(row)
    now.delete(row.key)
  }
  for (const key of now.keys()) await rows.delete(key)
  const back = new Map((await rows.list()).map((row) => [row.key, row]))
  const isBack = ({ key, data }: StoredRow) =>
    back.has(key) && (!data || Buffer.from(data).equals(back.get(key)?.data ?? new Uint8Array()))
  if (back.size !== old.length || !old.every(isBack))
    throw new Error('The older rows did not come back, so nothing was rolled back.')
}

/** A failure of the store, and not the attack, may have been what refused a changed row. */
async function expectUnharmed(people: People, visitors: readonly (readonly [Visitor, string])[]): Promise<void> {
  await forgetCopies(people)
  for (const [{ cookies }, user] of visitors)
    if (!opens(await ask(people.site, cookies), user, people.note))
      throw new Error('A visitor is signed out although every row was put back as it was.')
}

async function withRows(people: People, attack: (people: People, rows: Rows) => Promise<Finding>): Promise<Finding> {
  const { clock, storage } = people.site
  if (!storage.rows) return notApplicable(NO_ROWS)
  try {
    return await attack(people, storage.rows)
  } finally {
    ahead.delete(people)
    await clock?.(0)
  }
}

/** In ms: longer than a copy in a cache of ours is used (docs/cached.md, `maxAge`). */
const COPIES_LIVE = 11_000
const ahead = new WeakMap<People, number>()

/** Where copies are read first, a changed row is only seen when they are too old. */
async function forgetCopies(people: People): Promise<void> {
  const { clock, row, storage } = people.site
  // Those of other libraries live as long as their session, or until the cache needs the room.
  if (row.family !== 'strongroom')
    for (const { key } of (await storage.cache?.list()) ?? []) await storage.cache?.delete(key)
  if (row.engine !== 'cached' || !clock) return
  const by = (ahead.get(people) ?? 0) + COPIES_LIVE
  ahead.set(people, by)
  await clock(by)
}

/** A visitor, and the rows with the session that were not there before. */
async function withOwnRows(rows: Rows, begin: () => Promise<Visitor>) {
  const before = new Set((await rows.list()).map(({ key }) => key))
  const visitor = await begin()
  const added = (await rows.list()).filter(({ key }) => !before.has(key))
  // Beside it, a store may have rows of its own, such as an index.
  const withData = added.filter(({ data }) => data !== undefined)
  return { visitor, own: withData.length > 0 ? withData : added }
}
