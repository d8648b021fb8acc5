import { ConfigError } from '../../errors.ts'

/** The parts of the URL of a server, decoded, but for the hosts: these are as the URL has them, and there may be several. */
export interface ServerUrl {
  /** The URL without blanks at its ends. */
  readonly url: string
  readonly user: string
  readonly password: string
  readonly hosts: string
  readonly path: string
  readonly query: string
}

const PARTS = /^[a-z][a-z0-9+.-]*:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#@]*))?(?:\?([^#]*))?$/i
const HOSTS = /^(?:(?:[\w.%-]*|\[[\da-f:.]+\])(?::\d+)?(?:,|$))*$/i

/**
 * Parses the URL of a server strictly: of a "/", "?" or "#" in a password that is not encoded, a driver makes another host, port or
 * option, and connects there. No message repeats any part of the URL.
 */
export function parseServerUrl(where: string, example: string, given: string): ServerUrl {
  const url = trimServerUrl(where, given)
  const [all, login = '', hosts = '', path = '', query = ''] = PARTS.exec(url) ?? []
  if (all === undefined || !HOSTS.test(hosts))
    throw new ConfigError(
      `The URL of ${where} must be like ${example}, with @ : / ? # and % in the password as %40 %3A %2F %3F %23 and %25.`,
    )
  const colon = login.indexOf(':')
  const decode = (text: string) => decoded(where, text)
  return {
    url,
    user: decode(colon < 0 ? login : login.slice(0, colon)),
    password: colon < 0 ? '' : decode(login.slice(colon + 1)),
    hosts,
    path: decode(path),
    query,
  }
}

/**
 * A URL that came from a file or a variable may have blanks or a line break at its ends. Within it, a line break is a mistake, which
 * parsers of URLs drop in silence. The scheme may be in capitals, and is in small letters in what is returned.
 */
export function trimUrl(where: string, given: string): string {
  const url = given.trim().replace(/^[a-z][a-z\d+.-]*:/i, (scheme) => scheme.toLowerCase())
  if (!/\p{Cc}/u.test(url)) return url
  throw new ConfigError(
    `The URL of ${where} has a line break or another control character in it: remove it, or encode it.`,
  )
}

/** The same, for the URL of a server, where a blank is as much of a mistake: a file or a directory may have one in its name. */
export function trimServerUrl(where: string, given: string): string {
  const url = trimUrl(where, given)
  if (!/\s/.test(url)) return url
  throw new ConfigError(`The URL of ${where} has a blank in it: remove it, or write %20.`)
}

function decoded(where: string, text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Without the cause, which repeats what it could not decode.
    throw new ConfigError(`The URL of ${where} has a "%" that is not part of a code such as %40: write it as %25.`)
  }
}
