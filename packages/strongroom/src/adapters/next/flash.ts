import { parseJson } from '../../base/json.ts'
import { ConfigError } from '../../errors.ts'
import { partsOf, valuesOf } from '../../http/cookie.ts'
import type { Session } from '../../session/session.ts'
import type { BaseSessions } from '../../sessions.ts'
import { checkSessions } from '../shared/check.ts'
import { currentRequest } from './request.ts'

/** The header by which the proxy hands messages to the page. A browser can send it, too: the signature counts. */
export const FLASH_HEADER = 'x-strongroom-flash'
const NAME = 'strongroom-flash'

/** Longer than it takes from the proxy to the page. */
const MAX_AGE = '1m'

type Messages = Readonly<Record<string, readonly unknown[]>>

/**
 * In a page or a layout: the messages of that name that the proxy has taken out of the session, because this page shows them. Empty
 * when there are none, and for a name that is not in `strongroom(sessions, { flash: [name] })` of proxy.ts. Marks the page as dynamic.
 */
export async function flash<Data extends object>(sessions: BaseSessions<Data>, name: string): Promise<unknown[]> {
  checkSessions("await flash(sessions, 'note')", sessions)
  const { headers } = await currentRequest('flash(sessions, name)')
  const given = headers.get(FLASH_HEADER)
  if (given === null) return []
  await sessions.ready()
  const salt = saltFor(sessions, headers.get('cookie'))
  const source = { cookie: `${NAME}=${given}` }
  const text = sessions.getSignedCookie(source, NAME, { salt, maxAge: MAX_AGE, default: '{}' })
  const messages = parseJson(text) as Messages
  return Object.hasOwn(messages, name) ? [...(messages[name] ?? [])] : []
}

/** Signed, that makes a header of less than 4 KB. */
const MOST = 2_900

/** Takes messages out of a session; null when there are none. Those that no header holds stay. */
export function takeFlash<Data extends object>(session: Session<Data>, names: readonly string[]): Messages | null {
  const taken: Record<string, readonly unknown[]> = {}
  for (const name of names) {
    const messages = session.flash(name)
    if (messages.length === 0) continue
    if (Buffer.byteLength(JSON.stringify({ ...taken, [name]: messages })) <= MOST) taken[name] = messages
    else for (const message of messages) session.flash(name, message)
  }
  return Object.keys(taken).length > 0 ? taken : null
}

/** For a page that gets this Cookie header. */
export function flashHeader<Data extends object>(
  sessions: BaseSessions<Data>,
  messages: Messages,
  cookie: string,
): string {
  const lines = new Headers()
  const options = { salt: saltFor(sessions, cookie), maxAge: MAX_AGE }
  sessions.setSignedCookie(lines, NAME, JSON.stringify(messages), options)
  return partsOf(lines.get('set-cookie') ?? '').value ?? ''
}

/** What was signed for the visitor with one cookie is worthless beside another. */
function saltFor<Data extends object>({ policy }: BaseSessions<Data>, cookie: string | null): string {
  return `strongroom/next: flash for ${valuesOf(cookie ?? '', `${policy.cookieName}=`).join()}`
}

/** The option, checked. */
export function flashNames(given: unknown = []): readonly string[] {
  if (Array.isArray(given) && given.every((name) => typeof name === 'string')) return [...given]
  throw new ConfigError('Option "flash" of strongroom() takes the names of flash messages: flash: [\'note\'].')
}
