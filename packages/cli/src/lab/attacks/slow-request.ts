import type { Attack } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { ask, attackBy, countOpen, expectOk, isMissing, opens, type People } from '../people.ts'
import { route, waitAtGate } from '../visitor.ts'
import { whereRevocable } from './promises.ts'

const slow = {
  property: 'final',
  attacker: 'nobody: a second tab whose request takes long is enough',
  docs: 'docs/requests.md',
  harmless: true,
  violent: false,
  promised: whereRevocable,
} as const

/** What a request may be doing while its session ends. */
const REQUESTS = [
  { path: '/set', parameters: { key: 'theme', value: 'dark' } },
  { path: '/add', parameters: { key: 'visits' } },
  { path: '/renew', parameters: {} },
  { path: '/read', parameters: {} },
] as const

interface Outcome {
  readonly path: string
  readonly status: number
  /** Cookies that are signed in afterwards: those from before, and what the slow response set. */
  readonly open: number
  readonly browserIsIn: boolean
}

export const slowRequestAndLogout: Attack = attackBy(
  {
    ...slow,
    name: 'slow-request-and-logout',
    title: 'A slow request against a logout',
    how: 'A request has loaded its session and takes long; meanwhile the same browser logs out; then the request writes, adds, renews or only reads, and is answered. Held: neither the old cookie nor one of the late response is signed in.',
  },
  async (people) => {
    const outcomes = await Promise.all(REQUESTS.map((request) => during(people, request, () => '/logout')))
    return judge(outcomes, 'A request that was under way has undone the logout.')
  },
)

export const slowRequestAndRevokeAll: Attack = attackBy(
  {
    ...slow,
    name: 'slow-request-and-revoke-all',
    title: 'A slow request against "log out everywhere"',
    attacker: 'a thief with a copied cookie, whose request takes long',
    how: 'A request of a copied cookie has loaded its session and takes long; meanwhile all sessions of the user are ended; then the request writes, adds, renews or only reads, and is answered. Held: no cookie of the thief is signed in.',
  },
  async (people) => {
    const probe = await people.visitor().send(route('/revoke-all', { user: people.user('nobody') }))
    if (isMissing(probe)) return notApplicable('This library cannot end all sessions of a user.')
    const end = (user: string) => route('/revoke-all', { user })
    const outcomes = await Promise.all(REQUESTS.map((request) => during(people, request, end)))
    return judge(outcomes, 'A request that was under way has outlived the end of all sessions.')
  },
)

async function during(
  people: People,
  { path, parameters }: (typeof REQUESTS)[number],
  end: (user: string) => string,
): Promise<Outcome> {
  const user = people.user('ada')
  const browser = await people.signedIn(user)
  const request = await waitAtGate(browser, path, parameters)
  // Its response comes first. What the late response sets replaces it in the browser.
  expectOk('the end of the session', await browser.send(end(user)))
  const { status } = await request.goOn()
  const now = await ask(people.site, browser.cookies)
  return {
    path,
    status,
    open: await countOpen(people.site, browser.copies, user, people.note),
    browserIsIn: opens(now, user, people.note),
  }
}

function judge(outcomes: readonly Outcome[], summary: string) {
  const evidence = outcomes.map(({ path, status, open, browserIsIn }) =>
    seen(
      `slow ${path}`,
      `responds ${status}; ${open} cookies open the session; the browser is ${browserIsIn ? 'in' : 'out'}`,
    ),
  )
  if (outcomes.some(({ browserIsIn }) => browserIsIn)) return broken(summary, evidence)
  return outcomes.some(({ open }) => open > 0)
    ? broken('A cookie of the session opens it after the end.', evidence)
    : held('Whatever the slow request did, its session stayed ended.', evidence)
}
