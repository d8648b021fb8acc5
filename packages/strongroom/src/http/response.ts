/** A response, as something to which a header line can be added without replacing others. */
export type ResponseTarget =
  /** Fetch's `Headers`, Express, Koa. */
  | { append(name: string, value: string): unknown }
  /** node:http and node:http2. */
  | { appendHeader(name: string, value: string): unknown }
  /** Hono's context, Fastify's reply. */
  | { header(name: string, value: string, options?: { append?: boolean }): unknown }
  /** A Fetch `Response`. */
  | { readonly headers: { append(name: string, value: string): unknown } }

/** Adds a line; throws what the response throws if it has begun already. */
export function appendTo(target: ResponseTarget, name: string, value: string): void {
  // The order matters: Express also has `header`, which replaces the other lines, and Fastify has a method `headers`.
  if ('append' in target) target.append(name, value)
  else if ('appendHeader' in target) target.appendHeader(name, value)
  else if ('header' in target) target.header(name, value, { append: true })
  else if (typeof target.headers?.append === 'function') target.headers.append(name, value)
  else throw new TypeError('setSignedCookie() takes the response, or its Headers, as its first argument.')
}
