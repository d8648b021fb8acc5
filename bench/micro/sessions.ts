import { randomBytes } from 'node:crypto'
import type { Outcome, Visit } from 'strongroom'
import { type BaseSessions, createSessions, type SessionsOptions } from 'strongroom'
import { sessionOf, type Values } from '../data.ts'

/** Sessions with the defaults apart from the given options, under a key of their own. */
export function sessionsWith(options: SessionsOptions): BaseSessions<Values> {
  return createSessions<Values>({ secrets: randomBytes(32), ...options } as SessionsOptions)
}

const cookieOf = ({ setCookie }: Outcome) => (setCookie as string).split(';', 1)[0] as string

/** Creates the session of a logged-in visitor, and resolves to the Cookie header. */
export async function begin(sessions: BaseSessions<Values>, index: number): Promise<string> {
  const visit = sessions.open({})
  const session = await visit.get()
  session.login(`user-${index}`)
  for (const [key, value] of Object.entries(sessionOf(index))) session.set(key, value)
  return cookieOf(await visit.commit())
}

/** A request that reads, without HTTP. */
export async function readOnce(sessions: BaseSessions<Values>, cookie: string): Promise<string | undefined> {
  const visit: Visit<Values> = sessions.open({ cookie })
  const session = await visit.get()
  const name = session.get('name')
  await visit.commit()
  return name
}

/** A request that writes, without HTTP; resolves to the Cookie header that the visitor has afterwards. */
export async function writeOnce(sessions: BaseSessions<Values>, cookie: string): Promise<string> {
  const visit: Visit<Values> = sessions.open({ cookie })
  const session = await visit.get()
  session.set('n', (session.get('n') ?? 0) + 1)
  const outcome = await visit.commit()
  return outcome.setCookie === null ? cookie : cookieOf(outcome)
}
