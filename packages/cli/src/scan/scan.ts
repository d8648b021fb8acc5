/**
 * The dump scanner. It is a room of its own: the rest of the command line imports this file and no other, and nothing in here
 * imports from the rest of the command line.
 *
 * `scanFile` takes the name of a file: a dump, a database file, or either of them compressed. It resolves to a `Report`: what
 * the file is, how many session rows of which kind are in which table, whether anyone who has the file can read them, and
 * what went wrong. A report never contains a row, an id or a key, and memory use does not depend on the size of the file.
 */
import { FileScan } from './file.ts'
import { UnreadableError } from './reader.ts'
import { type Finding, Tally } from './tally.ts'

export type { Kind, Readable } from './kind.ts'
export type { Finding } from './tally.ts'

export interface Report {
  /** As it was named. */
  readonly file: string
  /** What the file is, in words; null when that is not known. */
  readonly format: string | null
  /** Including what was found before a problem. */
  readonly findings: readonly Finding[]
  /** Why the file could not be read, or not to its end: "it ends …". Null when all of it was read. */
  readonly problem: string | null
}

export interface ScanOptions {
  /** The path of pg_restore, which can read archives that we cannot; null when it is not installed. */
  readonly pgRestore: string | null
}

/** Scans a file of any known kind; "-" is standard input. Never rejects: what goes wrong is in the report. */
export async function scanFile(file: string, { pgRestore }: ScanOptions): Promise<Report> {
  const tally = new Tally()
  const scan = new FileScan(file, tally, pgRestore)
  let problem: string | null = null
  try {
    await scan.run()
  } catch (error) {
    problem = problemOf(error)
  }
  return { file, format: scan.format, findings: tally.findings, problem }
}

const ZLIB = /^(?:Z_|ERR_ZSTD|ZSTD_)/

function problemOf(error: unknown): string {
  if (error instanceof UnreadableError) return error.message
  const { code = '', message = String(error) } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'Z_BUF_ERROR') return 'it ends in the middle of its compressed data: is it cut off?'
  if (ZLIB.test(code)) return 'its compressed data is damaged'
  return `it could not be read: ${message}`
}
