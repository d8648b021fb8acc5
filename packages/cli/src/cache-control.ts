/** What a shared cache may do with a response, by one header. */
export type Storing = 'never' | 'browser only' | 'shared'

/** A header for a cache, and what it lets that do. */
export interface CacheRule {
  readonly header: string
  readonly storing: Storing
}

/**
 * What each header of a response says to caches. A cache that is named in one of the others obeys that one, and not Cache-Control (RFC
 * 9213, section 2.2), so that each counts.
 */
export function cacheRulesOf(headers: Headers): readonly CacheRule[] {
  const targeted = [...headers.keys()].filter((name) => TARGETED.test(name))
  return ['cache-control', ...targeted].map((header) => ({ header, storing: storingOf(headers.get(header) ?? '') }))
}

/** CDN-Cache-Control and the like, what RFC 9213 replaces, and that of Akamai. */
const TARGETED = /^(?:.+-cache-control|surrogate-control|edge-control)$/

function storingOf(value: string): Storing {
  const all = directivesOf(value)
  if (all.has('no-store')) return 'never'
  // With names of fields, it is about these alone (RFC 9111, section 5.2.2.7).
  return all.get('private') === '' ? 'browser only' : 'shared'
}

/** Names in small letters, and arguments. A comma in a quoted argument ends nothing (RFC 9111, section 5.2). */
export function directivesOf(value: string): ReadonlyMap<string, string> {
  const parts = value.match(/(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|$))+/g) ?? []
  const pairs = parts.map((part): readonly [string, string] => {
    const [name = '', ...argument] = part.split('=')
    return [name.trim().toLowerCase(), argument.join('=').trim()]
  })
  return new Map(pairs)
}
