import { createContext, redirect } from 'react-router'
import { sessions } from './sessions.server'

/** The user of a page behind `requireUser`. */
export const userContext = createContext()

/** Middleware of routes for users alone. */
export async function requireUser({ context }) {
  const session = await sessions.get(context)
  if (session.userId === null) throw redirect('/login')
  context.set(userContext, session.userId)
}
