import { misuse } from '../failure.ts'

/** A database server as a URL names it, its password apart from all that may be seen. */
export interface Address {
  readonly user: string
  readonly password: string
  /** As the URL has it: for PostgreSQL it may name several, with their ports. */
  readonly hosts: string
  readonly database: string
  readonly query: URLSearchParams
}

const URL_PARTS = /^[a-z][a-z0-9+.-]*:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#@]*))?(?:\?([^#]*))?$/i
const HOSTS = /^(?:(?:[\w.%-]*|\[[\da-f:.]+\])(?::\d+)?(?:,|$))*$/i

/**
 * Takes a URL apart. Strict, for a password with an "@" or a "/" that was not encoded would become a part of the host, and
 * be shown. No message repeats anything of the URL.
 */
export function addressOf(url: string): Address {
  const [all, login = '', hosts = '', path = '', query = ''] = URL_PARTS.exec(url) ?? []
  const colon = login.indexOf(':')
  const user = colon < 0 ? login : login.slice(0, colon)
  if (all === undefined || !HOSTS.test(hosts))
    throw misuse(
      'The URL cannot be read. Write it as postgres://user:password@host/database, with @ : / ? # and % in the password as %40 %3A %2F %3F %23 %25.',
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
    throw misuse('The URL has a "%" that begins no code: write it as %25.', { cause })
  }
}
