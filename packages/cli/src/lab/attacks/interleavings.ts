import type { Attack, AttackContext, Finding } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy, countOpen, isMissing, type People } from '../people.ts'
import type { Evidence } from '../report.ts'
import type { Site } from '../site.ts'
import { type Cookies, route, type Visitor, type Waiting, waitAtGate } from '../visitor.ts'
import { hasRevokeAll, type Plan, runPlan } from './in-process.ts'
import { whereRevocable } from './promises.ts'

const interleaved = {
  property: 'final',
  attacker: 'a thief with a copied cookie, whose requests come at the worst moment',
  docs: 'docs/login.md#renew',
  harmless: true,
  violent: false,
  promised: whereRevocable,
} as const

export const renewalAndLogout: Attack = attackBy(
  {
    ...interleaved,
    name: 'renewal-and-logout',
    title: 'Every interleaving of renewal with logout',
    how: 'A renewal (or two), a change and a read of a copied cookie run in parallel with the owner’s logout: over HTTP in every order of loading and answering, and for our own rows in every order of their calls to the store. Held: after each of them no cookie of the two is signed in.',
  },
  async (people, context) => {
    const overHttp = await everyHttpOrder(people, () => '/logout')
    const inProcess = await everyStoreOrder(people.site, context, [
      ['a renewal and the logout', ['renew'], 'logout'],
      ['two renewals and the logout', ['renew', 'renew'], 'logout'],
      ['a change and the logout', ['change'], 'logout'],
    ])
    return judge([overHttp, ...inProcess], 'the logout')
  },
)

export const renewalAndRevokeAll: Attack = attackBy(
  {
    ...interleaved,
    name: 'renewal-and-revoke-all',
    title: 'Every interleaving of renewal with "log out everywhere"',
    how: 'A renewal (or two), a change and a read of a copied cookie run in parallel with the end of all sessions of its user: over HTTP in every order of loading and answering, and for our own rows in every order of their calls to the store. Held: after each of them no cookie is signed in.',
  },
  async (people, context) => {
    const probe = await people.visitor().send(route('/revoke-all', { user: people.user('nobody') }))
    if (isMissing(probe)) return notApplicable('This library cannot end all sessions of a user.')
    const overHttp = await everyHttpOrder(people, (user) => route('/revoke-all', { user }))
    const inProcess = await everyStoreOrder(people.site, context, [
      ['a renewal and the end of all', ['renew'], 'revoke-all'],
      ['two renewals and the end of all', ['renew', 'renew'], 'revoke-all'],
      ['a change and the end of all', ['change'], 'revoke-all'],
      ['a "log out the others" and the end of all', ['revoke-others'], 'revoke-all'],
    ])
    return judge([overHttp, ...inProcess], 'the end of all sessions')
  },
)

export const loginAndRevokeAll: Attack = attackBy(
  {
    ...interleaved,
    name: 'login-and-revoke-all',
    title: 'A login in flight against "log out everywhere"',
    attacker: 'a thief who knows the password, and logs in while the owner ends all sessions',
    how: 'A login has begun (the password is being checked) when all sessions of the user are ended: over HTTP, and for our own rows in every order of their calls to the store. Held: the session of that login is over, or it was refused. A login that begins afterwards succeeds.',
    docs: 'docs/login.md#when-a-login-begins',
  },
  async (people, context) => {
    const user = people.user('ada')
    const visitor = people.visitor()
    const login = await waitAtGate(visitor, '/login', { user })
    const revoked = await people.visitor().send(route('/revoke-all', { user }))
    if (isMissing(revoked)) {
      await login.goOn()
      return notApplicable('This library cannot end all sessions of a user.')
    }
    const { status } = await login.goOn()
    const open = await countOpen(people.site, visitor.copies, user)
    const later = await people.visitor().send(route('/login', { user }))
    const overHttp = {
      what: `over HTTP (the login responds ${status})`,
      orders: 1,
      complete: null,
      alive: open,
      refused: 0,
    }
    const inProcess = await everyStoreOrder(people.site, context, [
      ['a login and the end of all', ['login'], 'revoke-all'],
    ])
    const finding = judge([overHttp, ...inProcess], 'the end of all sessions')
    const evidence = [...finding.evidence, seen('status of a login that began afterwards', later.status)]
    return { ...finding, evidence }
  },
)

interface Tried {
  readonly what: string
  readonly orders: number
  /** With so many interruptions, and fewer, these are all orders; null if they are all that there are. */
  readonly complete: number | null
  /** Orders after which a cookie was signed in although the end was acknowledged. */
  readonly alive: number
  /** Orders in which the end itself was refused: nothing was promised then. */
  readonly refused: number
}

function judge(tried: readonly Tried[], end: string): Finding {
  const evidence = tried.map(({ what, orders, complete, alive, refused }): Evidence => {
    const all = complete === null ? 'all' : `${coverage(complete)}, and others`
    const not = refused > 0 ? `; the end was refused in ${refused}` : ''
    return seen(what, `${counted(orders)} (${all}); alive after ${alive}${not}`)
  })
  const unseen = tried.find(({ orders, refused }) => refused === orders)
  if (unseen)
    throw new Error(`${unseen.what}: ${end} was refused in every order, so nobody knows what would outlive it.`)
  const orders = tried.reduce((sum, each) => sum + each.orders, 0)
  return tried.some(({ alive }) => alive > 0)
    ? broken(`A session outlives ${end} in some order.`, evidence)
    : held(`In ${counted(orders)}, nothing outlived ${end}.`, evidence)
}

const counted = (orders: number): string => `${orders} ${orders === 1 ? 'order' : 'orders'}`

function coverage(complete: number): string {
  if (complete < 1) return 'some'
  return `every one with up to ${complete === 1 ? 'one interruption' : `${complete} interruptions`}`
}

/** A request is two steps, loading and answering. These are all orders of two requests. */
const ORDERS = ['aabb', 'abab', 'abba', 'baab', 'baba', 'bbaa'] as const

async function everyHttpOrder(people: People, end: (user: string) => string): Promise<Tried> {
  const requests = ['/renew', '/set', '/read'] as const
  const outcomes = await Promise.all(
    requests.flatMap((path) => ORDERS.map((order) => inOrder(people, order, path, end))),
  )
  return {
    what: 'over HTTP',
    orders: outcomes.length,
    complete: null,
    alive: outcomes.filter(({ open }) => open > 0).length,
    refused: outcomes.filter(({ status }) => status !== 200).length,
  }
}

async function inOrder(people: People, order: string, path: string, end: (user: string) => string) {
  const user = people.user('ada')
  const owner = await people.signedIn(user)
  const thief = people.visitor(owner.cookies)
  const started = new Map<string, Waiting>()
  let status = 0
  for (const step of order) {
    const waiting = started.get(step)
    if (!waiting) started.set(step, await begin(step === 'a' ? thief : owner, step === 'a' ? path : end(user)))
    else {
      const answer = await waiting.goOn()
      if (step === 'b') status = answer.status
    }
  }
  const copies: readonly Cookies[] = [...owner.copies, ...thief.copies]
  return { status, open: status === 200 ? await countOpen(people.site, copies, user, people.note) : 0 }
}

const begin = (visitor: Visitor, path: string): Promise<Waiting> => {
  const { pathname, searchParams } = new URL(path, visitor.site.url)
  const changes = pathname === '/set' ? { key: 'theme', value: 'dark' } : {}
  return waitAtGate(visitor, pathname, { ...Object.fromEntries(searchParams), ...changes })
}

async function everyStoreOrder(site: Site, context: AttackContext, plans: readonly Plan[]): Promise<Tried[]> {
  if (!site.sessionsOptions) return []
  const tried: Tried[] = []
  for (const plan of plans) {
    if (plan[2] === 'revoke-all' && !(await hasRevokeAll(site))) continue
    tried.push({ what: plan[0], ...(await runPlan(site, plan, context)) })
  }
  return tried
}
