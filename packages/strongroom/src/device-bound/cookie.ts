import { stringifySetCookie } from 'cookie'
import type { DeviceCookieFault } from '../backing/backing.ts'
import type { BindingFacts } from '../context.ts'
import { openValue, signValue } from '../crypto/signed-value.ts'
import type { Id } from '../crypto/token.ts'
import { valuesOf } from '../http/cookie.ts'
import { type HeaderSource, header } from '../http/headers.ts'
import type { DeviceKey } from '../session/bound.ts'
import { purposeOf } from './purpose.ts'

/** The cookie that a browser gets for a proof, beside the session cookie. */
export interface DeviceCookie {
  readonly name: string
  /** Its attributes as the browser is told them: it must find exactly these in the Set-Cookie lines (Chromium 156). */
  readonly attributes: string
  /** Good for one session and key, from the proof on. */
  set(id: Id, key: DeviceKey): string
  clear(): string
  /** When the proof was made that the header's cookie for this session and key is of, in ms; or what is wrong with that cookie. */
  provedAt(cookies: string, id: Id, key: DeviceKey): number | DeviceCookieFault
  isIn(headers: HeaderSource): boolean
}

interface DeviceCookieOptions {
  readonly name: string
  readonly sameSite: 'lax' | 'strict' | 'none'
  /** In ms. */
  readonly lives: number
}

/** A request that was sent while the browser had the cookie may take this long, in ms. */
const ON_THE_WAY = 10_000

/** An attacker's subdomain cannot set a cookie with this prefix, but a browser that was tampered with can send hundreds. */
const MOST_TRIED = 4

interface Known {
  readonly text: string
  readonly at: number
  readonly until: number
}

export function deviceCookie(
  { name, sameSite, lives }: DeviceCookieOptions,
  { ring, clock, namespace, transport }: BindingFacts,
): DeviceCookie {
  const shared = { name, httpOnly: true, secure: true, sameSite, path: '/' }
  const start = `${name}=`
  const attributes = stringifySetCookie({ ...shared, value: '' }).slice(start.length + 2)
  const purpose = (id: Id, key: DeviceKey) =>
    purposeOf(namespace ?? transport.name, 'device cookie', [id, key.id, key.jwk])
  /**
   * What was good for a key a moment ago: a request then costs a comparison. The memo of sessions hands out the same key as long as it is
   * stored like this.
   */
  const known = new WeakMap<DeviceKey, Known>()

  /** Null if it never was good. */
  function opened(text: string, id: Id, key: DeviceKey): Known | null {
    const before = known.get(key)
    if (before?.text === text) return before
    const value = openValue(ring, purpose(id, key), text)
    if (typeof value === 'string') return null
    const now = { text, at: value.signedAt, until: value.deadline }
    known.set(key, now)
    return now
  }

  return {
    name,
    attributes,
    set(id, key) {
      // Of the proof, and not of this moment: a proof that is sent again must not be worth more than it was.
      const deadline = key.at + lives
      const value = signValue(ring, purpose(id, key), { text: '', signedAt: key.at, deadline })
      const maxAge = Math.max(0, Math.ceil((deadline - clock()) / 1000))
      return stringifySetCookie({ ...shared, value, maxAge })
    },
    clear: () => stringifySetCookie({ ...shared, value: '', maxAge: 0, expires: new Date(0) }),
    provedAt(cookies, id, key) {
      const texts = valuesOf(cookies, start).slice(0, MOST_TRIED)
      if (texts.length === 0) return 'missing'
      const ours = texts.flatMap((text) => opened(text, id, key) ?? [])
      if (ours.length === 0) return 'forged'
      const good = ours.filter(({ until }) => clock() < until + ON_THE_WAY)
      return good.length === 0 ? 'expired' : Math.max(...good.map(({ at }) => at))
    },
    isIn: (headers) => valuesOf(header(headers, 'cookie') ?? '', start).length > 0,
  }
}
