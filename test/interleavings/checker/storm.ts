import { ConflictError, SessionGoneError, SessionLimitError } from '../../../packages/strongroom/src/errors.ts'
import type { LoginOptions } from '../../../packages/strongroom/src/session/login.ts'
import type { Session } from '../../../packages/strongroom/src/session/session.ts'
import type { Sessions } from '../../../packages/strongroom/src/sessions.ts'
import type { Anything } from '../../fault-injection/fixtures/site.ts'
import { cookieOf } from './scene.ts'

/** What a server has to do in a round of a storm. */
export type Order =
  | { readonly what: 'renew'; readonly user: string; readonly cookie: string }
  | { readonly what: 'login'; readonly user: string; readonly options: LoginOptions }

/** In a storm a call may wait for its turn, and a busy machine is no fault. */
export const PATIENT = { timeout: 60_000 }

interface Signals {
  /** Is it time to stop? */
  readonly isStopped: () => boolean
  /** Called after the first renewal: the storm has begun. */
  readonly begun: () => void
}
export const NO_SIGNALS: Signals = { isStopped: () => false, begun: () => undefined }

/** The cookies that were handed out. */
export async function obey(sessions: Sessions<Anything>, order: Order, signals: Signals): Promise<string[]> {
  if (order.what === 'renew') return renewOn(sessions, order.cookie, signals)
  try {
    const cookie = await visit(sessions, null, (session) => session.login(order.user, order.options))
    return cookie ? [cookie] : []
  } catch (error) {
    // Others were faster.
    if (error instanceof SessionLimitError || error instanceof ConflictError) return []
    throw error
  }
}

/** Renews without a pause until the session is over, or until it is told to stop. */
async function renewOn(sessions: Sessions<Anything>, first: string, { isStopped, begun }: Signals): Promise<string[]> {
  const cookies = [first]
  try {
    while (!isStopped()) {
      const next = await visit(sessions, cookies.at(-1) ?? null, (session) => !session.isNew && session.renew())
      if (!next) break
      if (cookies.push(next) === 2) begun()
    }
  } catch (error) {
    if (!(error instanceof SessionGoneError)) throw error
  }
  return cookies
}

/** One request. Resolves to the cookie that it sets, if it sets one. */
export async function visit(
  sessions: Sessions<Anything>,
  cookie: string | null,
  handler: (session: Session<Anything>) => unknown,
): Promise<string | null> {
  const visit = sessions.open(cookie === null ? {} : { cookie: `id=${cookie}` })
  handler(await visit.get())
  return cookieOf((await visit.commit()).setCookie) ?? null
}
