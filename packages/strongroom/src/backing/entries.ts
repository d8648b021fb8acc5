import { lengthOf } from '../base/bytes.ts'
import type { Aead } from '../crypto/aead.ts'
import type { LiveKeyring } from '../crypto/keyring.ts'
import { ownerTag } from '../crypto/owner.ts'
import { sealLabel, type TokenFacts } from '../crypto/seal.ts'
import type { Id, VerifiedToken } from '../crypto/token.ts'
import { type Content, encodeContent, type Meta } from '../session/content.ts'
import type { Clock, Entry, Version } from '../store.ts'
import { type ContentToSave, refuseOver, type SessionRef } from './backing.ts'
import type { Records } from './records.ts'

/** A session in a store, as a commit refers to it. */
export interface RecordRef extends SessionRef, TokenFacts {
  readonly cookie: VerifiedToken
  readonly owner: string | null
  readonly label: Uint8Array | null
}

/** What is stored already, and is written again. */
export interface Written {
  readonly content: Content
  readonly ref: RecordRef
}

export interface EntriesOptions {
  readonly records: Records
  readonly ring: LiveKeyring
  readonly namespace: string
  readonly aead: Aead
  readonly clock: Clock
  /** Most bytes of payload. */
  readonly limit: number
}

/** Makes the entries in which sessions are stored. */
export function createEntries({ records, ring, namespace, aead, clock, limit }: EntriesOptions) {
  const now = () => Math.floor(clock() / 1000)

  function labelFor(token: VerifiedToken, meta: Meta, was: Written | undefined): Uint8Array | null {
    const own = ownLabel(token)
    if (own) return own
    return was && hasSameLabel(was.content.meta, meta) ? was.ref.label : sealedLabel(meta, token.id)
  }

  function sealedLabel(meta: Meta, id: Id): Uint8Array | null {
    const { userId, label: text, idle, deadline, stamp, address } = meta
    if (userId === null) return null
    return sealLabel(aead, { text, idle, deadline, stamp, address, bound: isBound(meta) }, ring.current, id)
  }

  return {
    /** In whole seconds since 1970. */
    now,
    /** What a write stores. The owner stays for life; the label is made again only when what it says has changed. */
    entryFor(
      token: VerifiedToken,
      content: ContentToSave,
      expiresAt: number,
      was: Written | undefined,
      { renewedAt, pointer }: TokenFacts,
    ): Entry {
      const { meta } = content
      const payload = encodeContent(content)
      // A character has at most three bytes as UTF-8. Most sessions are far below the limit, and need not be counted.
      if (3 * (payload[0].length + payload[1].length) > limit)
        refuseOver(limit, lengthOf(payload), content.data, 'its store')
      const { userId } = meta
      const owner = was ? was.ref.owner : userId === null ? null : ownerTag(token.master, namespace, userId)
      const label = labelFor(token, meta, was)
      // A new session is remembered when its visitor comes back with it: most of those that robots begin are never seen again,
      // and would push out the ones that are.
      const bytes = records.seal(payload, was ? content : null, token, { owner, expiresAt, renewedAt, pointer })
      return { bytes, expiresAt, owner, label, createdAt: meta.createdAt }
    },
  }
}

export const refTo = (
  cookie: VerifiedToken,
  { expiresAt, owner, label }: Pick<Entry, 'expiresAt' | 'owner' | 'label'>,
  { renewedAt, pointer }: TokenFacts,
  version: Version | null,
): RecordRef => {
  const ref = {
    cookie,
    version,
    expiresAt,
    owner,
    // A mark's own label is not that of the session that is stored in its place.
    label: label?.length === 1 ? null : label,
    renewedAt,
  }
  return pointer ? { ...ref, pointer } : ref
}

/** Of an entry of the library itself, which is sealed like a session. */
interface OwnToken extends VerifiedToken {
  readonly label: Uint8Array
}

export const ownLabel = (token: VerifiedToken): Uint8Array | null => (token as Partial<OwnToken>).label ?? null

const isBound = ({ bound }: Pick<Meta, 'bound'>): boolean => bound?.key !== undefined

const hasSameLabel = (a: Meta, b: Meta): boolean =>
  a.label === b.label &&
  a.idle === b.idle &&
  a.deadline === b.deadline &&
  a.stamp === b.stamp &&
  a.address === b.address &&
  isBound(a) === isBound(b)
