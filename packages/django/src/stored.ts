import { type Clock, type Entry, type Id, type Store, StoreError } from 'strongroom'
import { type Backing, guardStore, type Refused, type Ticket } from 'strongroom/internal'
import type { ObjectNode } from './json/read.ts'
import { idOf, isKey, newKey } from './key.ts'
import type { DjangoHeld, Records, Written } from './records.ts'
import type { SessionCodec } from './session-data.ts'
import { isDuplicate, sent } from './transport.ts'

export interface StoredSettings {
  /** Knows sessions by their keys; its bytes are `session_data`, and that text is its version. */
  readonly store: Store
  readonly records: Records
  readonly codec: SessionCodec
  readonly clock: Clock
  readonly timeout: number
}

interface KeyTicket extends Ticket {
  readonly key: string
}

interface KeyHeld extends DjangoHeld {
  readonly cookie: KeyTicket
  readonly version: string
}

/** Sessions in Django's own storage: the cookie holds the key under which the signed data lies. */
export function djangoStored({ store: given, records, codec, clock, timeout }: StoredSettings): Backing {
  const store = guardStore(given, timeout)

  const entryOf = ({ text, expiresAt }: Written): Entry => ({
    bytes: Buffer.from(text),
    expiresAt,
    owner: null,
    label: null,
    createdAt: clock(),
  })

  /** With what the cookie is to be from now on: Django sends it again at each save, for its life begins anew. */
  const ticketOf = (key: string, document: ObjectNode): KeyTicket => ({
    id: idOf(key),
    key,
    text: sent(key, records.cookieLife(document)),
  })

  const heldOf = (key: string, { text, document, content, expiresAt }: Written): KeyHeld => ({
    cookie: ticketOf(key, document),
    version: text,
    expiresAt,
    document,
    content,
    restamp: false,
  })

  return {
    traits: given.traits,

    verify(text): KeyTicket | Refused {
      if (isDuplicate(text)) return { refused: 'duplicate' }
      return isKey(text) ? { id: idOf(text), text, key: text } : { refused: 'malformed' }
    },

    async load(ticket) {
      const found = await store.read(keyOf(ticket))
      if (!found) return null
      const data = codec.decode(textOf(found.entry))
      if ('refused' in data) return data
      const { expiresAt } = found.entry
      return records.read(data.document, expiresAt, { cookie: ticket, version: found.version, expiresAt })
    },

    async create(content, _expiresAt, renewing): Promise<KeyHeld> {
      const written = await records.write(content, (renewing as KeyHeld | undefined) ?? null)
      const key = newKey()
      if (await store.create(key as Id, entryOf(written))) return heldOf(key, written)
      throw new StoreError('The store refused a new session: its key is taken.')
    },

    async update(held, content): Promise<KeyHeld | null> {
      const { cookie: ticket, version } = held as KeyHeld
      const written = await records.write(content, held as KeyHeld)
      const put = await store.update(keyOf(ticket), entryOf(written), version)
      return put === null ? null : heldOf(ticket.key, written)
    },

    async touch(held) {
      const { cookie: ticket, document } = held as KeyHeld
      const expiresAt = records.endOf(document, clock())
      if (!(await store.touch(keyOf(ticket), expiresAt))) return null
      return { ...held, cookie: ticketOf(ticket.key, document), expiresAt }
    },

    end: (held, version) => store.delete(keyOf(held.cookie), version ?? undefined),
    // Django keeps no index of a user's sessions: a change of the password is what ends them all.
    users: { spares: true },
  }
}

const keyOf = (ticket: Ticket) => (ticket as KeyTicket).key as Id
const textOf = (entry: Entry) => Buffer.from(entry.bytes).toString('latin1')
