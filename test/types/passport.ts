/** Compiled, never run: what the types promise beside @types/passport. Each `@ts-expect-error` is a mistake that must not compile. */

import type { Request } from 'express'
import passport from 'passport'
import session from '../../packages/strongroom/src/express-session/session.ts'
import { passportSessions } from '../../packages/strongroom/src/passport/passport.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'

interface Account {
  readonly tenant: string
  readonly id: number
}
declare const request: Request
declare const account: Account
const sessions = createSessions<{ basket: string[] }>()
const done = (error?: unknown) => void error

passportSessions(passport, sessions)
passportSessions(new passport.Passport(), session({}).sessions)
passportSessions(passport, createSessions({ store: 'memory:' }), {
  userId: (user: Account, serialized) => `${user.tenant} ${String(serialized)}`,
  loginOptions: async (request: Request) => ({ remember: request.body.remember === 'on', limit: 5 }),
  key: 'account',
})
passportSessions(passport, session({}), { userId: (user: Account) => user.id })
// @ts-expect-error: nothing is no user id
passportSessions(passport, sessions, { userId: (user: Account) => (user.id > 0 ? user.tenant : null) })
// @ts-expect-error: no middleware with sessions
passportSessions(passport, () => {})
// @ts-expect-error: not an option of a login
passportSessions(passport, sessions, { loginOptions: () => ({ forever: true }) })
// @ts-expect-error: not Passport
passportSessions(sessions, passport)

request.login(account, done)
request.login(account, { session: false }, done)
request.login(account, { keepSessionInfo: true, remember: '30d', label: 'the tablet' }, done)
request.logIn(account, { keep: ['basket'], limit: 5, atLimit: 'refuse' }, (error) => void error)
// @ts-expect-error: not an option of a login
request.login(account, { forever: true }, done)
// @ts-expect-error: neither
request.login(account, { atLimit: 'fail' }, done)
request.logout({ keepSessionInfo: true }, done)
