import { checkOptions } from '../base/check.ts'
import type { HeaderSource } from '../http/headers.ts'
import type { BaseSessions } from '../sessions.ts'

export interface SessionForOptions<Data extends object> {
  /** The user to log in. */
  readonly userId?: string | undefined
  readonly data?: Partial<Data> | undefined
  /** Headers of the request that creates the session, such as a User-Agent for the list of devices. */
  readonly headers?: HeaderSource | undefined
}

/**
 * Creates a session for a test of an application, the way a request would: through the same store, with the same keys. Send
 * `cookie` ("name=value") as the Cookie header. `handle` is the session's public name.
 */
export async function sessionFor<Data extends object>(
  sessions: BaseSessions<Data>,
  options: SessionForOptions<Data>,
): Promise<{ readonly cookie: string; readonly handle: string }> {
  checkOptions('sessionFor()', options, ['userId', 'data', 'headers'])
  const { userId, data = {}, headers = {} } = options
  const visit = sessions.open(headers)
  const session = await visit.get()
  for (const [key, value] of Object.entries(data)) session.set(key as keyof Data & string, value as never)
  if (userId !== undefined) session.login(userId)
  const { setCookie } = await visit.commit()
  if (setCookie === null || session.handle === null)
    throw new TypeError('sessionFor() needs a userId or some data: an empty session is not saved and has no cookie.')
  return { cookie: setCookie.slice(0, setCookie.indexOf(';')), handle: session.handle }
}
