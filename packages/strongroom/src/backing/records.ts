import { asBuffer } from '../base/bytes.ts'
import { Memo } from '../base/memo.ts'
import type { Keyring, Master } from '../crypto/keyring.ts'
import { createSeal, type SealName, sealedUnder } from '../crypto/seal.ts'
import type { Id, VerifiedToken } from '../crypto/token.ts'
import { decodeContent, type Parsed } from '../session/content.ts'
import type { ContentToSave, Refused } from './backing.ts'

/** Turns sessions into the bytes that rest in a store, and back. */
export interface Records {
  /** `payload` is the text of `content`. */
  seal(payload: string, content: ContentToSave, claim: VerifiedToken, owner: string | null): Buffer
  open(bytes: Uint8Array, claim: VerifiedToken, owner: string | null): Parsed | Refused
  /** Forgets what is remembered of a session that has ended. */
  forget(id: Id): void
}

/** What a record said. `values` are parsed when they are first asked for, and then shared. */
class Known implements Parsed {
  readonly bytes: Buffer
  readonly master: Master | undefined
  readonly owner: string | null
  readonly meta: Parsed['meta']
  readonly data: string
  #values: Parsed['values'] | undefined

  constructor(bytes: Buffer, master: Master | undefined, owner: string | null, { meta, data, values }: ContentToSave) {
    this.bytes = bytes
    this.master = master
    this.owner = owner
    this.meta = meta
    this.data = data
    this.#values = values
  }

  get values(): Parsed['values'] {
    this.#values ??= JSON.parse(this.data) as Parsed['values']
    return this.#values
  }
}

/**
 * Remembers what the last opened records said, in at most `limit` bytes; 0 remembers nothing. A record is known again only
 * when every byte of it is the same, so an altered one is always opened and always refused. What this costs: the process's
 * memory holds some sessions in the clear.
 */
export function createRecords(name: SealName, ring: Keyring, limit: number): Records {
  const seal = createSeal(name, ring)
  const memo = new Memo<Known>(limit)

  function masterOf(bytes: Buffer): Master | undefined {
    const kid = sealedUnder(bytes)
    return kid === null ? undefined : ring.get(kid)
  }

  function remember(id: Id, bytes: Buffer, owner: string | null, content: ContentToSave): void {
    if (limit === 0) return
    // A copy of the bytes, for the other one is in somebody else's hands. Text and parsed values take about as much again,
    // five times over.
    memo.set(id, new Known(Buffer.from(bytes), masterOf(bytes), owner, content), 6 * bytes.length + 512)
  }

  return {
    seal(payload, content, claim, owner) {
      const bytes = seal.seal(payload, claim, owner)
      remember(claim.id, bytes, owner, content)
      return bytes
    },
    open(given, claim, owner) {
      const bytes = asBuffer(given)
      const known = memo.get(claim.id)
      // A master that was taken out of the ring must stop opening at once.
      if (known && known.owner === owner && known.bytes.equals(bytes) && known.master === masterOf(bytes)) return known
      const payload = seal.open(bytes, claim, owner)
      if (typeof payload !== 'string') return payload
      const content = decodeContent(payload)
      if (!content) return { refused: 'malformed' }
      remember(claim.id, bytes, owner, content)
      return content
    },
    forget: (id) => memo.delete(id),
  }
}
