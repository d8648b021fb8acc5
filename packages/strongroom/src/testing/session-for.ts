import { checkOptions } from '../base/check.ts'
import type { HeaderSource } from '../http/headers.ts'
import type { LoginOptions } from '../session/login.ts'
import type { BaseSessions } from '../sessions.ts'

/** What the session of `sessionFor` contains. */
export interface SessionForOptions<Data extends object> {
  /** The user to log in. */
  readonly userId?: string | undefined
  /** Options of that login, such as a level for a page that asks for one. */
  readonly login?: LoginOptions | undefined
  readonly data?: Partial<Data> | undefined
  /** Headers of the request that creates the session, such as a User-Agent for the list of devices. */
  readonly headers?: HeaderSource | undefined
}

/** What a signed-in visitor of a test sends. */
export interface SessionForResult {
  /** The Cookie header: "name=value"; '' with `bearer()`. */
  readonly cookie: string
  /** The header that has the session: `{ cookie }`, or with `bearer()` `{ authorization: 'Bearer …' }`. */
  readonly headers: Readonly<Record<string, string>>
  /** The session's public name. */
  readonly handle: string
}

/**
 * Creates a session for a test of an application, the way a request would: through the same store, with the same keys. Send its
 * `headers`, or its `cookie` as the Cookie header. Rejects with `TypeError` without a user and data.
 */
export async function sessionFor<Data extends object>(
  sessions: BaseSessions<Data>,
  options: SessionForOptions<Data>,
): Promise<SessionForResult> {
  checkOptions('sessionFor()', options, ['userId', 'login', 'data', 'headers'])
  const { userId, login, data = {}, headers = {} } = options
  const visit = sessions.open(headers)
  const session = await visit.get()
  for (const [key, value] of Object.entries(data)) session.set(key as keyof Data & string, value as never)
  if (userId !== undefined) session.login(userId, login)
  const { setCookie, headers: lines } = await visit.commit()
  const { handle } = session
  const token = lines?.[0]?.[1]
  if ((setCookie === null && token === undefined) || handle === null)
    throw new TypeError('sessionFor() needs a userId or some data: an empty session is not saved and has no cookie.')
  if (setCookie === null) return { cookie: '', headers: { authorization: `Bearer ${token}` }, handle }
  const cookie = setCookie.slice(0, setCookie.indexOf(';'))
  return { cookie, headers: { cookie }, handle }
}
