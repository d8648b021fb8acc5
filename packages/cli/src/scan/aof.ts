import { readDumped } from './rdb.ts'
import { ByteReader, truncated, UnreadableError } from './reader.ts'
import { kindOfRedis } from './redis.ts'
import { Value } from './row.ts'
import type { Tally } from './tally.ts'

/** In errors: "it ends in the middle of the log". */
const LOG = 'the log'
/** Keys that come from another server, as MIGRATE sends them, and the move of a slot in a cluster. */
const RESTORE = /^restore(?:-asking)?$/i
const damaged = () => new UnreadableError('it begins as a log of Redis and is damaged')

/**
 * Reads the log of Redis (append only file): the commands that were carried out, as clients send them. A session that was written
 * several times is counted each time.
 */
export async function readAof(reader: ByteReader, tally: Tally): Promise<void> {
  const command = new Command(reader, tally)
  while (!(await reader.isAtEnd())) {
    const line = await readLine(reader)
    // A note of when the next commands ran.
    if (!line.startsWith('#')) await command.read(numberIn(line, '*'))
  }
}

/** Reads commands with any number of arguments, of which it holds the last three. */
class Command {
  readonly #reader: ByteReader
  readonly #tally: Tally
  readonly #last = [new Value(), new Value(), new Value()]

  constructor(reader: ByteReader, tally: Tally) {
    this.#reader = reader
    this.#tally = tally
  }

  /** The value follows its key, as in SET and MSET, or comes after how long it is kept, as in SETEX, which has four words. */
  async read(count: number): Promise<void> {
    let isFound = false
    let isRestore = false
    for (let i = 0; i < count; i++) {
      if (i === 3 && isRestore) {
        await this.#restored()
        continue
      }
      const value = this.#at(i)
      value.clear()
      await argument(this.#reader, value)
      if (i === 0) isRestore = RESTORE.test(value.head.toString('latin1', 0, 16))
      if (i < 2 || isRestore || (count === 4 && isFound)) continue
      const isLate = count === 4 && i === 3
      const kind = (isLate ? kindOfRedis(this.#at(1), value) : null) ?? kindOfRedis(this.#at(i - 1), value)
      if (kind === null) continue
      isFound = true
      this.#tally.add(kind, 1, null)
    }
  }

  /** The value of RESTORE, which is written as in a dump. Its key is the second word. */
  async #restored(): Promise<void> {
    const dump = new ByteReader(this.#reader.chunks(await lengthOf(this.#reader), LOG))
    try {
      await readDumped(dump, this.#at(1), this.#tally)
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error
      this.#tally.notUnderstood('a value that was restored')
    }
    for await (const _ of dump.rest());
    await lineEnd(this.#reader)
  }

  #at(index: number): Value {
    return this.#last[index % this.#last.length] as Value
  }
}

async function argument(reader: ByteReader, into: Value): Promise<void> {
  for await (const part of reader.chunks(await lengthOf(reader), LOG)) into.append(part, 0, part.length)
  await lineEnd(reader)
}

const lengthOf = async (reader: ByteReader) => numberIn(await readLine(reader), '$')

async function lineEnd(reader: ByteReader): Promise<void> {
  if ((await reader.take(2, LOG)).toString('latin1') !== '\r\n') throw damaged()
}

async function readLine(reader: ByteReader): Promise<string> {
  const look = (await reader.peek(64)).toString('latin1')
  const end = look.indexOf('\r\n')
  if (end < 0) throw look.length < 64 ? truncated(LOG) : damaged()
  await reader.take(end + 2, LOG)
  return look.slice(0, end)
}

function numberIn(line: string, sign: string): number {
  if (!line.startsWith(sign) || !/^\d{1,10}$/.test(line.slice(1))) throw damaged()
  return Number(line.slice(1))
}
