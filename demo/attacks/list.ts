import { type Attack, isOurs } from './attack.ts'
import { alteredCookies, alteredRows } from './bits.ts'

/** The six attacks of the page. */
export const attacks: readonly Attack[] = [
  {
    name: 'come-back',
    title: 'Come back with the old cookie',
    short: 'old cookie',
    what: 'A thief copies the cookie while the victim is signed in. The victim logs out. Then the thief sends the copy.',
    docs: 'docs/login.md#logout',
    promised: (target) => isOurs(target) && target.traits?.revocable === true,
    run: async ({ victim, thief, user, note, held, broken }) => {
      await victim.post('/login', { user })
      await victim.post('/note', { note })
      thief.copyCookies(victim)
      await victim.post('/logout')
      const { user: seen } = await thief.get('/me')
      return seen === user
        ? broken('The copy still works: a logout deletes the cookie in one browser, and nothing else.')
        : held('The copy is refused: the logout ended the session itself.')
    },
  },
  {
    name: 'plant',
    title: 'Plant a cookie and log in',
    short: 'planted cookie',
    what: 'The attacker gets a session of their own, puts its cookie into the victim’s browser, and waits until the victim logs in with it.',
    fairly:
      'express-session leaves the login to the application, and is here twice: as a login is often written, and with the call of req.session.regenerate() that its README has, “good practice to help guard against forms of session fixation”.',
    docs: 'docs/login.md#login',
    promised: isOurs,
    run: async ({ victim, thief, user, held, broken }) => {
      await thief.post('/note', { note: 'a session that the attacker knows' })
      victim.copyCookies(thief, 'is given the attacker’s cookie, by a sibling domain or at a shared computer')
      await victim.post('/login', { user })
      const { user: seen } = await thief.get('/me')
      return seen === user
        ? broken('The attacker is signed in as the victim: the login kept the session id that was planted.')
        : held('The planted cookie opens nothing of what the login has begun.')
    },
  },
  {
    name: 'flip',
    title: 'Flip a bit',
    short: 'flipped bit',
    what: 'One bit after the other is flipped in the cookie, and in the row where there is one. Does the application use what was altered?',
    docs: 'docs/security.md#the-record',
    promised: isOurs,
    run: async ({ victim, thief, store, user, note, held, broken }) => {
      await victim.post('/login', { user })
      await victim.post('/note', { note })
      const replies = []
      for (const cookies of alteredCookies(victim.cookies)) replies.push(await thief.try(cookies))
      const row = await store.rowOf(victim)
      for (const bytes of row ? alteredRows(row, note) : []) {
        await row?.put(bytes)
        replies.push(await victim.try(victim.cookies))
      }
      const used = replies.filter((reply) => reply.user !== null || reply.note !== null).length
      const count = `${replies.length} altered cookies and rows were sent to the application`
      return used > 0 ? broken(`${count}, and ${used} of them were used.`) : held(`${count}, and it used none.`)
    },
  },
  {
    name: 'put-back',
    title: 'Put an old row back',
    short: 'old row',
    what: 'An attacker who can write to the database, and who has a copy of the victim’s cookie, copies the row, and puts it back after the logout.',
    docs: 'docs/security.md#not-covered',
    // Only the store knows what has ended. This is said in the documents, and shown here.
    promised: () => false,
    run: async ({ victim, thief, store, user, held, broken, notApplicable }) => {
      await victim.post('/login', { user })
      thief.copyCookies(victim)
      const row = await store.rowOf(victim)
      if (!row) return notApplicable('No row of a session can be put back here.')
      await victim.post('/logout')
      await store.put(row)
      const { user: seen } = await thief.get('/me')
      await victim.post('/login', { user })
      await victim.post('/password')
      const { user: later } = await thief.get('/me')
      const end = later === user ? 'even after a new password' : 'until the victim changes the password'
      return seen === user ? broken(`The logout is undone, ${end}.`) : held('The row that came back is refused.')
    },
  },
  {
    name: 'stop',
    title: 'Stop the store',
    short: 'stopped store',
    what: 'The store is stopped while somebody is signed in, they load a page, and it is started again. Nobody may be signed out by that.',
    docs: 'docs/requests.md#three-outcomes-that-are-never-confused',
    promised: (target) => isOurs(target) && target.traits?.durable !== 'no',
    run: async ({ victim, store, user, held, broken, notApplicable }) => {
      if (store.cannotStop) return notApplicable(store.cannotStop)
      await victim.post('/login', { user })
      await store.stop()
      const during = await victim.attempt('/add')
      await store.start()
      const after = await victim.get('/me')
      if (during.status < 500) return broken('It answered as if all were well, and nobody signed in.')
      return after.user === user && during.setCookie.length === 0
        ? held(`An error (${during.status}) while it was away, the cookie was left alone, and then it went on.`)
        : broken('The store came back, and the visitor was signed out.')
    },
  },
  {
    name: 'race',
    title: 'Race twenty tabs',
    short: 'twenty tabs',
    what: 'Twenty tabs of one visitor add one to the same number in the same moment. Is it twenty afterwards?',
    docs: 'docs/session.md#data',
    promised: (target) => isOurs(target) && !target.traits?.engine.startsWith('cookie'),
    run: async ({ victim, user, held, broken }) => {
      await victim.post('/login', { user })
      const tabs = Array.from({ length: 20 }, () => victim.post('/add'))
      await Promise.all(tabs)
      const { count } = await victim.get('/me')
      return count === 20
        ? held('Twenty of twenty: a save that comes second is applied to what came first.')
        : broken(`${count} of twenty: each tab overwrote what the others had saved.`)
    },
  },
]
