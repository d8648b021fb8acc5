type Bag = Readonly<Record<string, unknown>> | null | undefined

const LONGEST = 128

/**
 * The id that the framework, or middleware of the usual kind, has given to a request. Never a header: the client writes those, and could
 * give its requests the ids of others.
 */
export function requestIdOf(request: object): unknown {
  const { id, requestId, req, var: variables, state, locals, context } = request as Record<string, unknown>
  // Fastify, and pino-http or express-request-id on all that hands out requests of Node; Koa has that one in ctx.req.
  const found = id ?? requestId ?? (req as Bag)?.id
  if (found != null) return found
  // Hono's, Koa's, SvelteKit's and Astro's, and h3's. By these names alone: an `id` in there may be anything, such as the user's.
  for (const bag of [variables, state, locals, context] as Bag[]) {
    const named = bag?.requestId ?? bag?.reqId
    if (named != null) return named
  }
  return undefined
}

/** As it may be written into a log: visible ASCII, cut to 128 characters. Middleware that takes ids from a header may not have checked them. */
export function tidyRequestId(id: unknown): string | undefined {
  // pino-http counts.
  if (typeof id !== 'string' && typeof id !== 'number') return undefined
  return (
    String(id)
      .replace(/[^!-~]/g, '')
      .slice(0, LONGEST) || undefined
  )
}
