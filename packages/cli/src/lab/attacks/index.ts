import type { Attack } from '../attack.ts'
import { PROPERTIES } from '../report.ts'
import { abandoned } from './abandoned.ts'
import { cacheOnly } from './cache.ts'
import { killApplication, killStore } from './kill.ts'
import { memoryAfterEnd } from './memory-after-end.ts'
import { ON_SESSIONS } from './on-sessions.ts'
import { readBackup, readBackupAndSecrets, readFiles } from './read-files.ts'
import { alterRows, rollBackRows, swapRows } from './rows.ts'

/** The attacks on what is stored; those on sessions and their cookies are in the list beside them. */
const ON_STORAGE: readonly Attack[] = [
  killStore,
  killApplication,
  readFiles,
  readBackup,
  readBackupAndSecrets,
  alterRows,
  swapRows,
  rollBackRows,
  cacheOnly,
  abandoned,
  memoryAfterEnd,
]

const place = ({ property }: Attack): number => PROPERTIES.indexOf(property)

/** Every column of the matrix, in the order in which it is shown: by the property that they are about. */
export const ATTACKS: readonly Attack[] = [...ON_STORAGE, ...ON_SESSIONS].sort((a, b) => place(a) - place(b))
