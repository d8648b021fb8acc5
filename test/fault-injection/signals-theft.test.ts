import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import type { SessionEvent, SignalOutcome } from '../../packages/strongroom/src/events.ts'
import { listening } from '../adapters/serve.ts'
import { ENVIRONMENTS } from './environments.ts'
import { onEach } from './fixtures/environment.ts'
import { sessionsOn } from './fixtures/site.ts'

const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0'
const PROGRAM = 'python-requests/2.32.3'

/** One server of the application, with a handle of its own on the store. */
interface Node {
  readonly url: string
  readonly events: SessionEvent[]
  close(): Promise<void>
}

let outcome: SignalOutcome = 'report'
let users = 0

/** Who is signed in, and was that proved? `userAgent` alone tells the thief from the victim: both send the same cookie. */
async function who({ url }: Node, cookie: string, userAgent: string) {
  const response = await fetch(`${url}/who`, { headers: { cookie, 'user-agent': userAgent } })
  return (await response.json()) as { user: string | null; isProved: boolean }
}

async function signIn({ url }: Node): Promise<{ readonly cookie: string; readonly user: string }> {
  const user = `user-${users++}`
  const response = await fetch(`${url}/login?${user}`, { headers: { 'user-agent': BROWSER } })
  return { user, cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? assert.fail('there is no cookie') }
}

const signals = (nodes: readonly Node[]) =>
  nodes.flatMap(({ events }) => events.flatMap((event) => (event.type === 'signal' ? [event.outcome] : [])))

onEach(
  ENVIRONMENTS,
  { title: 'a cookie that was copied to a plain program', synced: false },
  (environment, running) => {
    let nodes: Node[] = []

    async function node(): Promise<Node> {
      const store = await running().open()
      const events: SessionEvent[] = []
      const onSignal = () => outcome
      const sessions = sessionsOn(store, { signals: { onSignal }, on: (event) => events.push(event), sweep: false })
      const server = createServer(
        withSessions(sessions, async (request, response) => {
          const session = await sessions.get(request)
          const [path, user = ''] = (request.url ?? '').split('?')
          if (path === '/login') session.login(user)
          const isProved = (session.authenticatedAt?.getTime() ?? 0) > 0
          response.end(JSON.stringify({ user: session.userId, isProved }))
        }),
      )
      const { url, close } = await listening(server)
      return {
        url,
        events,
        async close() {
          await close()
          await sessions.close()
          await store.close()
        },
      }
    }

    before(async () => {
      nodes = [await node()]
      // Two servers, where two can see one session.
      nodes.push(environment.shared === 'process' ? (nodes[0] as Node) : await node())
    })
    after(() => Promise.all([...new Set(nodes)].map((one) => one.close())))

    /** Until a copy that another server has in its own memory is too old. */
    const settled = () => wait((environment.staleFor ?? 0) * 2)

    it('raises one signal, however many requests come in parallel, and at whichever server', async () => {
      outcome = 'report'
      const [here, there] = nodes as [Node, Node]
      const { cookie, user } = await signIn(here)
      for (const { events } of nodes) events.length = 0
      const all = Array.from({ length: 12 }, (_, n) => who(n % 2 ? here : there, cookie, PROGRAM))
      for (const one of await Promise.all(all)) assert.deepEqual(one, { user, isProved: true })
      assert.deepEqual(await who(here, cookie, BROWSER), { user, isProved: true })
      assert.deepEqual(signals([...new Set(nodes)]), ['report'])
    })

    it("with 'end', is out, and so is the victim, on every server", async () => {
      outcome = 'end'
      const [here, there] = nodes as [Node, Node]
      const { cookie, user } = await signIn(here)
      assert.deepEqual(await who(here, cookie, BROWSER), { user, isProved: true })
      assert.deepEqual(await who(there, cookie, PROGRAM), { user: null, isProved: false })
      assert.deepEqual(await who(there, cookie, BROWSER), { user: null, isProved: false })
      await settled()
      for (const one of nodes)
        for (const userAgent of [BROWSER, PROGRAM])
          assert.deepEqual(await who(one, cookie, userAgent), { user: null, isProved: false })
    })

    it("with 'stepUp', has a session without a recent proof, and so has the victim, until the next login", async () => {
      outcome = 'stepUp'
      const [here, there] = nodes as [Node, Node]
      const { cookie, user } = await signIn(here)
      for (let n = 0; n < 2; n++) assert.deepEqual(await who(there, cookie, PROGRAM), { user, isProved: false })
      await settled()
      assert.deepEqual(await who(here, cookie, BROWSER), { user, isProved: false })
      const again = await fetch(`${here.url}/login?${user}`, { headers: { cookie, 'user-agent': BROWSER } })
      const renewed = again.headers.getSetCookie()[0]?.split(';')[0] ?? assert.fail('there is no cookie')
      assert.deepEqual(await who(here, renewed, BROWSER), { user, isProved: true })
      await settled()
      assert.deepEqual(await who(there, cookie, PROGRAM), { user: null, isProved: false })
    })
  },
)
