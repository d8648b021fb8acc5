import { randomBytes } from 'node:crypto'
import { createSessions, type SessionsOptions } from 'strongroom'
import { cookie } from 'strongroom/cookie'
import { createKeyring } from 'strongroom/internal'
import { memory } from 'strongroom/memory'
import type { Attack, AttackContext } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy, type People } from '../people.ts'
import { type Cookies, send } from '../visitor.ts'
import { manyInOne } from './many.ts'
import { everywhere } from './promises.ts'
import { madeUpValue } from './tokens.ts'

const COUNT = 10_000
const THOROUGH = 1_000_000
/** How many of them are whole cookies, made by the library itself under a secret of the attacker's. */
const MINTED = 500
/** A slow application gets as many as it can take. */
const LONGEST = 5_000
const THOROUGH_LONGEST = 15 * 60_000

export const madeUpTokens: Attack = attackBy(
  {
    name: 'made-up-tokens',
    title: 'Made-up tokens',
    property: 'integrity',
    attacker: 'anyone who can send requests',
    how: `Cookies with the form of a genuine one and random content are sent, ${COUNT.toLocaleString('en')} of them (a million with --thorough); for our own rows some are made by the library itself under another secret. Held: none opens a session, none is answered with an error, and none costs the store a call.`,
    docs: 'docs/security.md#what-comes-in',
    harmless: true,
    violent: false,
    promised: everywhere,
  },
  async (people, context) => {
    const visitor = await people.signedIn(people.user('ada'))
    const flood = await sendMadeUp(people, visitor.cookies, context)
    const { sent, minted, statuses, opened, calls } = flood
    if (sent === 0) throw new Error('The application was too slow for a single made-up token.')
    const evidence = [
      seen('made-up tokens sent', sent),
      seen('of these, made by the library under another secret', minted),
      seen('sessions that they opened', opened),
      seen(
        'statuses',
        [...statuses].map(([status, count]) => `${status} × ${count}`),
      ),
      seen('calls that reached the store', calls ?? 'cannot be counted here'),
    ]
    if (opened > 0) return broken('A made-up token opened a session.', evidence)
    if ([...statuses.keys()].some((status) => status >= 500))
      return broken('Made-up tokens make the application fail.', evidence)
    if (calls) return broken('No made-up token opened a session, but they reach the store.', evidence)
    return held('No made-up token opened a session or reached the store.', evidence)
  },
)

async function sendMadeUp(people: People, cookies: Cookies, { thorough, signal }: AttackContext) {
  const { site } = people
  const until = Date.now() + (thorough ? THOROUGH_LONGEST : LONGEST)
  const minted = site.row.family === 'strongroom' ? await mint(people, cookies) : []
  const total = thorough ? THOROUGH : COUNT
  const statuses = new Map<number, number>()
  let [sent, opened, sentMinted] = [0, 0, 0]
  let calls: number | null = site.storeCalls ? 0 : null
  while (sent < total && Date.now() < until) {
    const values = [...minted.splice(0), ...random(cookies, Math.min(COUNT, total - sent))].slice(0, total - sent)
    const batches = await manyInOne(site, cookies, values)
    // Counted from here: to find out how many fit into a request takes the genuine cookie.
    const before = (await site.storeCalls?.()) ?? 0
    for (const batch of batches) {
      signal.throwIfAborted()
      if (Date.now() >= until) break
      const answers = await Promise.all(batch.map(({ header }) => send(site, '/read', header)))
      for (const { status, user, data } of answers) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (user !== null || Object.keys(data).length > 0) opened += 1
      }
      const members = batch.flatMap((request) => request.members)
      sent += members.length
      sentMinted += members.filter(({ isMinted }) => isMinted).length
    }
    if (site.storeCalls && calls !== null) calls += (await site.storeCalls()) - before
  }
  return { sent, minted: sentMinted, statuses, opened, calls }
}

interface MadeUp {
  readonly name: string
  readonly value: string
  readonly isMinted: boolean
}

function* random(cookies: Cookies, count: number): Generator<MadeUp> {
  const genuine = [...cookies]
  for (let made = 0; made < count; made++) {
    const [name, value] = genuine[made % genuine.length] ?? ['', '']
    yield { name, value: madeUpValue(value), isMinted: false }
  }
}

/** Sessions that are genuine but for the secret. Their key id is that of the application, so that they are not refused by it. */
async function mint({ site }: People, cookies: Cookies): Promise<MadeUp[]> {
  const name = site.cookieName
  const kid = Buffer.from(cookies.get(name) ?? '', 'base64url')[1]
  const options: SessionsOptions = {
    secrets: secretUnder(kid),
    cookie: { name },
    store: site.row.engine.startsWith('cookie')
      ? cookie({ protection: site.row.seal === 'signed' ? 'signed' : 'sealed' })
      : memory(),
    sweep: false,
  }
  const sessions = createSessions(options)
  const minted: MadeUp[] = []
  while (minted.length < MINTED) {
    const visit = sessions.open({})
    ;(await visit.get()).login('ada')
    const { setCookie } = await visit.commit()
    const [, value = ''] = /=([^;]*)/.exec(setCookie ?? '') ?? []
    minted.push({ name, value, isMinted: true })
  }
  await sessions.close()
  return minted
}

/** By the key id of each. */
const secretsTried = new Map<number, string>()

/** The key id is one byte, and comes from the secret: a few hundred tries find one. */
function secretUnder(kid: number | undefined): string {
  const another = () => randomBytes(32).toString('base64url')
  for (let tries = 0; kid !== undefined && !secretsTried.has(kid) && tries < 10_000; tries++) {
    const secret = another()
    secretsTried.set(createKeyring(secret).current.kid, secret)
  }
  return (kid !== undefined && secretsTried.get(kid)) || another()
}
