import { type Answer, type PostgresClient, type Request, send } from './client.ts'
import { isOfOne, tooLate } from './failure.ts'
import { type Done, isLean, sendLean } from './lean.ts'
import type { Held, PoolLink } from './pool.ts'

/** How many calls go in one message, and how many bytes, unless one call alone has more. */
const [MOST_CALLS, MOST_BYTES] = [64, 2 ** 18]
/** How many messages of one statement are under way at a time; calls that come meanwhile gather for the next. */
const MOST_MESSAGES = 4

/** Calls that are about one row each, and may go together: their statement says which parameter is the key of the row. */
export type RowRequest = Request & { readonly key: number }

export function isRowRequest(request: Request): request is RowRequest {
  return request.key !== undefined
}

/** Somebody who waits for an answer, until `until` at the longest. */
class Call {
  readonly request: RowRequest
  readonly until: number
  over = false
  /** The message it is in is told, for nobody may wait for that any more. */
  leave = () => {}
  readonly #timer: NodeJS.Timeout
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: unknown) => void

  constructor(request: RowRequest, limit: number, resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.request = request
    this.until = performance.now() + limit
    this.#resolve = resolve
    this.#reject = reject
    this.#timer = setTimeout(() => this.done(tooLate(limit)), limit)
  }

  done(error: unknown, answer?: Answer): void {
    if (this.over) return
    this.over = true
    clearTimeout(this.#timer)
    this.leave()
    if (error === null) this.#resolve(answer as Answer)
    else this.#reject(error)
  }
}

/**
 * The calls of one statement. Those made in one turn of the event loop, or while others are under way, go to the server
 * together: one message, one transaction, and one wait for its disk. A call that comes alone goes alone, and at once.
 *
 * An error takes back all that went together (`sendLean`). Where it may be the fault of one, each is asked again by itself.
 */
export class Together {
  readonly #link: PoolLink
  readonly #waiting: Call[] = []
  #isPlanned = false
  #messages = 0

  constructor(link: PoolLink) {
    this.#link = link
  }

  ask(request: RowRequest, limit: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Call(request, limit, resolve, reject))
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
    this.#link.checkOut((error, held) => {
      const calls = this.#take(held && !isLean(held.client) ? 1 : MOST_CALLS)
      this.#plan()
      if (held && calls.length > 0) return this.#send(held, calls)
      held?.release()
      for (const call of calls) call.done(error)
      this.#end()
    })
  }

  #end(): void {
    this.#messages -= 1
    this.#plan()
  }

  #send(held: Held, calls: readonly Call[]): void {
    let [left, isOver] = [calls.length, false]
    const end = (destroy: boolean) => {
      if (isOver) return
      isOver = true
      held.release(destroy)
      this.#end()
    }
    // What nobody waits for any more may still come, and must not be handed to the next ones: its connection is closed.
    const leave = () => {
      left -= 1
      if (left === 0) end(true)
    }
    for (const call of calls) call.leave = leave
    sendAll(held.client, calls, (error, answers) => {
      end(error !== null)
      if (error === null) for (const [at, call] of calls.entries()) call.done(null, answers?.[at])
      else if (calls.length > 1 && isOfOne(error)) for (const call of calls) this.#askAlone(call)
      else for (const call of calls) call.done(error)
    })
  }

  #askAlone(call: Call): void {
    if (call.over) return
    this.#link.ask(call.request, call.until - performance.now()).then(
      (answer) => call.done(null, answer),
      (error) => call.done(error),
    )
  }

  #take(most: number): readonly Call[] {
    const taken: Call[] = []
    let seen = 0
    for (let bytes = 0; seen < this.#waiting.length && taken.length < most; seen += 1) {
      const call = this.#waiting[seen] as Call
      if (call.over) continue
      bytes += sizeOf(call.request)
      if (bytes > MOST_BYTES && taken.length > 0) break
      taken.push(call)
    }
    this.#waiting.splice(0, seen)
    // Everybody locks rows in this order, so that no two messages wait for each other.
    return taken.sort((a, b) => Buffer.compare(keyOf(a.request), keyOf(b.request)))
  }
}

/** As one message, or as the driver does it: then there is only one. */
function sendAll(client: PostgresClient, calls: readonly Call[], done: Done): void {
  const requests = calls.map(({ request }) => request)
  const { name, text, values } = requests[0] as RowRequest
  if (isLean(client)) sendLean(client, { name, text, each: requests.map(({ values }) => values) }, done)
  else send(client, { name, text, values }, (error, answer) => done(error, answer && [answer]))
}

const keyOf = ({ values, key }: RowRequest) => values[key] as Buffer

function sizeOf({ values }: Request): number {
  return values.reduce<number>((bytes, value) => bytes + (Buffer.isBuffer(value) ? value.length : 0), 0)
}
