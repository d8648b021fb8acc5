import { randomBytes } from 'node:crypto'
import type { Target } from '../targets/target.ts'
import type { Attack } from './attack.ts'
import { Backdoor } from './backdoor.ts'
import { Browser } from './browser.ts'
import type { Finding, Step } from './finding.ts'

/** What an attack found on one engine. */
export interface Result extends Finding {
  readonly target: string
  readonly promised: boolean
  readonly steps: readonly Step[]
  readonly ms: number
}

/** Runs of one engine wait for each other: an outage must not be what another attack sees. */
export class Runner {
  readonly #key: string
  readonly #last = new Map<string, Promise<unknown>>()
  #waiting = 0

  /** `key` is for the targets; see `KEY_HEADER`. */
  constructor(key: string) {
    this.#key = key
  }

  /** How many runs are under way or waiting. */
  get waiting(): number {
    return this.#waiting
  }

  /** Runs an attack on each of these engines in parallel. Never rejects: what cannot be run says why. */
  async run(attack: Attack, targets: readonly Target[], note: string): Promise<Result[]> {
    this.#waiting++
    try {
      return await Promise.all(targets.map((target) => this.#inTurn(target, () => this.#one(attack, target, note))))
    } finally {
      this.#waiting--
    }
  }

  #inTurn<T>({ name }: Target, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(name) ?? Promise.resolve()).then(work)
    this.#last.set(name, turn)
    return turn
  }

  async #one(attack: Attack, target: Target, note: string): Promise<Result> {
    const steps: Step[] = []
    const store = new Backdoor(target, steps)
    const browser = (who: string) => new Browser(who, { target, key: this.#key, steps })
    const [victim, thief] = [browser('victim'), browser('thief')]
    const began = performance.now()
    const finding = await attack
      .run({
        victim,
        thief,
        store,
        user: `ada-${randomBytes(3).toString('hex')}`,
        note,
        held: (summary) => ({ verdict: 'held', summary }),
        broken: (summary) => ({ verdict: 'broken', summary }),
        notApplicable: (summary) => ({ verdict: 'not applicable', summary }),
      })
      .catch(notRun)
    // An attack that failed in the middle has not started again what it had stopped.
    const restarted = await store.start().then(() => null, notRun)
    const ms = performance.now() - began
    await Promise.all([victim.leave(), thief.leave()])
    const promised = attack.promised(target)
    return { target: target.name, promised, ...(restarted ?? finding), steps, ms }
  }
}

const notRun = (error: unknown): Finding => ({
  verdict: 'not run',
  summary: `The attack could not be finished: ${messageOf(error)}. Run it again.`,
})

function messageOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message ? `${message} (${cause.message})` : message
}
