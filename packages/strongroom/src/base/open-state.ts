import { StoreError } from '../errors.ts'

/** Whether a store, or a connection, is still open: a call after `close()` is an error, never a call to something new. */
export class OpenState {
  #closed = false

  get isClosed(): boolean {
    return this.#closed
  }

  /** False when it was closed before. */
  close(): boolean {
    const first = !this.#closed
    this.#closed = true
    return first
  }

  /** Throws `StoreError` after `close()`. */
  assertOpen(): void {
    if (this.#closed) throw storeClosed()
  }
}

/** For callers that reject instead of throwing. */
export const storeClosed = (): StoreError => new StoreError('The session store was used after it was closed.')
