import { checkOptions } from '../base/check.ts'
import { ConfigError, UnsupportedError } from '../errors.ts'
import type { Outcome } from './outcome.ts'
import type { OtherHeader, Transport } from './transport.ts'

/** Options of `bearer`. */
export interface BearerOptions {
  /** The response header that a new token comes in, and an empty value when the token is over. Default `Session-Token`. */
  readonly responseHeader?: string | undefined
}

/** What `bearer()` returns, for the option `transport`. */
export interface BearerTransport extends Transport {
  readonly header: 'authorization'
  readonly other: OtherHeader
}

/** RFC 9110 §11.4 and RFC 6750 §2.1: the scheme in any case, one space or more, and a b64token. */
const CREDENTIALS = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/** Of a header. A token of the cookie engine has up to 4096 characters. */
const LONGEST = 4200

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const NONE: readonly string[] = []

/** What other code sets or reads under these names would be taken for a token, or be lost. */
const TAKEN =
  /^(?:set-cookie2?|cookie|authorization|vary|cache-control|content-.*|transfer-encoding|connection|date|location)$/i

/**
 * For `createSessions({ transport: bearer(), … })`: the session's token comes in `Authorization: Bearer <token>`, and is returned in the
 * response header `Session-Token`, for native applications. Such sessions neither read nor set a cookie. Throws `ConfigError` for a wrong
 * option.
 */
export function bearer(options: BearerOptions = {}): BearerTransport {
  checkOptions('bearer()', options, ['responseHeader'])
  const { responseHeader: name = 'Session-Token' } = options
  if (typeof name !== 'string' || !FIELD_NAME.test(name) || TAKEN.test(name))
    throw new ConfigError(
      "bearer(): responseHeader must be the name of a header that nothing else uses, such as 'Session-Token'.",
    )
  const unused: Outcome = { setCookie: null, used: false, vary: 'Authorization' }
  const read: Outcome = { ...unused, used: true }
  return {
    name: '',
    secure: true,
    header: 'authorization',
    read: (header) => tokensIn(header),
    set: (token) => token,
    // A client that stores what the header says has nothing to send any more.
    clear: () => '',
    other: {
      unused,
      outcome: (sent) => (sent === null ? read : { ...read, headers: [[name, sent]] }),
      audience: 'bearer',
      refuseForms,
      check,
    },
  }
}

/**
 * One or none. What another scheme sends is nobody's, and so are two tokens in one value, as Fetch joins two headers: a proxy and this
 * server might take different ones. Node's servers drop all Authorization headers but the first before anybody sees them.
 */
function tokensIn(header: string | undefined | null): readonly string[] {
  if (!header || header.length > LONGEST) return NONE
  const token = CREDENTIALS.exec(header)?.[1]
  return token === undefined ? NONE : [token]
}

function refuseForms(): never {
  throw new UnsupportedError(
    'csrfToken() is for sessions in cookies. Those of bearer() need no token: other sites cannot forge their requests.',
  )
}

const REFUSED: Readonly<Record<string, string>> = {
  cookie:
    'its sessions have no cookie. For a site beside it, create sessions of their own, with cookies and the same namespace.',
  adoptFrom: 'sessions of another framework come in cookies, which it does not read.',
  clearSiteData: 'it is for browsers. Leave it out.',
  expireAtBrowserClose: 'how long a token is kept is decided by the client. Leave it out.',
}

function check(options: Readonly<Record<string, unknown>>): void {
  for (const [name, why] of Object.entries(REFUSED))
    if (options[name] !== undefined)
      throw new ConfigError(`Option "${name}" cannot be used with transport: bearer(): ${why}`)
  if (options.namespace === undefined)
    throw new ConfigError(
      "transport: bearer() needs the option namespace, because there is no cookie whose name it could be. Beside a site with cookies, write the site's: the name of its cookie ('__Host-id' by default), unless the site has a namespace. Otherwise choose one: namespace: 'app'.",
    )
}
