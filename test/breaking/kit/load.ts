import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { SessionGoneError, StoreError } from '../../../packages/strongroom/src/errors.ts'
import type { Sessions } from '../../../packages/strongroom/src/sessions.ts'
import { type Visitor, visitor } from '../../core/kit/visitor.ts'
import type { Anything } from './site.ts'

/** What befell the requests of one outage. */
export interface Report {
  /** The longest that a request took, in ms. */
  slowest: number
  answered: number
  /** Those of them that were answered while the failure lasted. */
  answeredMeanwhile: number
  /** Answered with 503, the cookie kept. */
  refused: number
  /** The same, of the visitor that it happened to most often. */
  refusedAtMost: number
  /** A visitor that was told, or found, to have no session any more. */
  loggedOut: number
  /** Acknowledged writes that are not there. */
  lostWrites: number
  /** Refused requests after the failure had been mended, of the visitor that had most of them. */
  refusedAfter: number
  /** Ms from then until everybody was served again. */
  servedAfter: number
}

interface State {
  readonly n: number
  readonly text: string
}
/** The n-th state of a session: 2 KB that are whole or are seen not to be. */
const whole = (n: number): State => ({ n, text: createHash('sha256').update(`state ${n}`).digest('hex').repeat(32) })

/** Visitors who ask without pause, each for a session of their own: two requests that only read between two that write. */
export class Load {
  readonly report: Report = {
    slowest: 0,
    answered: 0,
    answeredMeanwhile: 0,
    refused: 0,
    refusedAtMost: 0,
    loggedOut: 0,
    lostWrites: 0,
    refusedAfter: 0,
    servedAfter: 0,
  }
  readonly #guests: Guest[] = []
  readonly #sessions: Sessions<Anything>
  #ended = false
  #mendedAt = Number.POSITIVE_INFINITY
  /** Does the failure last? */
  lasts = false
  #running: Promise<unknown> = Promise.resolve()

  constructor(sessions: Sessions<Anything>) {
    this.#sessions = sessions
  }

  async start(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const guest = new Guest(visitor(this.#sessions), `user${i}`)
      await guest.visitor.visit((session) => session.set('state', whole(0)).login(guest.user))
      this.#guests.push(guest)
    }
    this.#running = Promise.all(this.#guests.map((guest) => this.#ask(guest)))
  }

  /** Resolves when all visitors, or one of them, have been refused twice or told that they are nobody; or after this time. */
  async untilRefused(whom: 'all' | 'one', ms: number): Promise<void> {
    const until = performance.now() + ms
    const felt = ({ refused, out }: Guest) => refused >= 2 || out
    const enough = () => (whom === 'all' ? this.#guests.every(felt) : this.#guests.some(felt))
    while (performance.now() < until && !enough()) await wait(5)
  }

  /** The failure is over: everybody must be served again, within this time. */
  async untilServed(ms: number): Promise<void> {
    this.#mendedAt = performance.now()
    for (const guest of this.#guests) guest.inRow = guest.refusedAfter = 0
    while (this.#guests.some(({ inRow, out }) => !out && inRow < 3)) {
      assert.ok(
        performance.now() - this.#mendedAt < ms,
        `not everybody is served ${ms} ms after the end of the failure`,
      )
      await wait(2)
    }
    this.report.servedAfter = Math.round(performance.now() - this.#mendedAt)
    this.report.refusedAtMost = Math.max(...this.#guests.map(({ refused }) => refused))
    this.report.refusedAfter = Math.max(...this.#guests.map(({ refusedAfter }) => refusedAfter))
  }

  async stop(): Promise<void> {
    this.#ended = true
    await this.#running
  }

  /** Ends the load and looks at what is there. */
  async end(): Promise<Report> {
    await this.stop()
    for (const guest of this.#guests) {
      const state = await guest.state()
      if (!state) this.report.loggedOut += 1
      else {
        assert.ok(state.n <= guest.tried, 'more was written than was asked for')
        this.report.lostWrites += Math.max(0, guest.told - state.n)
      }
    }
    return this.report
  }

  async #ask(guest: Guest): Promise<void> {
    const { report } = this
    for (let i = 0; !this.#ended && !guest.out; i++) {
      const began = performance.now()
      const { cookie } = guest.visitor
      try {
        await guest.request(i % 3 === 0)
        report.answered += 1
        if (this.lasts) report.answeredMeanwhile += 1
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        report.refused += 1
        guest.refuse()
      }
      assert.equal(guest.visitor.cookie, cookie, 'the cookie is kept')
      report.slowest = Math.max(report.slowest, Math.round(performance.now() - began))
      // A visitor is no busy loop: others get their turn.
      await wait(3)
    }
  }
}

class Guest {
  readonly visitor: Visitor<Anything>
  readonly user: string
  /** Writes that were asked for, and the last that was acknowledged. */
  tried = 0
  told = 0
  refused = 0
  refusedAfter = 0
  /** Served so many times in a row. */
  inRow = 0
  /** Has it been told that there is no session of its any more? Then it asks no further. */
  out = false

  constructor(visitor: Visitor<Anything>, user: string) {
    this.visitor = visitor
    this.user = user
  }

  async request(writes: boolean): Promise<void> {
    if (writes) this.tried += 1
    try {
      const state = await this.visitor.visit((session) => {
        if (session.userId !== this.user) throw new SessionGoneError()
        return writes ? session.update('state', (state: State) => whole(state.n + 1)) : session.get('state')
      })
      assert.deepEqual(state, whole(state.n), 'a half-written session')
      if (writes) this.told = state.n
      this.inRow += 1
    } catch (error) {
      if (!(error instanceof SessionGoneError)) throw error
      this.out = true
    }
  }

  refuse(): void {
    this.refused += 1
    this.refusedAfter += 1
    this.inRow = 0
  }

  async state(): Promise<State | null> {
    if (this.out) return null
    const state = await this.visitor.visit((session) => (session.userId === this.user ? session.get('state') : null))
    if (state) assert.deepEqual(state, whole(state.n), 'a half-written session')
    return state
  }
}
