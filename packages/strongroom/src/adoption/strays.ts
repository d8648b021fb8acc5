import { createHash } from 'node:crypto'

/** So many visitors of the old application, and none of its sessions, are no coincidence. */
const MANY = 20

/**
 * Cookies of express-session that lead to nothing. A wrong secret or prefix signs everybody out, for good, and nothing else would say so:
 * each of these cookies may be an old one. So one warning comes if there were many, and no other.
 */
export class Strays {
  readonly #unsigned = new Set<string>()
  readonly #absent = new Set<string>()
  #mayWarn = true
  #isSecretRight = false

  /** A cookie that has the form, and that no secret has signed. */
  unsigned(value: string): void {
    if (!this.#isSecretRight) this.#note(this.#unsigned, value, WRONG_SECRET)
  }

  /** A cookie that a secret has signed. */
  signed(): void {
    this.#isSecretRight = true
  }

  /** An id that a secret has signed, and that the store does not know. */
  absent(sid: string): void {
    this.#note(this.#absent, sid, WRONG_STORE)
  }

  /** The store has a record. */
  found(): void {
    this.#mayWarn = false
  }

  #note(strays: Set<string>, value: string, warning: string): void {
    if (!this.#mayWarn) return
    // One visitor with many requests is one. What a memory dump shows opens nothing.
    strays.add(createHash('sha256').update(value).digest('base64url'))
    if (strays.size < MANY) return
    this.#mayWarn = false
    for (const each of [this.#unsigned, this.#absent]) each.clear()
    process.emitWarning(warning, { code: 'STRONGROOM_ADOPT_FROM' })
  }
}

const WRONG_SECRET = `adoptFrom: ${MANY} visitors came with a cookie of express-session, and none of them is signed with a secret of expressSession(), so nobody stays signed in. Compare its secret with that of the old application, where it may also be a list.`
const WRONG_STORE = `adoptFrom: ${MANY} visitors came with a cookie that express-session has signed, and the store of expressSession() knows the session of none of them, so nobody stays signed in. Compare its server, database, prefix or table with those of the old application; unless all of its sessions have ended by now.`
