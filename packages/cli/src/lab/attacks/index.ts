import type { Attack } from '../attack.ts'
import { failingHandler, hangUp } from './failing-handler.ts'
import { fixation, otherName } from './fixation.ts'
import { lostUpdates } from './lost-updates.ts'
import { readBackup, readFiles } from './read-files.ts'
import { renewedCopy, replayAfterLogout, replayAfterRevokeAll, twoCookies } from './replay.ts'
import { slowRequestAndLogout, slowRequestAndRevokeAll } from './slow-request.ts'

/** Every column of the matrix, in the order in which it is shown. */
export const ATTACKS: readonly Attack[] = [
  readFiles,
  readBackup,
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
]
