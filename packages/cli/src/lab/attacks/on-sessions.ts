import type { Attack } from '../attack.ts'
import { alterCookie } from './alter-cookie.ts'
import { clocksApart } from './clocks-apart.ts'
import { cookieAttributes } from './cookie-attributes.ts'
import { cookieJar } from './cookie-jar.ts'
import { cachedCopy, cachedCopyLater, twoServers } from './elsewhere.ts'
import { errorPages } from './error-pages.ts'
import { failingHandler, hangUp } from './failing-handler.ts'
import { fixation, otherName } from './fixation.ts'
import { floodOfVisitors, renewalsPileUp } from './floods.ts'
import { loginAndRevokeAll, renewalAndLogout, renewalAndRevokeAll } from './interleavings.ts'
import { lostUpdates } from './lost-updates.ts'
import { madeUpTokens } from './made-up.ts'
import { oddRequests } from './odd-requests.ts'
import { renewedCopy, replayAfterLogout, replayAfterRevokeAll, twoCookies } from './replay.ts'
import { sessionLimit, unmetSecret } from './session-limit.ts'
import { sharedCache } from './shared-cache.ts'
import { slowRequestAndLogout, slowRequestAndRevokeAll } from './slow-request.ts'
import { storeAway } from './store-away.ts'

/** The attacks on sessions and their cookies; those on what is stored are in the index beside them. */
export const ON_SESSIONS: readonly Attack[] = [
  cookieJar,
  cookieAttributes,
  sharedCache,
  errorPages,
  alterCookie,
  madeUpTokens,
  oddRequests,
  lostUpdates,
  failingHandler,
  hangUp,
  fixation,
  otherName,
  replayAfterLogout,
  replayAfterRevokeAll,
  renewedCopy,
  twoCookies,
  slowRequestAndLogout,
  slowRequestAndRevokeAll,
  renewalAndLogout,
  renewalAndRevokeAll,
  loginAndRevokeAll,
  cachedCopy,
  cachedCopyLater,
  clocksApart,
  unmetSecret,
  sessionLimit,
  renewalsPileUp,
  twoServers,
  floodOfVisitors,
  storeAway,
]
