import { type ByteReader, truncated, UnreadableError } from './reader.ts'
import { kindOfRedis } from './redis.ts'
import { Row, type Value } from './row.ts'
import type { Tally } from './tally.ts'

/** In errors: "it ends in the middle of the log". */
const LOG = 'the log'
const damaged = () => new UnreadableError('it begins as a log of Redis and is damaged')

/**
 * Reads the log of Redis (append only file): the commands that were carried out, as clients send them. A session that was written
 * several times is counted each time.
 */
export async function readAof(reader: ByteReader, tally: Tally): Promise<void> {
  const row = new Row()
  while (!(await reader.isAtEnd())) {
    const line = await readLine(reader)
    // A note of when the next commands ran.
    if (line.startsWith('#')) continue
    const count = numberIn(line, '*')
    row.clear()
    for (let i = 0; i < count; i++) await argument(reader, row.next())
    for (const kind of sessionsIn(row)) tally.add(kind, 1, null)
  }
}

async function argument(reader: ByteReader, into: Value): Promise<void> {
  const length = numberIn(await readLine(reader), '$')
  for await (const part of reader.chunks(length, LOG)) into.append(part, 0, part.length)
  if ((await reader.take(2, LOG)).toString('latin1') !== '\r\n') throw damaged()
}

/** The value follows its key, as in SET and MSET, or comes after how long it is kept, as in SETEX. */
function* sessionsIn(row: Row) {
  for (let i = 1; i + 1 < row.count; i++) {
    const key = row.at(i)
    const values = [row.at(i + 1), i === 1 && row.count === 4 ? row.at(3) : undefined]
    for (const value of values) {
      const kind = key && value ? kindOfRedis(key, value) : null
      if (kind !== null) {
        yield kind
        break
      }
    }
  }
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
