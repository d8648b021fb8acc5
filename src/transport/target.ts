/** A response, by its way to add a header line beside those that are there. */
export type ResponseTarget =
  /** Fetch's `Headers`, Express, Koa. */
  | { append(name: string, value: string): unknown }
  /** node:http and node:http2. */
  | { appendHeader(name: string, value: string): unknown }
  /** A Fetch `Response`. */
  | { readonly headers: { append(name: string, value: string): unknown } }
  /** Hono's context, Fastify's reply. */
  | { header(name: string, value: string, options?: { append?: boolean }): unknown }

/** Adds a line; throws what the response throws when it has begun already. */
export function appendTo(target: ResponseTarget, name: string, value: string): void {
  // Express has `header`, too, and there it takes the other lines away.
  if ('append' in target) target.append(name, value)
  else if ('appendHeader' in target) target.appendHeader(name, value)
  else if ('headers' in target) target.headers.append(name, value)
  else if (typeof target?.header === 'function') target.header(name, value, { append: true })
  else throw new TypeError('setSignedCookie() takes the response, or its Headers, before the name.')
}
