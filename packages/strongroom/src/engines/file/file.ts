import { resolve } from 'node:path'
import { checkOptions, clockOption, timeoutOption } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore } from '../../store.ts'
import { withBackend } from '../shared/backend.ts'
import { nodeSqlite } from '../sqlite/handle.ts'
import { Files } from './store.ts'

/** Options of `file`. */
export interface FileOptions {
  /**
   * The directory, created if it is missing. On a local disk: the locks of network file systems cannot be relied on.
   */
  readonly dir: string
  /** Wait for the disk before acknowledging a write, so that the write survives a power cut (default true). */
  readonly durable?: boolean | undefined
  /** Ms to wait for a lock that another request or process holds (default 2000). */
  readonly timeout?: number | undefined
  readonly clock?: Clock | undefined
}

/**
 * One file for each session, readable by its owner only, in a directory that several processes of one machine may
 * share.
 *
 * The deadline is the file's modification time. If you copy the directory without it (`cp` without `-p`), every session
 * in the copy has expired. A damaged file counts as absent, and is removed after its deadline.
 */
export function file(given: string | FileOptions): IndexedStore & ScannableStore & AsyncDisposable {
  const options: Partial<FileOptions> = typeof given === 'string' ? { dir: given } : (given ?? {})
  checkOptions('file()', options, ['dir', 'durable', 'timeout', 'clock'])
  const { dir, durable = true } = options
  if (typeof dir !== 'string' || dir === '')
    throw new ConfigError('file() takes the directory in which to save sessions.')
  if (typeof durable !== 'boolean') throw new ConfigError('Option "durable" of file() must be true or false.')
  const timeout = timeoutOption('file()', options.timeout, 2000, 0)
  const clock = clockOption('file()', options.clock)
  // Throws if this runtime has no SQLite, whose locks are used here.
  nodeSqlite()
  // Resolved now, because a later change of the working directory must not move the sessions.
  const path = resolve(dir)
  return withBackend(new Files({ dir: path, durable, timeout, clock }), { engine: 'file', path, durable })
}
