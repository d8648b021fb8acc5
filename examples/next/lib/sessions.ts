import { createSessions } from 'strongroom'

/** For pages, route handlers, actions and the proxy. Without options it works in development; production says what it needs. */
export const sessions = createSessions<{ visits: number }>({
  store: process.env.STORE,
  secrets: process.env.STRONGROOM_SECRETS,
})
