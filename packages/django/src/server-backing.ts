import { type Clock, type Entry, type Id, type Store, StoreError } from 'strongroom'
import {
  type Backing,
  type Calls,
  type ContentToSave,
  guardStore,
  latin1Of,
  type Refused,
  type VerifiedCookie,
} from 'strongroom/internal'
import { isSessionKey, newSessionKey, sessionId } from './engine.ts'
import type { ObjectNode } from './json/read.ts'
import type { DjangoRef, Records, Written } from './records.ts'
import type { SessionCodec } from './session-data.ts'
import { isDuplicate, withLifetime } from './transport.ts'
import { userIndex } from './user-index.ts'

export interface ServerBackingSettings {
  /** Its ids are session keys, its bytes are `session_data`, and that string is also the version. */
  readonly store: Store
  readonly records: Records
  readonly codec: SessionCodec
  readonly clock: Clock
  /** SESSION_COOKIE_AGE, in ms. */
  readonly cookieAge: number
  readonly timeout: number
  readonly calls: Calls | undefined
}

interface KeyCookie extends VerifiedCookie {
  readonly key: string
}

interface KeyRef extends DjangoRef {
  readonly cookie: KeyCookie
  readonly version: string
}

/** Sessions in Django's own storage: the cookie holds the session key, under which the signed data is stored. */
export function serverBacking({
  store: given,
  records,
  codec,
  clock,
  cookieAge,
  timeout,
  calls,
}: ServerBackingSettings): Backing {
  const store = guardStore(given, timeout, calls)

  const entryOf = ({ text, content, expiresAt }: Written): Entry => ({
    bytes: Buffer.from(text),
    expiresAt,
    owner: content.meta.userId,
    label: null,
    createdAt: clock(),
  })

  /** The cookie to send from now on. Django sends it again at each save, because its lifetime begins again. */
  const cookieOf = (key: string, document: ObjectNode): KeyCookie => ({
    id: sessionId(key),
    key,
    text: withLifetime(key, records.cookieLifetime(document)),
  })

  const refOf = (key: string, { text, document, content, expiresAt }: Written): KeyRef => ({
    cookie: cookieOf(key, document),
    version: text,
    expiresAt,
    document,
    content,
    hashIsOutdated: false,
  })

  async function create(content: ContentToSave, from: KeyRef | null): Promise<KeyRef> {
    const written = await records.write(content, from)
    const key = newSessionKey()
    if (await store.create(key as Id, entryOf(written))) return refOf(key, written)
    throw new StoreError('The store refused a new session because its key is taken.')
  }

  return {
    traits: given.traits,
    stampsLogins: true,

    verify(text): KeyCookie | Refused {
      if (isDuplicate(text)) return { refused: 'duplicate' }
      return isSessionKey(text) ? { id: sessionId(text), text, key: text } : { refused: 'malformed' }
    },

    async load(cookie) {
      const found = await store.read(keyOf(cookie))
      if (!found) return null
      const data = codec.decode(latin1Of(found.entry.bytes))
      if ('refused' in data) return data
      const { expiresAt } = found.entry
      return records.read(data.document, expiresAt, { cookie, version: found.version, expiresAt })
    },

    create: (content) => create(content, null),

    /** As Django's cycle_key(): the same data under another key. */
    async renew(ref, content): Promise<KeyRef | null> {
      const { cookie, version } = ref as KeyRef
      const renewed = await create(content, ref as KeyRef)
      if (await store.delete(keyOf(cookie), version)) return renewed
      // It has changed or ended in between, and what was copied of it must not remain beside it.
      await store.delete(keyOf(renewed.cookie))
      return null
    },

    async update(ref, content): Promise<KeyRef | null> {
      const { cookie, version } = ref as KeyRef
      const written = await records.write(content, ref as KeyRef)
      const updated = await store.update(keyOf(cookie), entryOf(written), version)
      return updated === null ? null : refOf(cookie.key, written)
    },

    async touch(ref) {
      const { cookie, document, version } = ref as KeyRef
      const expiresAt = records.endOf(document, clock())
      if (!(await store.touch(keyOf(cookie), expiresAt, version))) return null
      return { ...ref, cookie: cookieOf(cookie.key, document), expiresAt }
    },

    end: (ref) => store.delete(keyOf(ref.cookie)),
    empty: (ref) => store.delete(keyOf(ref.cookie), (ref as KeyRef).version),
    discard: (ref) => store.delete(keyOf(ref.cookie)),
    replace: (ref) => store.delete(keyOf(ref.cookie), (ref as KeyRef).version),
    replaceAny: (ref) => store.delete(keyOf(ref.cookie)),
    forget: () => undefined,
    users: userIndex(given, store, { clock, cookieAge }),
  }
}

const keyOf = (cookie: VerifiedCookie) => (cookie as KeyCookie).key as Id
