import { redirect } from '@tanstack/react-router'
import { createMiddleware, createServerFn } from '@tanstack/react-start'
import { getSession, sessions } from './sessions.server'

/** For functions of users alone. */
const signedIn = createMiddleware({ type: 'function' }).server(async ({ next }) => {
  // Asks the store itself: a session that was ended a moment ago must not end others.
  const session = await getSession({ fresh: true })
  if (session.userId === null) throw redirect({ to: '/login' })
  return next({ context: { session, user: sessions.of(session.userId) } })
})

export const getVisitor = createServerFn().handler(async () => {
  const session = await getSession()
  return { user: session.userId, notices: session.flash('notice') }
})

export const countVisit = createServerFn().handler(async () => {
  const session = await getSession()
  return session.update('visits', (visits = 0) => visits + 1)
})

export const signIn = createServerFn({ method: 'POST' }).handler(async ({ data }) => {
  const user = String(data.get('user'))
  // Instead of a check of the password.
  if (user === '') throw redirect({ to: '/login', statusCode: 303 })
  const session = await getSession()
  session.login(user)
  session.flash('notice', `Welcome, ${user}!`)
  throw redirect({ to: '/', statusCode: 303 })
})

export const signOut = createServerFn({ method: 'POST' }).handler(async () => {
  const session = await getSession()
  session.logout()
  throw redirect({ to: '/', statusCode: 303 })
})

export const listDevices = createServerFn()
  .middleware([signedIn])
  .handler(({ context: { session, user } }) => user.list(session))

export const endDevice = createServerFn({ method: 'POST' })
  .middleware([signedIn])
  .handler(async ({ data, context: { user } }) => {
    await user.revoke(String(data.get('handle')))
    throw redirect({ to: '/devices', statusCode: 303 })
  })
