import { asBuffer, lastingCopy, type Pieces } from '../base/bytes.ts'
import { parseJson } from '../base/json.ts'
import { Memo } from '../base/memo.ts'
import type { LiveKeyring, Master } from '../crypto/keyring.ts'
import { type RecordHeader, type RecordRefusal, type Seal, sealedUnder, type TokenFacts } from '../crypto/seal.ts'
import type { Id, VerifiedToken } from '../crypto/token.ts'
import { decodeContent, type Parsed } from '../session/content.ts'
import type { Entry } from '../store.ts'
import { type ContentToSave, expiryOf } from './backing.ts'

export interface OpenedSession extends Parsed, Pick<RecordHeader, 'renewedAt' | 'pointer'> {}

/** What an entry says of a session beside its record. */
export interface Stored extends Pick<Entry, 'owner' | 'expiresAt'>, TokenFacts {}

/** Converts sessions to the bytes that are stored, and back. */
export interface Records {
  /** `payload` is the encoded `content`, which is remembered; null is not. */
  seal(payload: Pieces, content: ContentToSave | null, token: VerifiedToken, stored: Stored): Buffer
  open(
    entry: Pick<Entry, 'bytes' | 'owner' | 'expiresAt'>,
    token: VerifiedToken,
  ): OpenedSession | { readonly refused: RecordRefusal }
  /** Forgets what is remembered of a session that has ended. */
  forget(id: Id): void
  /** The same for all sessions of an owner, but for one. */
  forgetOwner(owner: string, except?: Id): void
  /** The same for those that had expired by `now` when they were last seen: their visitors may never come back. */
  forgetExpired(now: number): void
}

/** What a record contains. `values` are parsed when they are first asked for, and shared from then on. */
class OpenedRecord implements OpenedSession {
  readonly bytes: Buffer
  /** The cookie that opened it: one that was superseded has the same id. */
  readonly cookie: string
  readonly renewedAt: number
  readonly pointer?: OpenedSession['pointer']
  /** The one that the session began under, and the one that its record is sealed under, if it is sealed. */
  readonly masters: readonly (Master | undefined)[]
  readonly owner: string | null
  /** As it was last seen. A touch that this process has not seen may have moved it. */
  expiresAt: number
  readonly meta: Parsed['meta']
  readonly data: string
  #values: Parsed['values'] | undefined

  constructor(
    { bytes, cookie, renewedAt, pointer }: Pick<OpenedRecord, 'bytes' | 'cookie'> & TokenFacts,
    masters: OpenedRecord['masters'],
    { owner, expiresAt }: Pick<OpenedRecord, 'owner' | 'expiresAt'>,
    content: ContentToSave,
  ) {
    this.bytes = bytes
    this.cookie = cookie
    this.renewedAt = renewedAt
    this.pointer = pointer ?? undefined
    this.masters = masters
    this.owner = owner
    this.expiresAt = expiresAt
    this.meta = content.meta
    this.data = content.data
    this.#values = content.values
  }

  get values(): Parsed['values'] {
    this.#values ??= parseJson(this.data) as Parsed['values']
    return this.#values
  }
}

/**
 * What a session of so many sealed bytes takes in the memo: an estimate, because counting values takes longer than it is worth. measured, the record, its JSON and its values take 3.5 times
 * the record's length where most of a session is strings, 7 times in a list of tiny objects, 13 times with keys that no other
 * session has, and at most 30 times where it is nothing but brackets.
 */
export const weightOf = (length: number): number => 6 * length + 512

/**
 * Remembers the contents of the records that were opened last, in at most `limit` bytes; 0 remembers nothing. A record is
 * recognized only when every byte of it and of the cookie is the same, so an altered one is always opened and always refused, and
 * so is one whose cookie was superseded. The price: the process's memory holds some sessions in the clear.
 */
export function createRecords(seal: Seal, ring: LiveKeyring, limit: number): Records {
  const memo = new Memo<OpenedRecord>(limit)

  // A secret that was removed must stop opening immediately, and what it has opened must not be left in memory.
  ring.onReplaced(() => memo.deleteWhere(({ masters }) => masters.some((one) => one && ring.get(one.kid) !== one)))

  function masterOf(bytes: Buffer): Master | undefined {
    const kid = sealedUnder(bytes)
    return kid === null ? undefined : ring.get(kid)
  }

  function remember({ id, text, master }: VerifiedToken, given: Buffer, stored: Stored, content: ContentToSave): void {
    if (limit === 0) return
    // A copy of the bytes, because the caller may reuse its own.
    const opened = { bytes: lastingCopy(given), cookie: text, renewedAt: stored.renewedAt, pointer: stored.pointer }
    memo.set(id, new OpenedRecord(opened, [master, masterOf(given)], stored, content), weightOf(given.length))
  }

  return {
    seal(payload, content, token, stored) {
      const bytes = seal.seal(payload, token, stored.owner, stored.renewedAt, stored.pointer)
      if (content !== null) remember(token, bytes, stored, content)
      return bytes
    },
    open({ bytes: given, owner, expiresAt }, token) {
      const bytes = asBuffer(given)
      const known = memo.get(token.id)
      if (known && known.owner === owner && known.cookie === token.text && known.bytes.equals(bytes)) {
        known.expiresAt = expiresAt
        return known
      }
      const opened = seal.open(bytes, token, owner)
      if ('refused' in opened) return opened
      const content = decodeContent(opened.payload)
      if (!content) return { refused: 'malformed' }
      const { renewedAt, pointer } = opened
      const facts = pointer ? { renewedAt, pointer } : { renewedAt }
      remember(token, bytes, { owner, expiresAt, ...facts }, content)
      return Object.assign(content, facts)
    },
    forget: (id) => memo.delete(id),
    forgetOwner: (owner, except) => memo.deleteWhere((record, id) => record.owner === owner && id !== except),
    forgetExpired: (now) => memo.deleteWhere(({ expiresAt, meta }) => expiryOf(now, expiresAt, meta.deadline) !== null),
  }
}
