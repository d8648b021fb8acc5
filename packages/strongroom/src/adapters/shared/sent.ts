import { valuesOf } from '../../http/cookie.ts'
import { type HeaderSource, header } from '../../http/headers.ts'
import type { BaseSessions } from '../../sessions.ts'

/** By what a request has a session: the value of its first cookie of that name, or what it says in Authorization. Undefined without. */
export function sentBy<Data extends object>(
  { policy }: Pick<BaseSessions<Data>, 'policy'>,
  headers: HeaderSource,
): string | undefined {
  if (policy.transport === 'bearer') return header(headers, 'authorization')
  return valuesOf(header(headers, 'cookie') ?? '', `${policy.cookieName}=`)[0]
}
