import { within } from './job.ts'

/** Under way and waiting together. */
const MOST = 5
/** In ms. A page that waits asks every two seconds: after this long without a question, nobody waits any more. */
const GONE = 30_000
/** How long a result waits for the page that has asked for it. */
const KEPT = 60_000

export type SearchState<T> =
  | { readonly state: 'done'; readonly value: T }
  /** `before` is how many have to end first. */
  | { readonly state: 'under way'; readonly before: number }
  | { readonly state: 'busy' }

interface Search {
  readonly over: Promise<void>
  outcome: { readonly value: unknown } | { readonly error: unknown } | null
  askedAt: number
}

export interface SearchOptions {
  /** How long to wait for it now, in ms. Afterwards, the next question with the same name gets the result, once. */
  readonly limit: number
  /** Must it run although nobody waits for it any more? */
  readonly mustRun?: boolean | undefined
}

/**
 * Work that reads the whole store: one at a time, because a row of impatient clicks must not become as many scans, and few that wait,
 * because each may take minutes. A second question for what is under way waits for the same run.
 */
export class Searches {
  readonly #clock: () => number
  readonly #all = new Map<string, Search>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(clock: () => number = Date.now) {
    this.#clock = clock
  }

  /** Begins it, unless it is under way or done, or too many are: then `busy`, and it does not run. Rejects as the work does. */
  async ask<T>(
    name: string,
    work: () => Promise<T>,
    { limit, mustRun = false }: SearchOptions,
  ): Promise<SearchState<T>> {
    this.#forget()
    const known = this.#all.get(name)
    if (!known && this.#unfinished().length >= MOST) return { state: 'busy' }
    return this.#wait(name, known ?? this.#begin(name, work, mustRun), limit)
  }

  /** The same for one that has begun, and begins none; null if there is none, or its result was seen. */
  async follow<T>(name: string, limit: number): Promise<SearchState<T> | null> {
    this.#forget()
    const known = this.#all.get(name)
    return known ? this.#wait(name, known, limit) : null
  }

  async #wait<T>(name: string, search: Search, limit: number): Promise<SearchState<T>> {
    search.askedAt = this.#clock()
    await within(search.over, limit)
    if (search.outcome === null) return { state: 'under way', before: Math.max(0, this.#unfinished().indexOf(search)) }
    this.#all.delete(name)
    if ('error' in search.outcome) throw search.outcome.error
    return { state: 'done', value: search.outcome.value as T }
  }

  #begin(name: string, work: () => Promise<unknown>, mustRun: boolean): Search {
    const run = async () => {
      if (!mustRun && this.#clock() - search.askedAt > GONE) {
        this.#all.delete(name)
        return
      }
      search.outcome = await work().then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
    }
    const over = this.#last.then(run)
    const search: Search = { over, outcome: null, askedAt: this.#clock() }
    this.#last = over
    this.#all.set(name, search)
    return search
  }

  /** In the order in which they run. */
  #unfinished(): readonly Search[] {
    return [...this.#all.values()].filter(({ outcome }) => outcome === null)
  }

  #forget(): void {
    const now = this.#clock()
    for (const [name, { outcome, askedAt }] of this.#all)
      if (outcome !== null && now - askedAt > KEPT) this.#all.delete(name)
  }
}
