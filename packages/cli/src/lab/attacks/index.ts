import type { Attack } from '../attack.ts'
import { readBackup, readFiles } from './read-files.ts'

/** Every column of the matrix, in the order in which it is shown. */
export const ATTACKS: readonly Attack[] = [readFiles, readBackup]
