import { resolve } from 'node:path'
import { checkOptions, clockOption, wholeNumber } from '../../base/check.ts'
import { ConfigError } from '../../errors.ts'
import type { Clock, IndexedStore, ScannableStore } from '../../store.ts'
import { nodeSqlite } from '../sqlite/handle.ts'
import { Files } from './store.ts'

export interface FileOptions {
  /** Directory, made when it is missing. On a local disk: the locks of network file systems cannot be relied on. */
  readonly dir: string
  /** Wait for the disk before a write is acknowledged, so that it survives a power cut (default true). */
  readonly durable?: boolean | undefined
  /** Ms to wait for a lock that another request or process holds (default 2000). */
  readonly timeout?: number | undefined
  readonly clock?: Clock | undefined
}

/**
 * One file per session, readable by its owner only, in a directory that several processes of one machine may share.
 *
 * The deadline is the file's modification time: copy the directory without it (`cp` without `-p`) and every session in the
 * copy has expired. A damaged file reads as absent, and goes when its deadline has passed.
 */
export function file(given: string | FileOptions): IndexedStore & ScannableStore {
  const options: Partial<FileOptions> = typeof given === 'string' ? { dir: given } : (given ?? {})
  checkOptions('file()', options, ['dir', 'durable', 'timeout', 'clock'])
  const { dir, durable = true } = options
  if (typeof dir !== 'string' || dir === '') throw new ConfigError('file() takes the directory to keep sessions in.')
  if (typeof durable !== 'boolean') throw new ConfigError('Option "durable" of file() must be true or false.')
  const timeout = wholeNumber('file()', 'timeout', options.timeout, 2000, 0)
  const clock = clockOption('file()', options.clock)
  // Its locks are the locks of SQLite.
  nodeSqlite()
  // Now: a later change of the working directory must not move the sessions.
  return new Files({ dir: resolve(dir), durable, timeout, clock })
}
