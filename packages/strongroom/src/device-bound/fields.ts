import { parseItem, serializeItem, serializeList, Token } from 'structured-headers'

/** Header fields of Device Bound Session Credentials, as structured fields (RFC 9651). */

/** `Secure-Session-Registration`: the offer to register a key. */
export function registrationField(algorithms: readonly string[], path: string, challenge: string): string {
  const items = algorithms.map((name): [Token, Map<string, string>] => [new Token(name), new Map()])
  return serializeList([[items, new Map(Object.entries({ path, challenge }))]])
}

/** `Secure-Session-Challenge`: what the next proof has to sign. */
export const challengeField = (challenge: string, id: string): string => serializeItem(challenge, new Map([['id', id]]))

/** More than a proof with a key of 4096 bits has. */
const LONGEST = 8192

/**
 * The text of a field: `Secure-Session-Response`, `Sec-Secure-Session-Id`. The draft says that they are strings; Chromium 156 sends them
 * bare, which makes them tokens. Null for anything else.
 */
export function textOf(field: string | undefined): string | null {
  if (field === undefined || field.length > LONGEST) return null
  try {
    const [value] = parseItem(field)
    return typeof value === 'string' ? value : value instanceof Token ? value.toString() : null
  } catch {
    return null
  }
}
