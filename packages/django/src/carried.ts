import type { Clock, Traits } from 'strongroom'
import { type Backing, type Refused, refuseOver, type Ticket } from 'strongroom/internal'
import { idOf } from './key.ts'
import type { DjangoHeld, Records, Written } from './records.ts'
import type { SessionCodec, SessionData } from './session-data.ts'
import { isDuplicate, sent } from './transport.ts'

export interface CarriedSettings {
  readonly records: Records
  readonly codec: SessionCodec
  readonly cookieName: string
  /** SESSION_COOKIE_AGE, in ms. Django itself looks at nothing else, whatever `_session_expiry` says. */
  readonly cookieAge: number
  readonly clock: Clock
}

interface Carriage extends Ticket {
  readonly data: SessionData
}

export const COOKIE_TRAITS: Traits = {
  engine: 'django (signed_cookies)',
  durable: 'no',
  shared: 'network',
  expiresByItself: true,
  granularity: 1000,
  sizeLimit: 4096,
  evicts: true,
  revocable: false,
}

/** Browsers drop a cookie whose name and value are together longer (RFC 6265bis §5.6). Django does not look. */
const LIMIT = 4096
/** Longer than any that a browser keeps; looked at before the signature, for a header can be much longer. */
const LONGEST_TEXT = 8192

/** Django's signed_cookies: the session in the cookie, readable to its owner, and not to be taken back. */
export function djangoCarried({ records, codec, cookieName, cookieAge, clock }: CarriedSettings): Backing {
  function heldOf({ text, document, content, expiresAt }: Written): DjangoHeld {
    refuseOver(LIMIT, cookieName.length + text.length, content.data, 'a cookie')
    const ticket: Carriage = {
      id: idOf(text),
      text: sent(text, records.cookieLife(document)),
      data: { document, signedAt: clock() },
    }
    return { cookie: ticket, version: null, document, content, expiresAt, restamp: false }
  }

  return {
    traits: COOKIE_TRAITS,

    verify(text): Carriage | Refused {
      if (isDuplicate(text)) return { refused: 'duplicate' }
      const data = text.length > LONGEST_TEXT ? ({ refused: 'malformed' } as const) : codec.decode(text)
      return 'refused' in data ? data : { id: idOf(text), text, data }
    },

    async load(ticket) {
      const { data } = ticket as Carriage
      const signedAt = data.signedAt ?? 0
      const expiresAt = Math.min(records.endOf(data.document, signedAt), signedAt + cookieAge)
      // Exactly as old as is allowed is not too old, as for Django.
      if (clock() > expiresAt) return { expired: 'idle' }
      return records.read(data.document, expiresAt, { cookie: ticket, version: null, expiresAt })
    },

    create: async (content, _expiresAt, renewing) =>
      heldOf(await records.write(content, (renewing as DjangoHeld | undefined) ?? null)),
    update: async (held, content) => heldOf(await records.write(content, held as DjangoHeld)),
    touch: async (held) => {
      const { content } = held as DjangoHeld
      return heldOf(await records.write(content, held as DjangoHeld))
    },
    end: async () => true,
    users: { spares: false },
  }
}
