import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { after, before, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { LoginOptions } from '../../../packages/strongroom/src/session/login.ts'
import type { Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../../packages/strongroom/src/store.ts'
import { killed, start } from '../../fault-injection/fixtures/child.ts'
import { type Environment, onEach } from '../../fault-injection/fixtures/environment.ts'
import { type Anything, sessionsOn } from '../../fault-injection/fixtures/site.ts'
import { count } from '../../support/counts.ts'
import { sized } from './size.ts'
import { NO_SIGNALS, type Order, obey, PATIENT, visit } from './storm.ts'

const ROUNDS = sized([50, 200, 1000])
/** Rounds that run at the same time, each with a user of its own. */
const TOGETHER = 10
const MODULE = new URL('../children/storm.ts', import.meta.url)

/** Clients that know nothing of each other, at two servers in two processes. */
export function storms(environments: readonly Environment[]): void {
  onEach(environments, { title: 'two servers in a storm,', synced: false }, ({ name }, running) => {
    let store: Store
    let here: Sessions<Anything>
    let there: OtherServer
    before(async () => {
      store = await running().open(PATIENT)
      here = sessionsOn(store, { storeTimeout: PATIENT.timeout })
      there = new OtherServer(await start('storm', running().location, MODULE))
    })
    after(async () => {
      await there.close()
      await store.close()
    })

    const isAlive = async (cookie: string) => !(await here.open({ cookie: `id=${cookie}` }).get()).isNew

    it('of renewals against a revocation of all: no session survives', async (test) => {
      let [survivors, renewals] = [0, 0]
      await rounds(async (round) => {
        const user = `ada ${round}`
        const cookie = (await visit(here, null, (session) => session.login(user))) ?? ''
        let renewed: Promise<string[]> = Promise.resolve([])
        await new Promise<void>((begun) => {
          renewed = there.obey({ what: 'renew', user, cookie }, begun)
        })
        await wait(round % 8)
        await here.of(user).revokeAll()
        there.stop(user)
        const cookies = await renewed
        renewals += cookies.length - 1
        const alive = await Promise.all(cookies.map(isAlive))
        if (alive.includes(true)) survivors++
      })
      count(`Storms on ${name}`, { rounds: ROUNDS, survivors })
      test.diagnostic(`${ROUNDS} rounds, ${renewals} renewals, ${survivors} survivors`)
      assert.ok(renewals >= ROUNDS)
      assert.equal(survivors, 0)
    })

    for (const atLimit of ['refuse', 'end-oldest'] as const)
      it(`of logins with ${atLimit} against a limit: it is never exceeded`, async (test) => {
        const options: LoginOptions = { limit: 2, atLimit }
        let [over, admitted] = [0, 0]
        await rounds(async (round) => {
          const order = { what: 'login', user: `${atLimit} ${round}`, options } as const
          const logins = [0, 1, 2].flatMap(() => [there.obey(order), obey(here, order, NO_SIGNALS)])
          const cookies = (await Promise.all(logins)).flat()
          admitted += cookies.length
          if ((await here.of(order.user).list()).length > 2) over++
        })
        count(`Storms on ${name}`, { rounds: ROUNDS, 'limits exceeded': over })
        test.diagnostic(`${ROUNDS} rounds of 6 logins, ${admitted} were admitted, ${over} times there were too many`)
        assert.equal(over, 0)
      })
  })
}

async function rounds(one: (round: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < ROUNDS; at += TOGETHER)
    await Promise.all(Array.from({ length: TOGETHER }, (_, i) => one(at + i)))
}

interface Answer {
  readonly number: number
  readonly begun?: true
  readonly result?: string[]
}

/** The application in another process. */
class OtherServer {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #number = 0

  constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (answer: Answer) => this.#waiting.get(answer.number)?.(answer))
  }

  obey(order: Order, begun: () => void = () => undefined): Promise<string[]> {
    const number = this.#number++
    this.#child.send({ ...order, number })
    return new Promise((resolve) => {
      this.#waiting.set(number, ({ result }) => {
        if (!result) return begun()
        this.#waiting.delete(number)
        resolve(result)
      })
    })
  }

  stop(user: string): void {
    this.#child.send({ stop: user })
  }

  close(): Promise<void> {
    return killed(this.#child)
  }
}
