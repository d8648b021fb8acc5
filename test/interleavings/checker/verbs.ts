import type { Actor, Result } from './actor.ts'
import type { Deed } from './scene.ts'
import { PROLONGED, SHORTENED } from './spans.ts'

/** How many sessions a login with a limit allows: those that are there at first. */
export const LIMIT = 2

export const VERBS = {
  read: (me) => me.request(() => undefined),
  write: (me, deed) => me.request((session) => (session.isNew ? 'none' : session.set(deed.key, 1))),
  // What an application keeps for anonymous visitors, too, such as a CSRF token.
  keep: (me, deed) => me.request((session) => session.set(deed.key, 1)),
  renew: (me) => me.request((session) => (session.isNew ? 'none' : session.renew())),
  login: (me) => me.login('u'),
  'login as v': (me) => me.login('v'),
  'login at the limit': (me) => me.login('u', { limit: LIMIT, atLimit: 'refuse' }),
  'login over the limit': (me) => me.login('u', { limit: LIMIT, atLimit: 'end-oldest' }),
  // The moment is asked for before the password is checked.
  'login as of before': async (me, deed) => {
    const { u } = me.scene.place.users
    deed.isLogin = true
    const asOf = await me.sessions.of(u).moment()
    return me.login('u', { asOf })
  },
  'login and revoke others': (me, deed) =>
    me.request(async (session) => {
      const { u } = me.scene.place.users
      deed.isLogin = true
      session.login(u)
      await me.sessions.of(u).revokeOthers(session)
    }),
  // The response is lost on the way, so the client has the cookie from before.
  'renew unanswered': (me) => me.request((session) => (session.isNew ? 'none' : session.renew())),
  'read unanswered': (me) => me.request(() => undefined),
  shorten: (me) => me.request((session) => (session.isNew ? 'none' : session.setExpiry({ absolute: SHORTENED }))),
  prolong: (me) =>
    me.request((session) => (session.isNew ? 'none' : session.setExpiry({ idle: null, absolute: PROLONGED }))),
  // Of an anonymous visitor nothing is left then.
  clear: (me) => me.request((session) => (session.isNew ? 'none' : session.clear())),
  logout: (me) => me.request((session) => session.logout()),
  'logout with the first cookie': (me) => me.request((session) => session.logout(), me.first),
  // Browsers send an old cookie beside the new one after a change of its path.
  'logout with two cookies': (me) => me.request((session) => session.logout(), me.cookie, me.other),
  revoke: (me) => me.operate((user) => user.revoke(`${me.scene.start.get('S0')?.handle}`)),
  'revoke all': (me) => me.operate((user) => user.revokeAll()),
  'revoke others': (me) =>
    me.request(async (session) => {
      const { u } = me.scene.place.users
      if (session.userId !== u) return 'none'
      await me.sessions.of(u).revokeOthers(session)
    }),
} satisfies Record<string, (me: Actor, deed: Deed) => Promise<Result>>
export type VerbName = keyof typeof VERBS
