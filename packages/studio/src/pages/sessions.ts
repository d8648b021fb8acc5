import type { Hono } from 'hono'
import { type Device, type SessionInfo, UnsupportedError } from 'strongroom'
import type { Board, Env, StudioContext } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { momentView, numberOf, plural, shortMomentView, sizeOf } from '../moments.ts'
import type { StudioSessions } from '../sessions.ts'
import { isAskedHere } from './asked.ts'
import { lookupForm } from './lookup.ts'

/** How many of a user's sessions a page shows: the newest. */
const SHOWN = 100
/** The most that it shows when it is asked for all. */
const MOST = 5000

const HANDLE = /^[\w-]{16}$/

export function sessionsPages(app: Hono<Env>, board: Board): void {
  const walk = oneAtATime()
  app.get('/sessions', async (c) => {
    const { user, handle, all } = c.req.query()
    const frame = board.frame(c)
    if (user) return userPage(c, board, { user, limit: all === '' ? MOST : SHOWN })
    if (handle && isAskedHere(c)) return handlePage(c, board, { handle: handle.trim(), walk })
    // Another site's link may fill in the form, and no more.
    const given = handle && HANDLE.test(handle) ? handle : ''
    return send(c, frame, { page: 'sessions', heading: 'Sessions', body: emptyPage(frame, given) })
  })
  app.post('/sessions/end', async (c) => {
    const { user, handle = '' } = c.get('fields')
    const ended = user ? await board.sessions.of(user).revoke(handle) : await walk(() => board.sessions.revoke(handle))
    return done(c, board, { what: 'one', handle, count: ended ? 1 : 0, user })
  })
  app.post('/sessions/end-others', async (c) => {
    const { user, handle = '' } = c.get('fields')
    if (!user) return c.redirect(`${c.env.base}/sessions`, 303)
    const count = await board.sessions.of(user).revokeAllBut(handle)
    return done(c, board, { what: 'others', handle, count, user })
  })
  app.post('/sessions/end-all', async (c) => {
    const { user } = c.get('fields')
    if (!user) return c.redirect(`${c.env.base}/sessions`, 303)
    const count = await board.sessions.of(user).revokeAll()
    return done(c, board, { what: 'all', handle: null, count, user })
  })
}

interface Ended {
  readonly what: 'one' | 'others' | 'all'
  readonly handle: string | null
  readonly count: number | null
  readonly user: string | undefined
}

/** The answer to a form is a redirect: a page that is loaded again ends nothing again. */
function done(c: StudioContext, { report }: Board, { what, handle, count, user }: Ended): Response {
  // Null is "nobody can count" where all were ended, and "nothing was ended" where one was to be kept that is not there.
  const hasEnded = what === 'others' ? count !== null && count > 0 : count !== 0
  if (hasEnded) report({ type: 'ended', what, handle, count, operator: c.get('operator') })
  const query = new URLSearchParams({ ...(user && { user }), done: what, count: count === null ? '' : String(count) })
  return c.redirect(`${c.env.base}/sessions?${query}`, 303)
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

async function userPage(
  c: StudioContext,
  board: Board,
  { user, limit }: { user: string; limit: number },
): Promise<Response> {
  const frame = board.frame(c)
  const found = await listed(board.sessions, user, limit + 1)
  if (found instanceof UnsupportedError) return unlistedPage(c, frame, { user, why: found.message })
  const devices = found.slice(0, limit)
  const more = found.length > limit
  const link = `${frame.base}/sessions?${new URLSearchParams({ user, all: '' })}`
  return send(c, frame, {
    page: 'sessions',
    heading: 'Sessions',
    body: html`${outcome(c)}
${lookupForm(frame.base, user)}
<section class="panel" aria-labelledby="found">
<h2 id="found">${devices.length === 0 ? 'No live sessions' : more ? `The newest ${numberOf(limit)} sessions` : plural(devices.length, 'live session')}</h2>
${devices.length === 0 ? none(user) : deviceTable(frame, user, devices)}
${more && limit < MOST ? html`<p><a href="${link}">Show all, up to ${numberOf(MOST)}</a></p>` : nothing}
</section>
${frame.write && devices.length > 0 ? endAll(frame, user) : nothing}`,
  })
}

/** The user's sessions; or why this engine cannot list them, though it may be able to end them. */
async function listed(sessions: StudioSessions, user: string, limit: number): Promise<Device[] | UnsupportedError> {
  try {
    return await sessions.of(user).list(undefined, { limit, complete: true })
  } catch (error) {
    if (error instanceof UnsupportedError) return error
    throw error
  }
}

const unlistedPage = (
  c: StudioContext,
  frame: Frame,
  { user, why }: { user: string; why: string },
): Promise<Response> =>
  send(c, frame, {
    page: 'sessions',
    heading: 'Sessions',
    body: html`${outcome(c)}${lookupForm(frame.base, user)}${notice('plain', why)}${frame.write ? endAll(frame, user) : nothing}`,
  })

const none = (user: string): Html =>
  html`<p>This user has no live session${user === user.trim() ? '' : ' (the id that you entered begins or ends with a space)'}. An id that does not exist looks the same: the store knows no ids.</p>`

function deviceTable(frame: Frame, user: string, devices: readonly Device[]): Html {
  return html`<div class="scroll" role="region" aria-label="Table of sessions" tabindex="0"><table class="cards">
<thead><tr><th scope="col">Device</th><th scope="col">Last use, UTC</th><th scope="col">Began</th><th scope="col">Ends</th><th scope="col">Handle</th>${frame.write ? html`<th scope="col"><span class="hidden">Actions</span></th>` : nothing}</tr></thead>
<tbody>${devices.map(
    (device) => html`<tr>
<th scope="row">${device.label ?? 'Unknown device'}</th>
<td data-label="Last use">${shortMomentView(device.lastSeenAt)}</td>
<td data-label="Began">${shortMomentView(device.createdAt)}</td>
<td data-label="Ends">${shortMomentView(device.expiresAt)}</td>
<td data-label="Handle"><code>${device.handle}</code></td>
${frame.write ? html`<td class="actions">${endForms(frame, user, device, devices.length > 1)}</td>` : nothing}
</tr>`,
  )}</tbody></table></div>`
}

function endForms(frame: Frame, user: string, { handle, label }: Device, hasOthers: boolean): Html {
  const fields = html`${frame.token}<input type="hidden" name="user" value="${user}"><input type="hidden" name="handle" value="${handle}">`
  const which = html`<span class="hidden"> ${label ?? 'unknown device'}, ${handle}</span>`
  return html`<form method="post" action="${frame.base}/sessions/end">${fields}<button class="danger">End${which}</button></form>
${hasOthers ? html`<form method="post" action="${frame.base}/sessions/end-others">${fields}<button>End the others<span class="hidden"> than</span>${which}</button></form>` : nothing}`
}

const endAll = (frame: Frame, user: string): Html => html`<details class="panel">
<summary>End all sessions of this user</summary>
<p>The user is signed out everywhere. A login that is under way now is ended, too, which ending the sessions one by one would miss.</p>
<form method="post" action="${frame.base}/sessions/end-all">${frame.token}<input type="hidden" name="user" value="${user}"><button class="danger">End all sessions of this user</button></form>
</details>`

const emptyPage = (frame: Frame, handle = ''): Html => html`${lookupForm(frame.base)}
<form class="lookup" action="${frame.base}/sessions" method="get">
<label for="handle">One session, by its handle</label>
<div class="field"><input id="handle" name="handle" value="${handle}" required minlength="16" maxlength="16" pattern="[\\w\\-]{16}" autocomplete="off" spellcheck="false" aria-describedby="handle-help"><button>Find</button></div>
<p class="help" id="handle-help">16 characters, as in events and logs. The store has no index of handles: this reads it from the beginning, which takes a while when it is large. A user’s sessions are found without that.</p>
</form>`

async function handlePage(
  c: StudioContext,
  board: Board,
  { handle, walk }: { handle: string; walk: Walk },
): Promise<Response> {
  const frame = board.frame(c)
  const page = (body: Html, status = 200) =>
    send(c, frame, { page: 'sessions', heading: 'Sessions', body: html`${body}${emptyPage(frame)}` }, status)
  // A cookie or an id that was pasted into the wrong place is not repeated.
  if (!HANDLE.test(handle))
    return page(
      html`${notice('bad', 'That is not a handle: it has 16 characters. A cookie or an id is not a handle.')}`,
      400,
    )
  const found = await walk(() => board.sessions.find(handle))
  if (!found) return page(html`${outcome(c)}${notice('plain', 'No live session has this handle.')}`)
  return page(html`<section class="panel" aria-labelledby="found"><h2 id="found">One session</h2>${facts(found)}
${frame.write ? html`<form method="post" action="${frame.base}/sessions/end">${frame.token}<input type="hidden" name="handle" value="${handle}"><button class="danger">End this session</button></form>` : nothing}</section>`)
}

const facts = ({ handle, signedIn, createdAt, expiresAt, size }: SessionInfo): Html => html`<dl class="facts">
<div><dt>Handle</dt><dd><code>${handle}</code></dd></div>
<div><dt>Signed in</dt><dd>${signedIn ? 'yes' : 'no'}</dd></div>
<div><dt>Began</dt><dd>${momentView(createdAt)}</dd></div>
<div><dt>Ends</dt><dd>${momentView(expiresAt)}</dd></div>
<div><dt>Stored</dt><dd>${sizeOf(size)}</dd></div>
</dl>`

type Walk = <T>(work: () => Promise<T>) => Promise<T>

/** Searches that read the whole store wait for each other: a row of impatient clicks must not become as many scans. */
function oneAtATime(): Walk {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work, work)
    last = mine.catch(() => undefined)
    return mine
  }
}
