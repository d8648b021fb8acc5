import type { Session } from '../../packages/strongroom/src/session/session.ts'
import type { BaseSessions } from '../../packages/strongroom/src/sessions.ts'

type Sessions = BaseSessions<Record<string, unknown>>

/** A browser with one session cookie, set by either side. */
export class Visitor {
  readonly #sessions: Sessions
  /** The value of `sessionid` in the next request. */
  cookie: string | null
  /** The Set-Cookie header of the last response. */
  line: string | null = null

  constructor(sessions: Sessions, cookie: string | null = null) {
    this.#sessions = sessions
    this.cookie = cookie
  }

  /** Makes a request: calls `work` with the session, and reads the response. */
  async visit<T>(work: (session: Session<Record<string, unknown>>) => T | Promise<T>, status = 200): Promise<T> {
    const visit = this.#sessions.open(this.cookie === null ? {} : { cookie: `sessionid=${this.cookie}` })
    const result = await work(await visit.get())
    const { setCookie } = await visit.commit(status)
    this.line = setCookie
    if (setCookie !== null) this.cookie = /^sessionid=([^;]*)/.exec(setCookie)?.[1] || null
    return result
  }
}
