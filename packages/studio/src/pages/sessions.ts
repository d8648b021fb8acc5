import type { Hono } from 'hono'
import type { Board, Env, StudioContext } from '../board.ts'
import { notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { plural } from '../moments.ts'
import { Searches } from '../searches.ts'
import { isAskedHere } from './asked.ts'
import { HANDLE, handleForm, handlePages } from './handle.ts'
import { lookupForm } from './lookup.ts'
import { placeIn, placeQuery, userPage } from './user.ts'
import { userIn } from './user-field.ts'

export function sessionsPages(app: Hono<Env>, board: Board): void {
  const byHandle = handlePages(board, new Searches())
  app.get('/sessions', async (c) => {
    const { user, handle } = c.req.query()
    const frame = board.frame(c)
    if (user) return userPage(c, board, { user, said: outcome(c) })
    if (handle && isAskedHere(c)) return byHandle.find(c, handle.trim())
    // Another site's link may fill in the form, and no more.
    const given = handle && HANDLE.test(handle) ? handle : ''
    const body = html`${outcome(c)}${lookupForm(frame.base)}${handleForm(frame.base, given)}`
    return send(c, frame, { page: 'sessions', heading: 'Sessions', body })
  })
  app.post('/sessions/end', async (c) => {
    const { handle = '' } = c.get('fields')
    const user = userIn(c.get('fields'))
    if (user === null) return byHandle.end(c, handle)
    const ended = await board.sessions.of(user).revoke(handle)
    return done(c, board, { what: 'one', handle, count: ended ? 1 : 0, user })
  })
  app.post('/sessions/end-others', async (c) => {
    const { handle = '' } = c.get('fields')
    const user = userIn(c.get('fields'))
    if (user === null) return c.redirect(`${c.env.base}/sessions`, 303)
    const count = await board.sessions.of(user).revokeAllBut(handle)
    return done(c, board, { what: 'others', handle, count, user })
  })
  app.post('/sessions/end-all', async (c) => {
    const user = userIn(c.get('fields'))
    if (user === null) return c.redirect(`${c.env.base}/sessions`, 303)
    const count = await board.sessions.of(user).revokeAll()
    return done(c, board, { what: 'all', handle: null, count, user })
  })
}

interface Ended {
  readonly what: 'one' | 'others' | 'all'
  readonly handle: string | null
  readonly count: number | null
  readonly user: string
}

/** The answer to a form is a redirect: a page that is loaded again ends nothing again. */
function done(c: StudioContext, { report }: Board, { what, handle, count, user }: Ended): Response {
  // Null is "nobody can count" where all were ended, and "nothing was ended" where one was to be kept that is not there.
  const hasEnded = what === 'others' ? count !== null && count > 0 : count !== 0
  if (hasEnded) report({ type: 'ended', what, handle, count, operator: c.get('operator') })
  // Where one of many was ended, the operator goes on from there.
  const at = what === 'one' ? placeQuery(placeIn(c.get('fields'))) : {}
  const query = new URLSearchParams({ user, ...at, done: what, count: count === null ? '' : String(count) })
  // To what it says, and the list below it: not to the top, from where a keyboard has a long way back.
  return c.redirect(`${c.env.base}/sessions?${query}#done`, 303)
}

/** What the last form did, from the address: only words of ours and a number, because anyone can write an address. */
function outcome(c: StudioContext): Html | string {
  const { done: what, count: given = '' } = c.req.query()
  const count = /^\d{1,7}$/.test(given) ? Number(given) : null
  if (what === 'one')
    return count === 1
      ? notice('good', 'The session has ended. Its cookie opens nothing any more.')
      : notice('plain', 'No live session has this handle: it had ended before.')
  if (what === 'others')
    return count === null
      ? notice('bad', 'Nothing was ended: the session to keep is not there any more.')
      : notice('good', `Ended ${plural(count, 'other session')}.`)
  if (what === 'all')
    return notice(
      'good',
      count === null ? 'All sessions of this user have ended.' : `Ended ${plural(count, 'session')}: all of this user.`,
    )
  return nothing
}
