import { EventReader } from './binlog-events.ts'
import { Cursor, parse } from './cursor.ts'
import { LoggedStatements } from './logged-statements.ts'
import { type ByteReader, UnreadableError } from './reader.ts'
import type { Tally } from './tally.ts'

/** Reads a binary log of MariaDB or MySQL: the rows in it, and the statements. */
export async function readBinlog(reader: ByteReader, tally: Tally): Promise<void> {
  await reader.skip(4, 'its first bytes')
  const statements = new LoggedStatements(tally)
  const events = new EventReader(tally, statements)
  await parse(events.events(new Cursor()), reader.rest())
  statements.close()
  if (!events.isEnd)
    throw new UnreadableError('it does not end as a binary log does: it is cut off, or the server still writes to it')
}
