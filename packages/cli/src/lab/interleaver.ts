import { setImmediate as turn } from 'node:timers/promises'
import type { Entry, Id, ListOptions, Store, Version } from 'strongroom'

/** One call of a store that waits until it is its turn. */
interface Held {
  readonly actor: number
  run(): Promise<void>
}

/**
 * How long an actor may take between two calls of its store, in ms. Longer means that it waits for something else. It reads lists in
 * that time, and on a machine that had much else to write, 20 s were too few for files.
 */
const STUCK = 60_000

/** Holds the calls of the actors' stores, so that they run in an order that is chosen. */
export class Interleaver {
  readonly #held: Held[] = []
  #isFree = true

  /** The store as this actor sees it. Its calls wait while `run` is at work, and pass before and after. */
  store(actor: number, store: Store): Store {
    const hold = <T>(call: () => Promise<T>): Promise<T> => this.#hold(actor, call)
    const { byOwner } = store
    const held: Store = {
      traits: store.traits,
      create: (id: Id, entry: Entry) => hold(() => store.create(id, entry)),
      read: (id, options) => hold(() => store.read(id, options)),
      update: (id: Id, entry: Entry, version: Version) => hold(() => store.update(id, entry, version)),
      touch: (id, expiresAt, version) => hold(() => store.touch(id, expiresAt, version)),
      delete: (id, version, owner) => hold(() => store.delete(id, version, owner)),
      clearExpired: (options) => hold(() => store.clearExpired(options)),
      close: () => store.close(),
      ...(store.clearCopies && { clearCopies: store.clearCopies.bind(store) }),
      ...(store.authenticate && { authenticate: store.authenticate.bind(store) }),
      ...(store.tryWithLock && { tryWithLock: store.tryWithLock.bind(store) }),
      ...(byOwner && {
        byOwner: {
          list: (owner: string, options?: ListOptions) => after(hold, () => byOwner.list(owner, options)),
          deleteAll: (owner: string, except?: Id) => hold(() => byOwner.deleteAll(owner, except)),
        },
      }),
    }
    return held
  }

  #hold<T>(actor: number, call: () => Promise<T>): Promise<T> {
    if (this.#isFree) return call()
    return new Promise((resolve, reject) => {
      const run = () => call().then(resolve, reject)
      this.#held.push({ actor, run })
    })
  }

  /**
   * Runs the actors in parallel. Whenever all of them wait, `choose` picks which call is next. Resolves when all have ended, to what
   * each resolved to or rejected with.
   */
  async run(
    actors: readonly (() => Promise<unknown>)[],
    choose: Choose,
  ): Promise<readonly PromiseSettledResult<unknown>[]> {
    this.#isFree = false
    const ended = new Set<number>()
    const all = actors.map((actor, at) => actor().finally(() => ended.add(at)))
    const results = Promise.allSettled(all)
    try {
      for (;;) {
        await this.#settle(actors.length, ended)
        if (this.#held.length === 0) return await results
        // By actor, whatever arrived first, so that a number means the same call in every run.
        this.#held.sort((a, b) => a.actor - b.actor)
        const [next] = this.#held.splice(choose(this.#held.map(({ actor }) => actor)), 1)
        await next?.run()
      }
    } finally {
      this.#isFree = true
      for (const { run } of this.#held.splice(0)) void run()
    }
  }

  /** Waits until every actor has ended or waits with a call. */
  async #settle(actors: number, ended: ReadonlySet<number>): Promise<void> {
    const began = performance.now()
    const isSettled = () =>
      Array.from({ length: actors }, (_, at) => ended.has(at) || this.#held.some(({ actor }) => actor === at)).every(
        Boolean,
      )
    // Once more after that: an actor may make several calls in parallel.
    for (let calm = 0; calm < 2; calm = isSettled() ? calm + 1 : 0) {
      await turn()
      if (performance.now() - began > STUCK) throw new Error('An operation waits for something else than its store.')
    }
  }
}

async function* after<T>(
  hold: <R>(call: () => Promise<R>) => Promise<R>,
  list: () => AsyncIterable<T>,
): AsyncGenerator<T> {
  await hold(async () => {})
  yield* list()
}

/** Picks the next call by its place in the list; the list says of each call whose it is. */
export type Choose = (actors: readonly number[]) => number

export interface Explored<Outcome> {
  readonly outcomes: readonly Outcome[]
  /**
   * Every order with so many interruptions, and fewer, was run; null if all orders were. An interruption is another call than
   * the next one of the actor that was at work.
   */
  readonly complete: number | null
}

interface Prefix {
  readonly choices: readonly number[]
  readonly interruptions: number
}

export interface ExploreOptions {
  /** The most orders to run. */
  readonly limit: number
  /** In ms: no order is begun after that, but for those with one interruption, which may take ten times as long. */
  readonly longest: number
  /** How many orders run at the same time, each on data of its own. */
  readonly abreast: number
  readonly signal: AbortSignal
}

/**
 * Runs a plan in many orders, each once and from its beginning: those with the fewest interruptions first, because mistakes need one
 * or two. The plan is told which of those that run at the same time it is.
 */
export async function explore<Outcome>(
  plan: (choose: Choose, place: number) => Promise<Outcome>,
  { limit, longest, abreast, signal }: ExploreOptions,
): Promise<Explored<Outcome>> {
  const outcomes: Outcome[] = []
  const waiting: Prefix[][] = [[{ choices: [], interruptions: 0 }]]
  const running = new Map<number, Prefix>()
  const start = performance.now()
  let begun = 0
  const isOver = () => {
    const took = performance.now() - start
    const level = waiting.findIndex((prefixes) => prefixes.length > 0)
    return begun >= limit || (took >= longest && level > 1) || took >= longest * 10
  }
  const work = async (place: number) => {
    for (;;) {
      signal.throwIfAborted()
      const prefix = isOver() ? undefined : waiting.find((level) => level.length > 0)?.shift()
      // The others may still find alternatives.
      if (!prefix && (isOver() || running.size === 0)) return
      if (!prefix) await turn()
      else {
        begun += 1
        running.set(place, prefix)
        try {
          outcomes.push(await plan(following(prefix, waiting), place))
        } finally {
          running.delete(place)
        }
      }
    }
  }
  await Promise.all(Array.from({ length: abreast }, (_, place) => work(place)))
  const left = waiting.findIndex((level) => level.length > 0)
  return { outcomes, complete: left < 0 ? null : left - 1 }
}

/** Chooses as the prefix says, then goes on with the same actor, and notes the alternatives that there were. */
function following(prefix: Prefix, waiting: Prefix[][]): Choose {
  const choices: number[] = []
  let last = 0
  return (actors) => {
    const going = Math.max(actors.indexOf(last), 0)
    const couldGoOn = actors.includes(last)
    const given = prefix.choices[choices.length]
    if (given === undefined)
      for (const at of actors.keys())
        if (at !== going) {
          const interruptions = prefix.interruptions + (couldGoOn ? 1 : 0)
          while (waiting.length <= interruptions) waiting.push([])
          waiting[interruptions]?.push({ choices: [...choices, at], interruptions })
        }
    // In another run a call may come a moment later, so that there are fewer to choose from.
    const choice = Math.min(given ?? going, actors.length - 1)
    choices.push(choice)
    last = actors[choice] ?? 0
    return choice
  }
}
