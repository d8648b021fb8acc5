import { inflateSync } from 'node:zlib'
import type { Parser } from './cursor.ts'
import { damagedEvent, type EventBytes } from './event-bytes.ts'

/** What is compressed is held in memory. Only an event with a single large row, or a long statement, has more. */
const [MOST, MOST_INFLATED] = [1 << 20, 1 << 24]

/**
 * The rest of an event as MariaDB compresses it (log_bin_compress; binlog_buf_compress in log_event.cc): a byte whose last three bits
 * say how many bytes of length follow, and a stream of zlib. Null when it is too large to be held in memory.
 */
export function* inflate(bytes: EventBytes): Parser<Buffer | null> {
  const head = yield* bytes.number(1)
  yield* bytes.skip(head & 7)
  // The bits before that are the algorithm, of which there is one.
  if ((head & 0xf0) !== 0x80) throw damagedEvent()
  if (bytes.left > MOST) return null
  try {
    return inflateSync(yield* bytes.take(bytes.left), { maxOutputLength: MOST_INFLATED })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null
    throw damagedEvent()
  }
}
