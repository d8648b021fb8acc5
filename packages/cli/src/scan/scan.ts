/**
 * The dump scanner. It is a room of its own: the rest of the command line imports this file and no other, and nothing in here
 * imports from the rest of the command line.
 *
 * `scanFile` takes the name of a file: a dump, a database file, or either of them compressed. It resolves to a `Report`: what
 * the file is, how many session rows of which kind are in which table, whether anyone who has the file can read them, and
 * what went wrong. A report never contains a row, an id or a key, and memory use does not depend on the size of the file.
 */
import { FileScan } from './file.ts'
import { RawSearch, type Trace } from './raw.ts'
import { UnopenedError, UnreadableError } from './reader.ts'
import { type Finding, Tally } from './tally.ts'

export type { Kind, Readable } from './kind.ts'
export type { Finding } from './tally.ts'

/** What looks like sessions in the bytes of a file that could not be read whole: how many places at least, and of what. */
export interface Traces {
  readonly strongroom: number
  readonly django: number
  readonly cookies: number
}

export interface Report {
  /** As it was named. */
  readonly file: string
  /** What the file is, in words; null when that is not known. */
  readonly format: string | null
  /** Including what was found before a problem. */
  readonly findings: readonly Finding[]
  /** Why the file was not read whole: "it ends …". Null when all of it was read and understood. */
  readonly problem: string | null
  /** Null when the file was read whole, and when nothing of it could be read. */
  readonly traces: Traces | null
}

export interface ScanOptions {
  /** The path of pg_restore, which can read archives that we cannot; null when it is not installed. */
  readonly pgRestore: string | null
}

/** Scans a file of any known kind; "-" is standard input. Never rejects: what goes wrong is in the report. */
export async function scanFile(file: string, { pgRestore }: ScanOptions): Promise<Report> {
  const tally = new Tally()
  const raw = new RawSearch()
  const scan = new FileScan(file, { tally, raw }, pgRestore)
  let problem: string | null = null
  let wasOpened = true
  try {
    await scan.run()
  } catch (error) {
    wasOpened = !isUnopened(error)
    problem = problemOf(error)
  }
  problem ??= tally.end()
  const traces = problem !== null && wasOpened ? tracesIn(raw.end()) : null
  return { file, format: scan.format, findings: tally.findings, problem, traces }
}

function tracesIn(counts: ReadonlyMap<Trace, number>): Traces {
  const of = (trace: Trace) => counts.get(trace) ?? 0
  // The same row may be seen by its id and by its moments.
  const strongroom = Math.max(of('two-key') + of('server-key') + of('none'), of('unknown'))
  return { strongroom, django: of('django'), cookies: of('cookie') }
}

const UNOPENED = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM']

const isUnopened = (error: unknown) =>
  error instanceof UnopenedError || UNOPENED.includes((error as NodeJS.ErrnoException).code ?? '')

const ZLIB = /^(?:Z_|ERR_ZSTD|ZSTD_)/

function problemOf(error: unknown): string {
  if (error instanceof UnreadableError || error instanceof UnopenedError) return error.message
  const { code = '', message = String(error) } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'Z_BUF_ERROR') return 'it ends in the middle of its compressed data: is it cut off?'
  if (ZLIB.test(code)) return 'its compressed data is damaged'
  return `it could not be read: ${message}`
}
