/** What the engine next to this file needs from a document database. DynamoDB, Firestore, MongoDB, CouchDB and others have it. */
export interface Documents<Document> {
  get(key: string): Promise<{ readonly document: Document; readonly revision: number } | null>
  /** Replaces this revision (null: nothing) by a document (null: removes it), or does nothing and resolves to false. */
  put(key: string, document: Document | null, over: number | null): Promise<boolean>
  /** Keys after `after`, in order. */
  keys(after: string, limit: number): Promise<string[]>
  /** Keys of the documents with this owner, from an index. */
  keysOf(owner: string): Promise<string[]>
}

/** A toy of such a database, in this process. */
export class ToyDocuments<Document extends { readonly owner: string | null }> implements Documents<Document> {
  readonly #entries = new Map<string, { document: Document; revision: number }>()
  #revision = 0
  #down = false

  async get(key: string) {
    return structuredClone(this.#reached().get(key) ?? null)
  }

  async put(key: string, document: Document | null, over: number | null) {
    if ((this.#reached().get(key)?.revision ?? null) !== over) return false
    if (document === null) this.#entries.delete(key)
    else this.#entries.set(key, structuredClone({ document, revision: ++this.#revision }))
    return true
  }

  async keys(after: string, limit: number) {
    const keys = [...this.#reached().keys()].filter((key) => key > after)
    return keys.sort().slice(0, limit)
  }

  async keysOf(owner: string) {
    return [...this.#reached()].filter(([, { document }]) => document.owner === owner).map(([key]) => key)
  }

  /** Makes every later call fail. */
  stop(): void {
    this.#down = true
  }

  #reached() {
    if (this.#down) throw new Error('connection refused')
    return this.#entries
  }
}
