import { parseSetCookie } from 'cookie'
import type { Outcome } from '../../../packages/strongroom/src/request/visit.ts'
import type { Session } from '../../../packages/strongroom/src/session/session.ts'
import type { BaseSessions } from '../../../packages/strongroom/src/sessions.ts'

export interface Request<Data extends object> {
  /** What an application hands to `sessions.get` and `sessions.save`. */
  readonly request: object
  session(): Promise<Session<Data>>
  save(): Promise<void>
  /** The response begins; its cookie goes into the jar. */
  respond(status?: number): Promise<Outcome>
}

export interface Visitor<Data extends object> {
  /** Value of the session's cookie, as the browser has it now. */
  cookie: string | null
  /** The last Set-Cookie line that came. */
  readonly setCookie: string | null
  readonly userAgent: string | undefined
  /** A request that has begun, to be answered by hand. */
  begin(): Request<Data>
  /** A whole request: `work` is the handler. */
  visit<T>(work: (session: Session<Data>, request: Request<Data>) => T | Promise<T>, status?: number): Promise<T>
  /** The same cookie in another browser: a thief's, or another tab whose answers come apart. */
  copy(): Visitor<Data>
}

/** A browser with a jar for one cookie, in front of sessions that no framework stands between. */
export function visitor<Data extends object>(
  sessions: BaseSessions<Data>,
  userAgent?: string,
  cookie: string | null = null,
): Visitor<Data> {
  const { cookieName } = sessions.policy
  const self = {
    cookie,
    setCookie: null as string | null,
    userAgent,
    begin(): Request<Data> {
      const request = {}
      const header = self.cookie === null ? undefined : `${cookieName}=${self.cookie}`
      const visit = sessions.open({ cookie: header, 'user-agent': userAgent })
      sessions.attach(request, () => visit)
      return {
        request,
        session: () => sessions.get(request),
        save: () => sessions.save(request),
        async respond(status) {
          const outcome = await visit.commit(status)
          if (outcome.setCookie === null) return outcome
          self.setCookie = outcome.setCookie
          const { value, maxAge } = parseSetCookie(outcome.setCookie)
          self.cookie = maxAge === 0 ? null : (value ?? null)
          return outcome
        },
      }
    },
    async visit<T>(work: (session: Session<Data>, request: Request<Data>) => T | Promise<T>, status?: number) {
      const begun = self.begin()
      const result = await work(await begun.session(), begun)
      await begun.respond(status)
      return result
    },
    copy: () => visitor(sessions, userAgent, self.cookie),
  }
  return self
}
