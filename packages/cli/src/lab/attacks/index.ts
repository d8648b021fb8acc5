import type { Attack } from '../attack.ts'
import { abandoned } from './abandoned.ts'
import { alterCookie } from './alter-cookie.ts'
import { cacheOnly } from './cache.ts'
import { cookieAttributes } from './cookie-attributes.ts'
import { cookieJar } from './cookie-jar.ts'
import { errorPages } from './error-pages.ts'
import { failingHandler, hangUp } from './failing-handler.ts'
import { fixation, otherName } from './fixation.ts'
import { loginAndRevokeAll, renewalAndLogout, renewalAndRevokeAll } from './interleavings.ts'
import { killApplication, killStore } from './kill.ts'
import { lostUpdates } from './lost-updates.ts'
import { madeUpTokens } from './made-up.ts'
import { memoryAfterEnd } from './memory-after-end.ts'
import { readBackup, readBackupAndSecrets, readFiles } from './read-files.ts'
import { renewedCopy, replayAfterLogout, replayAfterRevokeAll, twoCookies } from './replay.ts'
import { alterRows, rollBackRows, swapRows } from './rows.ts'
import { sharedCache } from './shared-cache.ts'
import { slowRequestAndLogout, slowRequestAndRevokeAll } from './slow-request.ts'

/** Every column of the matrix, in the order in which it is shown: by the property that each attacks. */
export const ATTACKS: readonly Attack[] = [
  // durable
  killStore,
  killApplication,
  // private on the server
  readFiles,
  readBackup,
  readBackupAndSecrets,
  errorPages,
  // private in the browser
  cookieJar,
  cookieAttributes,
  sharedCache,
  // integrity
  alterCookie,
  madeUpTokens,
  alterRows,
  swapRows,
  cacheOnly,
  lostUpdates,
  failingHandler,
  hangUp,
  // final
  replayAfterLogout,
  replayAfterRevokeAll,
  renewedCopy,
  twoCookies,
  fixation,
  otherName,
  renewalAndLogout,
  renewalAndRevokeAll,
  loginAndRevokeAll,
  slowRequestAndLogout,
  slowRequestAndRevokeAll,
  rollBackRows,
  // forgets
  abandoned,
  memoryAfterEnd,
]
