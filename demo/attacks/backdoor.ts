import { isOnlyInMemory } from '../targets/strongroom.ts'
import type { Row, Target } from '../targets/target.ts'
import type { Browser } from './browser.ts'
import type { Step } from './finding.ts'

/** Past the application: what someone does who can read and write the store, or switch it off. */
export class Backdoor {
  readonly target: Target
  readonly #steps: Step[]
  #stopped = false

  constructor(target: Target, steps: Step[]) {
    this.target = target
    this.#steps = steps
  }

  /** The row of this browser's session. Null where the server stores none, and where nobody else reaches it. */
  async rowOf(browser: Browser): Promise<Row | null> {
    if (isOnlyInMemory(this.target.traits)) {
      this.#say('thief', 'cannot reach the rows: they are in the memory of the application')
      return null
    }
    const row = await this.target.rowOf(browser.cookies)
    this.#say('thief', row ? 'reads the row in the store' : 'finds no row on the server', row ? described(row) : '')
    return row
  }

  async put(row: Row): Promise<void> {
    await row.put(row.bytes)
    this.#say('thief', 'writes the old row into the store', described(row))
  }

  /** Why there is nothing to stop, or null. */
  get cannotStop(): string | null {
    return typeof this.target.outage === 'string' ? this.target.outage : null
  }

  async stop(): Promise<void> {
    const { outage } = this.target
    if (typeof outage === 'string') throw new Error(outage)
    this.#stopped = true
    await outage.stop()
    this.#say('store', outage.how)
  }

  /** What was stopped is started again, also after an attack that failed in the middle. */
  async start(): Promise<void> {
    const { outage } = this.target
    if (!this.#stopped || typeof outage === 'string') return
    await outage.start()
    this.#stopped = false
    this.#say('store', 'The store is back.')
  }

  #say(who: string, what: string, holds = ''): void {
    this.#steps.push({ who, what, status: null, answer: '', holds })
  }
}

const SHOWN = 56

/** What somebody sees who has the row. */
function described({ bytes, kind }: Row): string {
  const buffer = Buffer.from(bytes)
  if (kind === 'plain') return `a row that says …${buffer.toString().slice(-SHOWN)}`
  return `a sealed row, ${bytes.length} bytes: ${buffer.toString('hex', 0, SHOWN / 4)}…`
}
