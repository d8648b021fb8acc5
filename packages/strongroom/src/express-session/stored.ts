import { parseJson } from '../base/json.ts'
import type { SessionsContext } from '../context.ts'
import { SessionClosedError, SessionGoneError } from '../errors.ts'
import { Visit } from '../request/visit.ts'
import type { Values } from '../session/content.ts'
import { type Session, stateOf } from '../session/session.ts'
import type { State } from '../session/state.ts'
import type { Cookie } from './cookie.ts'
import { copyOf, editsBetween, isShown } from './edits.ts'
import type { LiveSession } from './store.ts'

export const NOT_STORED = 'The session is not stored, or has ended: there is nothing to load or to save.'

const NEEDS_RESPONSE =
  'The response has begun, and the result would have to be sent as a cookie. Change the session before the first byte is written, or keep it in a store.'

/** Unknown is not absent: what is asked here has no page that could do without. */
const FRESH = { fresh: true, onStoreError: 'throw' } as const

/** The session of a request as it is stored now: for what comes after the response, and for `req.sessionStore`. */
export class StoredSession implements LiveSession {
  readonly #context: SessionsContext
  readonly #name: string
  readonly #of: { readonly ref: () => State['ref']; readonly cookie: () => Cookie }

  constructor(context: SessionsContext, name: string, of: { ref: () => State['ref']; cookie: () => Cookie }) {
    this.#context = context
    this.#name = name
    this.#of = of
  }

  /** A visit of its own. Rejects with `SessionClosedError` for one that was never stored, and `SessionGoneError` for one that has ended. */
  async visit(): Promise<Visit<Values>> {
    const ref = this.#of.ref()
    if (!ref) throw new SessionClosedError(NOT_STORED)
    const visit = this.#open(ref)
    if ((await visit.get(FRESH)).isNew) throw new SessionGoneError()
    return visit
  }

  async read(): Promise<object | null> {
    const ref = this.#of.ref()
    if (!ref) return null
    const { meta, values } = stateOf(await this.#open(ref).get(FRESH))
    const data = Object.entries(copyOf(values)).filter(([key]) => isShown(key))
    return meta && { cookie: this.#of.cookie().data, ...Object.fromEntries(data) }
  }

  async overwrite(given: object): Promise<void> {
    await this.change((session) => {
      for (const { key, text } of editsBetween(stateOf(session).values, given as Values))
        if (text === undefined) session.delete(key)
        else session.set(key, parseJson(text))
    })
  }

  /** Changes and saves it, without a response. Rejects where the result would have to be sent as a cookie. */
  async change(work: (session: Session<Values>) => void): Promise<void> {
    const visit = await this.visit()
    const session = await visit.get()
    const before = stateOf(session).ref?.cookie.text
    work(session)
    await visit.save()
    if (stateOf(session).ref?.cookie.text !== before) throw new SessionClosedError(NEEDS_RESPONSE)
  }

  /** Does nothing if it has ended already, or was never stored. By an older token, too: that ends what had a login. */
  async end(): Promise<void> {
    const ref = this.#of.ref()
    if (!ref) return
    if (!this.#context.backing.traits.revocable) throw new SessionClosedError(NEEDS_RESPONSE)
    const visit = this.#open(ref)
    ;(await visit.get(FRESH)).logout()
    await visit.save()
  }

  #open({ cookie }: NonNullable<State['ref']>): Visit<Values> {
    return new Visit<Values>(this.#context, { cookie: `${this.#name}=${cookie.text}` })
  }
}
