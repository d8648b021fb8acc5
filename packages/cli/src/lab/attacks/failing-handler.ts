import type { Attack } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { ask, attackBy, type People } from '../people.ts'
import { route, type Visitor, waitAtGate } from '../visitor.ts'
import { everywhere } from './promises.ts'

const failing = {
  property: 'integrity',
  docs: 'docs/requests.md#the-status-decides',
  harmless: true,
  violent: false,
  promised: everywhere,
} as const

export const failingHandler: Attack = attackBy(
  {
    ...failing,
    name: 'failing-handler',
    title: 'A handler that fails after a change',
    attacker: 'anyone who can make a handler fail half-way',
    how: 'A handler changes the session ("paid") and then fails with a 500. Held: the change is not in the session, and the visitor is still signed in.',
  },
  async (people) => {
    const { visitor, user } = await signedIn(people)
    const { status } = await visitor.send(route('/fail', { key: 'paid', value: 'true' }))
    if (status < 500 || status === 501) throw new Error(`The failing handler responds ${status}, so none has failed.`)
    return judge(visitor, user, [seen('status of the failing request', status)])
  },
)

export const hangUp: Attack = attackBy(
  {
    ...failing,
    name: 'hang-up',
    title: 'A hang-up in the middle of a failing handler',
    attacker: 'a visitor who closes the connection before the response',
    how: 'A client sends a request and closes the connection while the handler is at work; then the handler changes the session ("paid") and fails with a 500. Held: the change is not in the session.',
  },
  async (people) => {
    const { visitor, user } = await signedIn(people)
    const client = new AbortController()
    const request = await waitAtGate(visitor, '/fail', { key: 'paid', value: 'true' }, { signal: client.signal })
    client.abort()
    // The server reads what arrived before: it has seen the end of the connection when it responds to these.
    for (let turn = 0; turn < 3; turn++) await visitor.send('/read')
    await request.open()
    const answers = []
    // A write takes as long as the one that must not be. Requests of the same session could undo it, where the last one wins.
    const other = await people.signedIn(people.user('bob'))
    for (let turn = 0; turn < 5; turn++)
      answers.push((await other.send(route('/set', { key: 'turn', value: turn }))).status)
    return judge(visitor, user, [seen('status of five requests of somebody else after the failing one', answers)])
  },
)

async function signedIn(people: People) {
  const user = people.user('ada')
  return { user, visitor: await people.signedIn(user) }
}

async function judge(visitor: Visitor, user: string, evidence: readonly ReturnType<typeof seen>[]) {
  const states = await Promise.all(visitor.copies.map((cookies) => ask(visitor.site, cookies)))
  const isSaved = states.some(({ data }) => data.paid !== undefined)
  const now = await visitor.send('/read')
  const all = [
    ...evidence,
    seen('"paid" afterwards', isSaved ? 'is in the session' : 'is not there'),
    seen('user afterwards', now.user === user ? 'still signed in' : (now.user ?? 'nobody')),
  ]
  if (isSaved) return broken('What the failing handler had changed was saved.', all)
  if (now.user !== user) return broken('The failing handler has signed the visitor out.', all)
  return held('Nothing that the failing handler had changed was saved.', all)
}
