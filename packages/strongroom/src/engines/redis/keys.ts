import type { Id } from '../../crypto/token.ts'

const HEX = /^[0-9a-f]{64}$/
const INDEX = ':owner'

export type Found = { readonly id: Id } | { readonly owner: string }

/**
 * The names of everything under one prefix. A session's key ends in hexadecimal and no other does, and what is read back is
 * compared as a whole: a store whose prefix begins with another store's prefix has no key that the other takes for its own.
 */
export class Keys {
  readonly channel: string
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
    this.channel = `${prefix}changes`
  }

  session(id: Id): string {
    return this.#prefix + id
  }

  index(owner: string): string {
    return this.#prefix + owner + INDEX
  }

  lease(name: string): string {
    return `${this.#prefix}${name}:lease`
  }

  /**
   * For SCAN, which takes `*`, `?`, `[`, `]` and `\` for more than themselves. `before` is what the client puts before keys
   * by itself, but not before what it scans for, nor does it take it off.
   */
  pattern(before: string): string {
    return `${(before + this.#prefix).replace(/[*?[\]\\]/g, '\\$&')}*`
  }

  /** What a scanned key is; null when it is neither a session nor an index of this store. */
  parse(key: string, before: string): Found | null {
    if (!key.startsWith(before + this.#prefix)) return null
    const name = key.slice(before.length + this.#prefix.length)
    if (HEX.test(name)) return { id: name as Id }
    const owner = name.endsWith(INDEX) ? name.slice(0, -INDEX.length) : ''
    return HEX.test(owner) ? { owner } : null
  }
}
