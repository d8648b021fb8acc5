import type { Id } from '../crypto/token.ts'
import type { RevokeReason } from '../events.ts'

/** Sessions that this process has ended: one, or all of a user but one. `login`: another session has taken its place. */
export type OwnEnd = { readonly reason: RevokeReason | 'login' } & (
  | { readonly id: Id }
  | { readonly userId: string; readonly except: Id | null }
)

type EndListener = (end: OwnEnd) => void

/** Tells those who hold connections open of each session that this process has ended, immediately after it has. */
export class OwnEnds {
  readonly #listeners = new Set<EndListener>()

  tell(end: OwnEnd): void {
    for (const listener of this.#listeners) listener(end)
  }

  /** The listener must not throw. Returns what removes it. */
  listen(listener: EndListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
