import type { Attack } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy, opens, type People } from '../people.ts'
import { type Answer, headerOf, route, send } from '../visitor.ts'
import { everywhere } from './promises.ts'

/** As many as fit: Node refuses headers of more than 16 KiB together. */
const COOKIES = 20
const LONGEST = 14_000
/** Eight cookies are tried, and a cookie with revocations costs two calls. */
const FEW = 16

export const oddRequests: Attack = attackBy(
  {
    name: 'odd-requests',
    title: 'Requests that nobody would make',
    property: 'integrity',
    attacker: 'anyone who can send requests',
    how: `A login with a User-Agent of 8 KB; ${COOKIES} cookies of sessions that are over in one request; cookies of 7 KB, of escapes that are none, and with names such as __proto__; values under keys such as __proto__ and constructor. Held: none of these requests fails with a 5xx, other visitors are who they were and see nothing of it, and the ${COOKIES} cookies cost the store at most ${FEW} calls.`,
    docs: 'docs/security.md#what-comes-in',
    harmless: true,
    violent: false,
    promised: everywhere,
  },
  async (people) => {
    const user = people.user('ada')
    const bystander = await people.signedIn(user)
    const many = await manyCookies(people)
    const odd = [...(await oddCookies(people)), ...(await oddKeys(people)), many]
    const failed = odd.filter(({ answer }) => answer.status >= 500)
    const now = await bystander.send('/read')
    const stranger = await send(people.site, '/read', null)
    const isPolluted = stranger.user !== null || Object.keys(stranger.data).length > 0
    const evidence = [
      seen(
        'statuses',
        odd.map(({ what, answer }) => `${what}: ${answer.status}`),
      ),
      seen(`calls of the store for ${many.what}`, many.calls ?? 'cannot be counted here'),
      seen('somebody who was signed in', opens(now, user, people.note) ? 'still is' : 'is not any more'),
      seen('a new visitor', isPolluted ? `begins with ${stranger.body}` : 'begins with nothing'),
    ]
    if (isPolluted || !opens(now, user, people.note))
      return broken('An odd request changes the sessions of others.', evidence)
    if (failed.length > 0) return broken(`The application fails for ${failed[0]?.what}.`, evidence)
    if (many.calls !== null && many.calls > FEW)
      return broken('One request makes the store work for every cookie in it.', evidence)
    return held('Odd requests change nothing.', evidence)
  },
)

interface Odd {
  readonly what: string
  readonly answer: Answer
}

async function oddCookies(people: People): Promise<Odd[]> {
  const { site } = people
  const name = site.cookieName
  const visitor = people.visitor()
  const headers = { 'user-agent': 'Mozilla/5.0 '.repeat(680) }
  const login = await visitor.send(route('/login', { user: people.user('eve') }), { headers })
  const read = (header: string) => send(site, '/read', header)
  return [
    { what: 'a long User-Agent', answer: login },
    { what: 'a cookie of 7 KB', answer: await read(`${name}=${'A'.repeat(7_000)}`) },
    { what: 'a cookie of escapes', answer: await read(`${name}=%E0%A4%A; ${name}=%00%ff`) },
    { what: 'a cookie without a value', answer: await read(`${name}=; ${name}; =; ;`) },
    {
      what: 'a cookie named __proto__',
      answer: await read('__proto__=polluted; constructor=polluted; toString=polluted'),
    },
  ]
}

async function oddKeys(people: People): Promise<Odd[]> {
  const odd: Odd[] = []
  for (const key of ['__proto__', 'constructor', 'toString']) {
    const answer = await people.visitor().send(route('/set', { key, value: 'polluted' }))
    odd.push({ what: `a key named ${key}`, answer })
  }
  return odd
}

/** They are genuine, so that only the store can say that their sessions are over. */
async function manyCookies(people: People): Promise<Odd & { readonly calls: number | null }> {
  const { site } = people
  const over = await Promise.all(Array.from({ length: COOKIES }, () => endedCookie(people)))
  const longest = Math.max(...over.map((header) => header.length)) + 2
  const fitting = over.slice(0, Math.floor(LONGEST / longest))
  const before = (await site.storeCalls?.()) ?? null
  const answer = await send(site, '/read', fitting.join('; '))
  const after = (await site.storeCalls?.()) ?? null
  const calls = before === null || after === null ? null : after - before
  return { what: `${fitting.length} cookies in one request`, answer, calls }
}

async function endedCookie(people: People): Promise<string> {
  const visitor = people.visitor()
  await visitor.send(route('/login', { user: people.user('eve') }))
  const header = headerOf(visitor.cookies) ?? ''
  await visitor.send('/logout')
  return header
}
