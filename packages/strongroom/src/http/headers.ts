/** A request's headers: a Fetch `Headers`, or an object with lower-case names as Node's `request.headers`. */
export type HeaderSource =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

/** A header's value, or undefined; several of one name are joined as RFC 9113 §8.2.3 prescribes for cookies. */
export function header(source: HeaderSource, name: string): string | undefined {
  if (typeof source.get === 'function') return (source as { get(name: string): string | null }).get(name) ?? undefined
  const value = (source as { readonly [name: string]: string | readonly string[] | undefined })[name]
  return typeof value === 'string' || value === undefined ? value : value.join('; ')
}

/** Headers, or what has them: a Node or Fetch request, or Hono's context. */
export type RequestSource =
  | HeaderSource
  | { readonly headers: HeaderSource }
  | { readonly req: { readonly raw: { readonly headers: HeaderSource } } }

/**
 * The headers of a request, or the given headers themselves, of which one may be called "headers". Throws `TypeError` for what has
 * none.
 */
export function headersOf(given: RequestSource): HeaderSource {
  if (typeof given !== 'object' || given === null) throw new TypeError('Pass a request, or its headers.')
  if ('headers' in given && typeof given.headers === 'object') return given.headers as HeaderSource
  const { req } = given as { readonly req?: unknown }
  if (typeof req === 'object') return (req as { readonly raw: { readonly headers: HeaderSource } }).raw.headers
  return given as HeaderSource
}
