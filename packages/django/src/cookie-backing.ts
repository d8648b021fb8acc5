import type { Clock, Traits } from 'strongroom'
import { type Backing, type Refused, refuseOver, type VerifiedCookie } from 'strongroom/internal'
import { sessionId } from './engine.ts'
import type { DjangoRef, Records, Written } from './records.ts'
import type { SessionCodec, SessionData } from './session-data.ts'
import { isDuplicate, LONGEST_COOKIE, withLifetime } from './transport.ts'

export interface CookieBackingSettings {
  readonly records: Records
  readonly codec: SessionCodec
  readonly cookieName: string
  /** SESSION_COOKIE_AGE, in ms. Django itself checks nothing else, whatever `_session_expiry` says. */
  readonly cookieAge: number
  readonly clock: Clock
}

interface SignedCookie extends VerifiedCookie {
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

/** Browsers drop a cookie whose name and value together are longer (RFC 6265bis §5.6). Django does not check. */
const LIMIT = 4096

const WITHOUT_STORE =
  "signed cookies can be neither listed nor revoked. To end all of a user's sessions, change the user's password."

/** Django's signed_cookies backend: the session is in the cookie, readable to its owner, and cannot be revoked. */
export function cookieBacking({ records, codec, cookieName, cookieAge, clock }: CookieBackingSettings): Backing {
  function refOf({ text, document, content, expiresAt }: Written): DjangoRef {
    refuseOver(LIMIT, cookieName.length + text.length, content.data, 'a cookie')
    const cookie: SignedCookie = {
      id: sessionId(text),
      text: withLifetime(text, records.cookieLifetime(document)),
      data: { document, signedAt: clock() },
    }
    return { cookie, version: null, document, content, expiresAt, hashIsOutdated: false }
  }

  return {
    traits: COOKIE_TRAITS,
    stampsLogins: true,

    verify(text): SignedCookie | Refused {
      if (isDuplicate(text)) return { refused: 'duplicate' }
      const data = text.length > LONGEST_COOKIE ? ({ refused: 'malformed' } as const) : codec.decode(text)
      return 'refused' in data ? data : { id: sessionId(text), text, data }
    },

    async load(cookie) {
      const { data } = cookie as SignedCookie
      const signedAt = data.signedAt ?? 0
      const expiresAt = Math.min(records.endOf(data.document, signedAt), signedAt + cookieAge)
      // As in Django, exactly at the limit is not too old.
      if (clock() > expiresAt) return { expired: 'idle' }
      return records.read(data.document, expiresAt, { cookie, version: null, expiresAt })
    },

    create: async (content) => refOf(await records.write(content, null)),
    renew: async (ref, content) => refOf(await records.write(content, ref as DjangoRef)),
    update: async (ref, content) => refOf(await records.write(content, ref as DjangoRef)),
    touch: async (ref) => {
      const { content } = ref as DjangoRef
      return refOf(await records.write(content, ref as DjangoRef))
    },
    end: async () => true,
    empty: async () => true,
    discard: async () => true,
    replace: async () => true,
    replaceAny: async () => true,
    forget: () => undefined,
    users: { storesSurvivor: false, advice: { list: WITHOUT_STORE, endAll: WITHOUT_STORE } },
  }
}
