import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Worker } from 'node:worker_threads'
import { EXIT, Failure, misuse } from '../failure.ts'
import { note } from '../output.ts'
import { COPY, type CopyOrder } from './copy.ts'
import { Draft } from './output.ts'
import { shellWords } from './plan.ts'
import type { Target } from './run.ts'

/** Copies a SQLite database without the rows of these tables. */
export async function backupSqlite(from: string, tables: readonly string[], target: Target): Promise<void> {
  if (!existsSync(from)) throw misuse(`There is no ${from}; nothing was made.`)
  if (target.file !== null) return copyTo(target.file, { from, tables, force: target.force })
  if (process.stdout.isTTY) throw misuse('A database is nothing for a terminal: use -o FILE, or a pipe.')
  // Its folder is ours alone: the copy has all rows for a moment.
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-backup-'))
  try {
    const file = join(folder, 'copy.db')
    await copyTo(file, { from, tables, force: false })
    await pipeline(createReadStream(file), process.stdout, { end: false })
  } catch (error) {
    // Whoever read what comes out has seen enough.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') throw new Failure(EXIT.failed, '')
    throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Copying {
  readonly from: string
  readonly tables: readonly string[]
  readonly force: boolean
}

async function copyTo(file: string, { from, tables, force }: Copying): Promise<void> {
  const draft = new Draft(file)
  const undo = undoOnSignal(() => draft.discard())
  try {
    draft.createEmpty()
    const emptied = await inThread({ from, to: draft.path, tables })
    for (const table of tables) if (!emptied.includes(table)) note(`there is no table ${table}; nothing was left out.`)
    draft.finish(force)
  } finally {
    undo()
    draft.discard()
  }
}

async function inThread(order: CopyOrder['strongroomCopy']): Promise<string[]> {
  const worker = new Worker(COPY, {
    workerData: { strongroomCopy: order } satisfies CopyOrder,
    // It would print that SQLite is new.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', (cause) => reject(new Failure(EXIT.failed, 'The copy could not be made', { cause })))
    worker.once('exit', () => reject(new Failure(EXIT.failed, 'The copy could not be made.')))
  })
}

/** A signal ends us as it always does, after the draft, which may hold all rows, is removed. */
function undoOnSignal(undo: () => void): () => void {
  const end = (signal: NodeJS.Signals) => {
    undo()
    off()
    process.kill(process.pid, signal)
  }
  const off = () => {
    for (const signal of SIGNALS) process.off(signal, end)
  }
  for (const signal of SIGNALS) process.on(signal, end)
  return off
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The same with the program of SQLite, for a person to run. */
export function sqliteCommands(from: string, tables: readonly string[], file: string): string[] {
  const deletes = tables.map((table) => `DELETE FROM "${table}";`).join(' ')
  return [
    shellWords(['sqlite3', '-readonly', from, `VACUUM INTO '${file.replaceAll("'", "''")}'`]),
    shellWords(['sqlite3', file, `PRAGMA journal_mode = OFF; PRAGMA secure_delete = ON; ${deletes} VACUUM`]),
  ]
}
