/**
 * Syncs directories. At most one sync of a directory is under way, and all that are asked for in the meantime share the next one:
 * the one under way may have missed their changes.
 */
export class DirectorySyncs {
  readonly #sync: (directory: string) => Promise<void>
  readonly #current = new Map<string, Promise<void>>()
  readonly #next = new Map<string, Promise<void>>()

  constructor(sync: (directory: string) => Promise<void>) {
    this.#sync = sync
  }

  /** Resolves when every change that was made before this call is on the disk. */
  sync(directory: string): Promise<void> {
    const current = this.#current.get(directory)
    if (!current) return this.#begin(directory)
    const next = this.#next.get(directory) ?? this.#beginAfter(current, directory)
    this.#next.set(directory, next)
    return next
  }

  async #beginAfter(current: Promise<void>, directory: string): Promise<void> {
    // Its failure is told to those who asked for it.
    await current.catch(() => {})
    this.#next.delete(directory)
    return this.#begin(directory)
  }

  #begin(directory: string): Promise<void> {
    const current = this.#sync(directory).finally(() => this.#current.delete(directory))
    this.#current.set(directory, current)
    return current
  }
}
