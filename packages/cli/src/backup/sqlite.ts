import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Worker } from 'node:worker_threads'
import { EXIT, Failure, misuse } from '../failure.ts'
import { note, oneLine } from '../output.ts'
import { onSignal } from '../signals.ts'
import { checkFound, NOT_ASKED, remarksAbout } from './catalog.ts'
import { Draft } from './draft.ts'
import type { Target } from './run.ts'
import { shellWords } from './shell.ts'
import { type Copied, type CopyData, quoted, WORKER, withoutSchema } from './sqlite-worker.ts'

/** What is copied: a database, without the rows of these tables, and perhaps without those of Django's caches. */
export interface Copy extends Omit<CopyData['strongroomCopy'], 'to'> {
  /** Those of the tables that must exist. */
  readonly required: readonly string[]
}

/** Copies a SQLite database. */
export async function backupSqlite(copy: Copy, target: Target): Promise<void> {
  if (target.file !== null) return copyTo(target.file, { ...copy, force: target.force })
  if (process.stdout.isTTY) throw misuse('A database cannot be printed on a terminal: use -o FILE, or a pipe.')
  // In a folder that only we can read, because the copy has all rows for a moment.
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-backup-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  // A slow reader is given up with Ctrl-C.
  const restore = beforeSignal(remove)
  try {
    const file = join(folder, 'copy.db')
    await copyTo(file, { ...copy, force: false })
    await pipeline(createReadStream(file), process.stdout, { end: false })
  } catch (error) {
    // The reader of the output has seen enough.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') throw new Failure(EXIT.failed, '')
    throw error
  } finally {
    restore()
    remove()
  }
}

async function copyTo(file: string, { force, required, ...copy }: Copy & { readonly force: boolean }): Promise<void> {
  const draft = new Draft(file)
  // The draft may have all rows.
  const restore = beforeSignal(() => draft.discard())
  try {
    draft.createEmpty()
    const { emptied, caches } = await copyInWorker({ ...copy, to: draft.path })
    const missing = copy.tables.filter((table) => !emptied.includes(table))
    checkFound(required, missing)
    for (const remark of remarksAbout({ ...NOT_ASKED, caches, missing })) note(oneLine(remark))
    draft.finish(force)
  } finally {
    restore()
    draft.discard()
  }
}

async function copyInWorker(data: CopyData['strongroomCopy']): Promise<Copied> {
  const worker = new Worker(WORKER, {
    workerData: { strongroomCopy: data } satisfies CopyData,
    // Or Node prints that SQLite is experimental.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', (cause) => reject(new Failure(EXIT.failed, 'The copy could not be made', { cause })))
    worker.once('exit', () => reject(new Failure(EXIT.failed, 'The copy could not be made.')))
  })
}

/** A signal ends the process as usual, but first this is cleaned up. Returns a function that restores what signals do. */
function beforeSignal(cleanUp: () => void): () => void {
  const restore = onSignal((signal) => {
    cleanUp()
    restore()
    process.kill(process.pid, signal)
  })
  return restore
}

/** The same as commands of SQLite's own program, for a person to run. */
export function sqliteCommands(from: string, tables: readonly string[], file: string): string[] {
  const deletes = tables.map((table) => `DELETE FROM ${quoted(withoutSchema(table))};`).join(' ')
  return [
    shellWords(['sqlite3', '-readonly', from, `VACUUM INTO '${file.replaceAll("'", "''")}'`]),
    shellWords(['sqlite3', file, `PRAGMA journal_mode = OFF; PRAGMA secure_delete = ON; ${deletes} VACUUM`]),
  ]
}
