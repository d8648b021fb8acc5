import type { Id } from '../../crypto/token.ts'
import type { ChangeFeed } from '../../store.ts'
import type { Line } from './driver.ts'
import type { Link } from './link.ts'
import { patience } from './patience.ts'

/** How often a line that is silent is asked whether it still is one. */
const PULSE = 5000

/** News on a channel, to which the scripts themselves publish what they have changed. */
export class Changes implements ChangeFeed {
  readonly #link: Link
  readonly #channel: string
  readonly #ears = new Set<Listening>()

  constructor(link: Link, channel: string) {
    this.#link = link
    this.#channel = channel
  }

  async listen(listener: (id: Id | null) => void): Promise<() => Promise<void>> {
    const ear = new Listening(this.#link, this.#channel, listener)
    await ear.begin()
    this.#ears.add(ear)
    return async () => {
      this.#ears.delete(ear)
      ear.end()
    }
  }

  end(): void {
    for (const ear of this.#ears) ear.end()
    this.#ears.clear()
  }
}

/** One listener and the line that it has at the moment. */
class Listening {
  readonly #link: Link
  readonly #channel: string
  readonly #listener: (id: Id | null) => void
  #line: Line | null = null
  #pulse: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #ended = false

  constructor(link: Link, channel: string, listener: (id: Id | null) => void) {
    this.#link = link
    this.#channel = channel
    this.#listener = listener
  }

  async begin(): Promise<void> {
    let wanted = true
    const opening = this.#link.ask(async (driver) => {
      let line: Line | null = null
      const heard = (message: string) => {
        if (this.#line === line && /^[0-9a-f]{64}$/.test(message)) this.#listener(message as Id)
      }
      line = await driver.listen(this.#channel, { heard, lost: () => this.#lost(line) })
      // Too late, and nobody would ever end it.
      if (!wanted || this.#ended) line.end()
      else this.#line = line
    })
    await opening.catch((error) => {
      wanted = false
      throw error
    })
    if (this.#ended) return
    this.#pulse = setInterval(() => this.#check(), PULSE)
    this.#pulse.unref()
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#retry)
    this.#hangUp()
  }

  #hangUp(): void {
    clearInterval(this.#pulse)
    const line = this.#line
    this.#line = null
    line?.end()
  }

  /** A server that was cut off says no goodbye. */
  #check(): void {
    const line = this.#line
    if (line) this.#link.ask(() => line.ping()).catch(() => this.#lost(line))
  }

  #lost(line: Line | null): void {
    if (this.#ended || line === null || line !== this.#line) return
    this.#hangUp()
    this.#listener(null)
    this.#again(1)
  }

  #again(attempt: number): void {
    this.#retry = setTimeout(() => {
      this.begin().then(
        () => {
          // What was said in between, nobody has heard.
          if (!this.#ended) this.#listener(null)
        },
        () => {
          if (!this.#ended) this.#again(attempt + 1)
        },
      )
    }, patience(attempt))
    this.#retry.unref()
  }
}
