import { createHash, randomBytes } from 'node:crypto'
import { equal } from 'strongroom/internal'

/** How long a link waits to be opened. */
export const LINK_LIFETIME = 10 * 60_000

export type Opened = 'good' | 'used' | 'expired' | 'unknown'

interface Link {
  readonly digest: Buffer
  readonly madeAt: number
  used: boolean
}

/** Links that open the studio once each. Only digests are remembered: what is in memory opens nothing. */
export class Links {
  readonly #clock: () => number
  #made: Link[] = []

  constructor(clock: () => number = Date.now) {
    this.#clock = clock
  }

  /** The token of a new link. Links that were not used before it no longer open anything. */
  next(): string {
    for (const link of this.#made) link.used = true
    const token = randomBytes(32).toString('base64url')
    // Some are kept, to be able to say that a link was used, and not that it never was one.
    this.#made = [...this.#made.slice(-9), { digest: digestOf(token), madeAt: this.#clock(), used: false }]
    return token
  }

  open(token: string): Opened {
    const digest = digestOf(token)
    const link = this.#made.find((each) => equal(each.digest, digest))
    if (!link) return 'unknown'
    if (link.used) return 'used'
    link.used = true
    return this.#clock() - link.madeAt > LINK_LIFETIME ? 'expired' : 'good'
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()
