import { existsSync, fstatSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { misuse } from '../failure.ts'

/** What SQLite keeps beside a database, and reads with it. */
const BESIDE = ['-wal', '-shm', '-journal']

/**
 * Refuses a target that is the database itself, under whatever name, or a file that SQLite keeps beside it: the backup would
 * replace what it is a backup of. `file` is null for standard output.
 */
export function checkTarget(source: string, file: string | null): void {
  const sources = ['', ...BESIDE].map((end) => `${realpathSync(source)}${end}`)
  const isSource =
    file === null ? isSame(fstatSync(1), sources) : sources.includes(realNameOf(file)) || isLinkTo(file, sources)
  if (isSource)
    throw misuse('The output is the database itself, or a file that belongs to it, and nothing was changed.')
  const left = file === null ? undefined : BESIDE.map((end) => `${file}${end}`).find((beside) => existsSync(beside))
  if (left !== undefined)
    throw misuse(
      `${left} is in the way: SQLite would take it for a part of the backup. Remove it first, if no program uses it.`,
    )
}

const isLinkTo = (file: string, sources: readonly string[]) => existsSync(file) && isSame(statSync(file), sources)

/** Hard links have one inode. */
function isSame({ dev, ino }: { readonly dev: number; readonly ino: number }, sources: readonly string[]): boolean {
  const found = sources.map((source) => statSync(source, { throwIfNoEntry: false }))
  return found.some((source) => source?.dev === dev && source.ino === ino)
}

/** Also of a file that does not exist yet. */
const realNameOf = (file: string) =>
  existsSync(dirname(file)) ? join(realpathSync(dirname(file)), basename(file)) : file
