import { type SetCookie, stringifySetCookie } from 'cookie'

/** What `cookie` of a session may be given, as express-session's option of that name. Lengths in ms. */
export interface CookieAttributes {
  readonly maxAge?: number | null | undefined
  readonly expires?: Date | false | null | undefined
  readonly originalMaxAge?: number | null | undefined
  readonly path?: string | undefined
  readonly domain?: string | undefined
  readonly httpOnly?: boolean | undefined
  readonly secure?: boolean | undefined
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined
  readonly partitioned?: boolean | undefined
  readonly priority?: 'low' | 'medium' | 'high' | undefined
}

/** The attributes that are stored with a session when they are its own. */
export const OWN_ATTRIBUTES = [
  'originalMaxAge',
  'path',
  'domain',
  'httpOnly',
  'secure',
  'sameSite',
  'partitioned',
  'priority',
] as const

/** Throws `TypeError` for what is no cookie, or has no length of life. */
export function assertCookie(cookie: unknown): void {
  if (!(cookie instanceof Cookie))
    throw new TypeError(
      'req.session.cookie was replaced. Set its properties instead, such as req.session.cookie.maxAge.',
    )
  const { originalMaxAge, _expires: expires } = cookie
  const isLength = originalMaxAge == null || Number.isFinite(originalMaxAge) || originalMaxAge === (false as never)
  const isMoment = !expires || (expires instanceof Date && !Number.isNaN(expires.getTime()))
  if (!isLength || !isMoment)
    throw new TypeError('req.session.cookie has a maxAge that is no number, or an expires that is no Date.')
}

/** Without the value, which may be a visitor's, in its error. */
function written(cookie: SetCookie): string {
  try {
    return stringifySetCookie(cookie)
  } catch (error) {
    const [, attribute = 'attribute'] = /^cookie (\w+) is invalid/.exec((error as Error).message) ?? []
    throw new TypeError(
      `The ${attribute} of a session's cookie is none that a cookie can have: see req.session.cookie, and the option cookie.`,
    )
  }
}

/** `req.session.cookie`: the attributes of one session's cookie, which an application may change. */
export class Cookie {
  path: string = '/'
  _expires: Date | false | null | undefined = null
  originalMaxAge: number | null | undefined = null
  httpOnly: boolean | undefined = true
  declare domain?: string | undefined
  declare secure?: boolean | undefined
  declare sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined
  declare partitioned?: boolean | undefined
  declare priority?: 'low' | 'medium' | 'high' | undefined

  /** Throws `TypeError` for attributes that are no object, and for a `maxAge` that is neither a number nor empty. */
  constructor(attributes: CookieAttributes = {}) {
    if (typeof attributes !== 'object' || attributes === null)
      throw new TypeError("The attributes of a session's cookie must be an object.")
    for (const name of Object.keys(attributes))
      if (name !== 'data') (this as Record<string, unknown>)[name] = attributes[name as keyof CookieAttributes]
    this.originalMaxAge ??= this.maxAge
  }

  /** When the browser drops it; null or false for when it closes. */
  get expires(): Date | false | null | undefined {
    return this._expires
  }
  set expires(moment: Date | false | null | undefined) {
    this._expires = moment
    this.originalMaxAge = this.maxAge
  }

  /** The same in ms from now. */
  get maxAge(): number | null | undefined {
    const { _expires: expires } = this
    return expires instanceof Date ? expires.getTime() - Date.now() : (expires as null | undefined)
  }
  set maxAge(ms: number | Date | null | undefined) {
    if (ms && typeof ms !== 'number' && !((ms as unknown) instanceof Date))
      throw new TypeError('cookie.maxAge must be a number of milliseconds, or null.')
    this.expires = typeof ms === 'number' ? new Date(Date.now() + ms) : ms
    // Not what is left of it, which is one less when a millisecond has passed.
    if (typeof ms === 'number') this.originalMaxAge = ms
  }

  /** Another one with the same attributes. */
  copy(): Cookie {
    return Object.assign(Object.create(Cookie.prototype) as Cookie, this)
  }

  /** Moves the expiry to `originalMaxAge` from now. */
  reset(): void {
    const { originalMaxAge } = this
    if (typeof originalMaxAge === 'number') this._expires = new Date(Date.now() + originalMaxAge)
    else this.expires = originalMaxAge
  }

  /** What is stored with a session, and sent. */
  get data(): Record<string, unknown> {
    const { originalMaxAge, partitioned, priority, _expires, secure, httpOnly, domain, path, sameSite } = this
    return { originalMaxAge, partitioned, priority, expires: _expires, secure, httpOnly, domain, path, sameSite }
  }

  /** The Set-Cookie line. Throws `TypeError` for an attribute that no cookie can have. */
  serialize(name: string, value: string): string {
    const { partitioned, priority, _expires: expires, secure, httpOnly, domain, path, sameSite } = this
    return written({
      name,
      value,
      ...(path && { path }),
      ...(domain && { domain }),
      ...(expires && { expires }),
      ...(httpOnly && { httpOnly }),
      ...(secure && { secure }),
      ...(partitioned && { partitioned }),
      ...(priority && { priority }),
      ...(sameSite && { sameSite }),
    })
  }

  /** The Set-Cookie line that removes it: the same attributes, or the browser would keep it. */
  clearing(name: string): string {
    const gone = new Cookie({ ...this.data, expires: new Date(0) } as CookieAttributes)
    return gone.serialize(name, '')
  }

  toJSON(): Record<string, unknown> {
    return this.data
  }
}
