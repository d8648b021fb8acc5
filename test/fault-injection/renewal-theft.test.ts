import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { it } from 'node:test'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { listening } from '../adapters/serve.ts'
import { ENVIRONMENTS } from './environments.ts'
import { type Environment, onEach, type RunningEnvironment } from './fixtures/environment.ts'
import { Browser, type Site, sessionsOn } from './fixtures/site.ts'

const SECOND = 1000
const [EVERY, GRACE] = [15 * 60 * SECOND, 30 * SECOND]

type OnReuse = NonNullable<SessionsOptions['onReuse']>

interface Scene {
  /** Each person has a server, where the store lets several processes see the same sessions. */
  readonly sites: readonly [Site, Site]
  readonly events: SessionEvent[]
  pass(ms: number): void
  close(): Promise<void>
}

let users = 0

async function scene({ shared }: Environment, running: RunningEnvironment, onReuse: OnReuse): Promise<Scene> {
  let passed = 0
  const clock = () => Date.now() + passed
  const events: SessionEvent[] = []
  const server = async () => {
    const store = await running.open({ clock })
    const on = (event: SessionEvent) => void events.push(event)
    const sessions = sessionsOn(store, { clock, on, renewEvery: EVERY, renewGrace: GRACE, onReuse, sweep: false })
    const { url, close } = await listening(
      createServer(
        withSessions(sessions, async (request, response) => {
          const session = await sessions.get(request)
          const user = new URL(request.url ?? '/', 'http://site').searchParams.get('user')
          if (user) session.login(user)
          response.end(JSON.stringify({ user: session.userId, data: {} }))
        }),
      ),
    )
    return { url, close: () => close().then(() => store.close()) }
  }
  const one = await server()
  const sites = shared === 'process' ? ([one, one] as const) : ([one, await server()] as const)
  return {
    sites,
    events,
    pass: (ms) => {
      passed += ms
    },
    close: async () => void (await Promise.all([...new Set(sites)].map((site) => site.close()))),
  }
}

/** Two who share the cookie of one session: the person it belongs to, and the thief who has copied it. */
class Holder {
  readonly browser: Browser
  readonly #site: Site
  constructor(browser: Browser, site: Site) {
    this.browser = browser
    this.#site = site
  }
  /** Is the holder let in, and with which cookie afterwards? */
  async request(): Promise<{ readonly isIn: boolean; readonly isNew: boolean }> {
    const before = this.browser.cookie
    const { user } = await this.browser.page(this.#site, '/')
    return { isIn: user !== null, isNew: this.browser.cookie !== before }
  }
}

async function theft({ sites: [here, there] }: Scene) {
  const browser = new Browser()
  const { user } = await browser.page(here, `/?user=user${++users}`)
  assert.notEqual(user, null)
  return { victim: new Holder(browser, here), thief: new Holder(browser.copy(), there) }
}

const ORDERS = { 'the victim': ['victim', 'thief'], 'the thief': ['thief', 'victim'] } as const

onEach(ENVIRONMENTS, { title: 'a thief and a victim who share a cookie', synced: false }, (environment, running) => {
  const { staleFor = 0 } = environment
  for (const [who, [first, second]] of Object.entries(ORDERS))
    for (const onReuse of ['report', 'end'] as const)
      it(`when ${who} uses the next one first, the other is let in for the grace, sent nothing, and found out, with onReuse '${onReuse}'`, async (test) => {
        const here = await scene(environment, running(), onReuse)
        try {
          const people = await theft(here)
          const [winner, loser] = [people[first], people[second]]
          here.pass(EVERY)
          assert.deepEqual(await winner.request(), { isIn: true, isNew: true })
          assert.deepEqual(await winner.request(), { isIn: true, isNew: false })
          const alarms = () => here.events.filter(({ type }) => type === 'reused')
          let [seconds, requests] = [0, 0]
          for (; ; seconds++) {
            const { isIn, isNew } = await loser.request()
            if (!isIn) break
            requests++
            assert.equal(isNew, false, 'the loser was kept up to date')
            assert.equal(alarms().length, 0, 'an alarm within the grace')
            here.pass(SECOND)
          }
          test.diagnostic(
            `let in for ${seconds} s and ${requests} requests after the next cookie was used, and sent none`,
          )
          // The moment at which it was seen is rounded up to a second.
          const most = (GRACE + staleFor) / SECOND + 1
          assert.ok(seconds >= GRACE / SECOND - 1 && seconds <= most, `${seconds} s`)
          assert.equal(alarms().length, 1)
          const [alarm] = alarms()
          assert.equal(alarm?.type === 'reused' && alarm.ended, onReuse === 'end')
          here.pass(staleFor)
          assert.equal((await winner.request()).isIn, onReuse === 'report')
          assert.equal((await loser.request()).isIn, false)
        } finally {
          await here.close()
        }
      })

  it('when both fetch the next one before anybody uses it, both hold it, until one of them loses that race', async (test) => {
    const here = await scene(environment, running(), 'end')
    try {
      const { victim, thief } = await theft(here)
      for (let renewal = 1; renewal <= 3; renewal++) {
        here.pass(EVERY + staleFor)
        // The thief, who knows when it is time, comes right after the victim's response, and before the next request.
        assert.deepEqual(await victim.request(), { isIn: true, isNew: true }, `${renewal}`)
        here.pass(staleFor)
        assert.deepEqual(await thief.request(), { isIn: true, isNew: true }, `${renewal}`)
        assert.equal(thief.browser.cookie, victim.browser.cookie)
        for (const holder of [victim, thief]) {
          assert.deepEqual(await holder.request(), { isIn: true, isNew: false })
          here.pass(staleFor)
        }
        here.pass(GRACE)
        // The way to it is erased with a write that is due anyway.
        await victim.request()
        here.pass(staleFor)
      }
      assert.equal(here.events.filter(({ type }) => type === 'reused').length, 0)
      // Once the thief is too late, that is over.
      here.pass(EVERY + staleFor)
      for (let i = 0; i < 2; i++) await victim.request()
      here.pass(GRACE + SECOND + staleFor)
      assert.equal((await thief.request()).isIn, false)
      here.pass(staleFor)
      assert.equal((await victim.request()).isIn, false)
      test.diagnostic(
        'both held three cookies one after another; the thief who came too late for the fourth ended it for both',
      )
    } finally {
      await here.close()
    }
  })
})
