/** What a `NotAttachedError` says. A Worker has shorter messages, in `worker.ts`: these are as long as some of its modules. */
export interface NotAttachedMessages {
  /** To someone who asked with something that did not come through an adapter. */
  of(request: unknown): string
  /** To someone who asked outside of every request. */
  readonly outside: string
}

export const notAttached: NotAttachedMessages = {
  of: messageFor,
  outside:
    'sessions.current() was called outside of a request, or in a timer or a listener that was there before it. Mount the adapter before the handler, as in app.use(strongroom(sessions)) or withSessions(sessions, handler), or use sessions.read(request). In a page of Next, write await read(sessions), with read from strongroom/next.',
}

function messageFor(request: unknown): string {
  if (typeof request !== 'object' || request === null)
    return 'sessions.get() and save() take the request that came through the adapter: Express\'s, Fastify\'s and Node\'s "request", Koa\'s "ctx", Hono\'s "c", or what another framework calls its event or context.'
  if (request instanceof Headers || 'getAll' in request)
    return 'These are the headers or the cookies of a request that did not come through an adapter of these sessions. In a page, an action or a route handler of Next, write await read(sessions), with read from strongroom/next. Elsewhere, pass the request itself.'
  if (request instanceof Request)
    return 'This Request did not come through an adapter of these sessions. One that was made of it, by new Request(request) or by mount() of Hono without replaceRequest: false, is another request: pass the one that the adapter has seen, or, in React Router, the context. Otherwise wrap the handler, as in withSessions(sessions, handler), or mount the adapter before it, or use sessions.read(request).'
  return 'This request did not come through an adapter of these sessions. Mount the adapter before the handler, as in app.use(strongroom(sessions)) or withSessions(sessions, handler), or use sessions.read(request). Under Fastify, register it before the hooks and plugins that ask for the session.'
}
