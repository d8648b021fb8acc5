import { randomBytes } from 'node:crypto'
import type { Result } from './run.ts'

/** An attack that somebody has run. */
export interface Run {
  readonly attack: string
  readonly at: Date
  readonly results: readonly Result[]
}

const MOST = 500

/** The latest runs of all visitors, in memory. Only who has the id of a run, which cannot be guessed, sees it. */
export class Runs {
  readonly #runs = new Map<string, Run>()

  add(run: Run): string {
    const id = randomBytes(16).toString('base64url')
    this.#runs.set(id, run)
    for (const oldest of this.#runs.keys()) if (this.#runs.size > MOST) this.#runs.delete(oldest)
    return id
  }

  get(id: unknown): Run | null {
    return (typeof id === 'string' && this.#runs.get(id)) || null
  }
}
