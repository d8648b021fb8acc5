import { StoreError } from '../../errors.ts'
import { isPast, momentIn, pause } from '../sqlite/patience.ts'
import type { Apart, MysqlConnection, MysqlStatement, MysqlValue, Source } from './client.ts'
import { isPassing, isSpoilt, tooLate, unanswered } from './errors.ts'
import type { RowStatement } from './table.ts'
import { type Answer, execute, type Row, type RowRequest, togetherOn } from './together.ts'

/** How many calls may be under way or waiting for a connection. Beyond it they are refused, and the queue does not grow. */
const MOST_CALLS = 5000

interface Call {
  connection: MysqlConnection | null
  /** Its time is up, and it was told so. */
  late: boolean
  over: boolean
}

/** Statements on their way to the server and back, each within a limit of time. */
export class Line {
  readonly #source: Source
  readonly #timeout: number
  readonly #together = new Map<MysqlStatement, ReturnType<typeof togetherOn>>()
  /** How many bytes go in one message of several statements. */
  mostBytes = 2 ** 18
  #calls = 0
  #closed = false

  constructor(source: Source, timeout: number) {
    this.#source = source
    this.#timeout = timeout
  }

  /** The rows of a prepared SELECT. */
  async rows(statement: MysqlStatement | RowStatement, values: MysqlValue[]): Promise<readonly Row[]> {
    return (await this.#ask(statement, values)) as readonly Row[]
  }

  /** How many rows a prepared statement changed. */
  async change(statement: MysqlStatement | RowStatement, values: MysqlValue[]): Promise<number> {
    return (await this.#ask(statement, values)) as number
  }

  #ask(statement: MysqlStatement | RowStatement, values: MysqlValue[]): Promise<Answer> {
    if (this.#source.multiple && 'key' in statement)
      return this.#patiently((left) => this.#inCompany({ statement, values }, left))
    return this.#patiently((left) => this.#once((connection) => execute(connection, statement, values), left))
  }

  /** A statement that is not prepared, because it comes once, or never twice alike. */
  async plain(statement: MysqlStatement, values: MysqlValue[] = [], limit = this.#timeout): Promise<unknown> {
    const ask = (connection: MysqlConnection) => connection.query(statement, values)
    return (await this.#patiently((left) => this.#once(ask, left, limit), limit))[0]
  }

  /** Works with a connection that nobody else has meanwhile. What it is asked is limited in time, the work is not. */
  async apart<T>(work: (ask: (statement: MysqlStatement) => Promise<readonly Row[]>) => Promise<T>): Promise<T> {
    this.#check()
    const { connection, end } = await this.#apart()
    let sound = true
    const ask = async (statement: MysqlStatement) => {
      try {
        return (await within(this.#timeout, connection.query(statement, [])))[0] as Row[]
      } catch (error) {
        sound = false
        throw unanswered(error)
      }
    }
    try {
      return await work(ask)
    } finally {
      if (sound) end()
      else this.#source.drop(connection)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#source.close(this.#timeout)
  }

  async #apart(): Promise<Apart> {
    const coming = this.#source.apart()
    try {
      return await within(this.#timeout, coming)
    } catch (error) {
      // It may come later, and then nobody waits for it.
      coming.then(
        ({ end }) => end(),
        () => {},
      )
      throw unanswered(error)
    }
  }

  /** Again when the server says that another try may do, until the time is up. */
  async #patiently<T>(ask: (left: number) => Promise<T>, limit = this.#timeout): Promise<T> {
    const until = momentIn(limit)
    for (;;) {
      this.#check()
      try {
        return await ask(until - performance.now())
      } catch (error) {
        if (!isPassing(error) || isPast(until)) throw unanswered(error)
      }
      await pause()
    }
  }

  /** With others that are asked at the same time. */
  async #inCompany(request: RowRequest, limit: number): Promise<Answer> {
    const { statement } = request
    let together = this.#together.get(statement)
    if (!together) {
      const alone = ({ statement, values }: RowRequest, left: number) =>
        this.#once((connection) => execute(connection, statement, values), left)
      together = togetherOn({
        reads: statement.many !== undefined,
        source: this.#source,
        alone,
        tooLate: () => tooLate(this.#timeout),
        mostBytes: () => this.mostBytes,
      })
      this.#together.set(statement, together)
    }
    this.#calls += 1
    try {
      return await together.ask(request, limit)
    } finally {
      this.#calls -= 1
    }
  }

  #once<T>(ask: (connection: MysqlConnection) => Promise<T>, left: number, limit = this.#timeout): Promise<T> {
    return new Promise((resolve, reject) => {
      const call: Call = { connection: null, late: false, over: false }
      const timer = setTimeout(() => {
        call.late = true
        // Its answer never comes: the call is over. Otherwise it goes on counting, so that no queue grows without bound.
        if (call.connection && this.#source.drop(call.connection)) this.#end(call)
        reject(tooLate(limit))
      }, left)
      this.#calls += 1
      const done = () => {
        clearTimeout(timer)
        this.#end(call)
      }
      this.#run(ask, call).then(
        (answer) => {
          done()
          resolve(answer)
        },
        (error) => {
          done()
          reject(error)
        },
      )
    })
  }

  async #run<T>(ask: (connection: MysqlConnection) => Promise<T>, call: Call): Promise<T> {
    const connection = await this.#source.acquire()
    if (call.late) {
      // Nobody waits for this call any more: the next may have the connection.
      this.#source.release(connection)
      throw tooLate(this.#timeout)
    }
    call.connection = connection
    try {
      const answer = await ask(connection)
      if (!call.late) this.#source.release(connection)
      return answer
    } catch (error) {
      if (!call.late && isSpoilt(error)) this.#source.drop(connection)
      else if (!call.late) this.#source.release(connection)
      throw error
    }
  }

  #end(call: Call): void {
    if (!call.over) this.#calls -= 1
    call.over = true
  }

  #check(): void {
    if (this.#closed) throw new StoreError('This store was closed.')
    if (this.#calls >= MOST_CALLS) throw new StoreError('Too many calls are waiting for the session database.')
  }
}

async function within<T>(limit: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate(limit)), limit)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
