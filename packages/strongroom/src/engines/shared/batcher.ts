/** How many calls go in one message, and how many bytes, unless one call alone has more. */
const [MOST_CALLS, MOST_BYTES] = [64, 2 ** 18]
/** How many messages of one kind are under way at a time; calls that come meanwhile gather for the next. */
const MOST_MESSAGES = 4

/** A connection, for as long as it takes to carry one message there and the answers back. */
export interface Carrier<Q, A> {
  /** How many calls it can take at a time, when that is fewer than usual. */
  readonly most?: number
  /** All of them or none: an error has taken back what went together. As many answers, and in the same order. */
  send(questions: readonly Q[], done: (error: unknown, answers?: readonly A[]) => void): void
  release(destroy: boolean): void
}

/** How the calls of one kind reach a server. */
export interface Way<Q, A> {
  carrier(done: (error: unknown, carrier: Carrier<Q, A> | null) => void): void
  /** By itself, within so many ms. */
  alone(question: Q, limit: number): Promise<A>
  /** Of several that were taken back together: may one of them be the reason, and may each be asked again by itself? */
  isOfOne(error: unknown): boolean
  tooLate(limit: number): Error
  /** The id of its row. */
  keyOf(question: Q): Uint8Array
  sizeOf(question: Q): number
  /** How many bytes go in one message, when that is fewer than usual. */
  readonly mostBytes?: number
}

/** Somebody who waits for an answer, until `until` at the longest. */
class Call<Q, A> {
  readonly question: Q
  readonly until: number
  over = false
  /** The message that it is in is told, for perhaps nobody waits for that any more. */
  leave = () => {}
  readonly #timer: NodeJS.Timeout
  readonly #resolve: (answer: A) => void
  readonly #reject: (error: unknown) => void

  constructor(question: Q, limit: Limit, resolve: (answer: A) => void, reject: (error: unknown) => void) {
    this.question = question
    this.until = performance.now() + limit.ms
    this.#resolve = resolve
    this.#reject = reject
    this.#timer = setTimeout(() => this.fail(limit.lapsed(limit.ms)), limit.ms)
  }

  succeed(answer: A): void {
    if (this.#end()) this.#resolve(answer)
  }

  fail(error: unknown): void {
    if (this.#end()) this.#reject(error)
  }

  #end(): boolean {
    if (this.over) return false
    this.over = true
    clearTimeout(this.#timer)
    this.leave()
    return true
  }
}

interface Limit {
  readonly ms: number
  readonly lapsed: (ms: number) => Error
}

/**
 * The calls of one kind. Those made in one turn of the event loop, or while others are under way, go to the server together:
 * one message, one transaction, and one wait for its disk. A call that comes alone goes alone, and at once.
 */
export class Together<Q, A> {
  readonly #way: Way<Q, A>
  readonly #waiting: Call<Q, A>[] = []
  #isPlanned = false
  #messages = 0

  constructor(way: Way<Q, A>) {
    this.#way = way
  }

  /** Resolves or rejects within so many ms. */
  ask(question: Q, limit: number): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Call(question, { ms: limit, lapsed: this.#way.tooLate }, resolve, reject))
      this.#plan()
    })
  }

  #plan(): void {
    if (this.#isPlanned || this.#messages === MOST_MESSAGES || this.#waiting.length === 0) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      this.#begin()
    })
  }

  /** What goes along is decided when there is a connection: others may have come by then. */
  #begin(): void {
    this.#messages += 1
    this.#way.carrier((error, carrier) => {
      const calls = this.#take(carrier?.most ?? MOST_CALLS)
      this.#plan()
      if (carrier && calls.length > 0) return this.#send(carrier, calls)
      carrier?.release(false)
      for (const call of calls) call.fail(error)
      this.#end()
    })
  }

  #end(): void {
    this.#messages -= 1
    this.#plan()
  }

  #send(carrier: Carrier<Q, A>, calls: readonly Call<Q, A>[]): void {
    let [left, isOver] = [calls.length, false]
    const end = (destroy: boolean) => {
      if (isOver) return
      isOver = true
      carrier.release(destroy)
      this.#end()
    }
    // What nobody waits for any more may still come, and must not be handed to the next ones: its connection is closed.
    const leave = () => {
      left -= 1
      if (left === 0) end(true)
    }
    for (const call of calls) call.leave = leave
    carrier.send(
      calls.map(({ question }) => question),
      (error, answers) => {
        end(!answers)
        if (answers) for (const [at, call] of calls.entries()) call.succeed(answers[at] as A)
        else if (calls.length > 1 && this.#way.isOfOne(error)) for (const call of calls) this.#askAlone(call)
        else for (const call of calls) call.fail(error)
      },
    )
  }

  #askAlone(call: Call<Q, A>): void {
    if (call.over) return
    this.#way.alone(call.question, call.until - performance.now()).then(
      (answer) => call.succeed(answer),
      (error) => call.fail(error),
    )
  }

  #take(most: number): readonly Call<Q, A>[] {
    const { keyOf, sizeOf, mostBytes = MOST_BYTES } = this.#way
    const taken: Call<Q, A>[] = []
    let seen = 0
    for (let bytes = 0; seen < this.#waiting.length && taken.length < most; seen += 1) {
      const call = this.#waiting[seen] as Call<Q, A>
      if (call.over) continue
      bytes += sizeOf(call.question)
      if (bytes > mostBytes && taken.length > 0) break
      taken.push(call)
    }
    this.#waiting.splice(0, seen)
    // Everybody locks rows in this order, so that no two messages wait for each other.
    return taken.sort((a, b) => Buffer.compare(keyOf(a.question), keyOf(b.question)))
  }
}
