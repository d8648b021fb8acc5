import type { Attack } from '../attack.ts'
import { abandoned } from './abandoned.ts'
import { cacheOnly } from './cache.ts'
import { failingHandler, hangUp } from './failing-handler.ts'
import { fixation, otherName } from './fixation.ts'
import { killApplication, killStore } from './kill.ts'
import { lostUpdates } from './lost-updates.ts'
import { memoryAfterEnd } from './memory-after-end.ts'
import { readBackup, readBackupAndSecrets, readFiles } from './read-files.ts'
import { renewedCopy, replayAfterLogout, replayAfterRevokeAll, twoCookies } from './replay.ts'
import { alterRows, rollBackRows, swapRows } from './rows.ts'
import { slowRequestAndLogout, slowRequestAndRevokeAll } from './slow-request.ts'

/** Every column of the matrix, in the order in which it is shown. */
export const ATTACKS: readonly Attack[] = [
  killStore,
  killApplication,
  readFiles,
  readBackup,
  readBackupAndSecrets,
  alterRows,
  swapRows,
  rollBackRows,
  cacheOnly,
  replayAfterLogout,
  replayAfterRevokeAll,
  renewedCopy,
  twoCookies,
  fixation,
  otherName,
  slowRequestAndLogout,
  slowRequestAndRevokeAll,
  lostUpdates,
  failingHandler,
  hangUp,
  abandoned,
  memoryAfterEnd,
]
