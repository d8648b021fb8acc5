import { misuse } from '../failure.ts'

/** The parts of a database URL, with the password apart from what may be shown. */
export interface DatabaseUrl {
  readonly user: string
  readonly password: string
  /** As the URL has them. For PostgreSQL there may be several, with their ports. */
  readonly hosts: string
  readonly database: string
  readonly query: URLSearchParams
}

const URL_PARTS = /^[a-z][a-z0-9+.-]*:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#@]*))?(?:\?([^#]*))?$/i
const HOSTS = /^(?:(?:[\w.%-]*|\[[\da-f:.]+\])(?::\d+)?(?:,|$))*$/i

/**
 * Parses a URL strictly: an "@" or "/" in a password that is not encoded would make part of the password look like the host,
 * and the host may be shown. No message repeats any part of the URL.
 */
export function parseDatabaseUrl(url: string): DatabaseUrl {
  const [all, login = '', hosts = '', path = '', query = ''] = URL_PARTS.exec(url) ?? []
  const colon = login.indexOf(':')
  const user = colon < 0 ? login : login.slice(0, colon)
  if (all === undefined || !HOSTS.test(hosts))
    throw misuse(
      'The URL cannot be parsed. Write it as postgres://user:password@host/database, with @ : / ? # and % in the password as %40 %3A %2F %3F %23 %25.',
    )
  return {
    user: decoded(user),
    password: colon < 0 ? '' : decoded(login.slice(colon + 1)),
    hosts,
    database: decoded(path),
    query: new URLSearchParams(query),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw misuse('The URL has a "%" that is not part of a code: write it as %25.', { cause })
  }
}
