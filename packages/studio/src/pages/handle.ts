import type { SessionInfo } from 'strongroom'
import type { Board, StudioContext } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { momentView, plural, sizeOf } from '../moments.ts'
import type { Searches, SearchState } from '../searches.ts'
import { lookupForm } from './lookup.ts'

export const HANDLE = /^[\w-]{16}$/

/** In ms: after that, the page says that the search goes on, and loads again. */
const TIME_LIMIT = 1500
/** In seconds. */
const LOAD_AGAIN = 2
const TRY_AGAIN = 10

export interface HandlePages {
  find(c: StudioContext, handle: string): Promise<Response>
  end(c: StudioContext, handle: string): Promise<Response>
}

/** One session of which an operator has the handle. A store has no index of handles, so each search reads it from the beginning. */
export function handlePages(board: Board, searches: Searches): HandlePages {
  const nameOfEnd = (handle: string) => `end ${handle}`
  return {
    async find(c, handle) {
      const frame = board.frame(c)
      if (!HANDLE.test(handle)) return wrongPage(c, frame)
      // The form to end it leads here when that takes long.
      const ending = await searches.follow<boolean>(nameOfEnd(handle), TIME_LIMIT)
      if (ending?.state === 'done') return ended(c, ending.value)
      const found = ending ?? (await searches.ask(handle, () => board.sessions.find(handle), { limit: TIME_LIMIT }))
      return found.state === 'done' ? foundPage(c, frame, found.value) : waitingPage(c, frame, { handle, found })
    },
    async end(c, handle) {
      const frame = board.frame(c)
      if (!HANDLE.test(handle)) return wrongPage(c, frame)
      const operator = c.get('operator')
      const work = async () => {
        const hasEnded = await board.sessions.revoke(handle)
        if (hasEnded) board.report({ type: 'ended', what: 'one', handle, count: 1, operator })
        return hasEnded
      }
      const ending = await searches.ask(nameOfEnd(handle), work, { limit: TIME_LIMIT, mustRun: true })
      if (ending.state === 'done') return ended(c, ending.value)
      if (ending.state === 'busy') return waitingPage(c, frame, { handle, found: ending })
      return c.redirect(`${frame.base}/sessions?${new URLSearchParams({ handle })}`, 303)
    },
  }
}

const ended = (c: StudioContext, hasEnded: boolean): Response =>
  c.redirect(`${c.env.base}/sessions?done=one&count=${hasEnded ? 1 : 0}`, 303)

const page = (c: StudioContext, frame: Frame, body: Html, options: { again?: number; status?: number } = {}) =>
  send(
    c,
    frame,
    { page: 'sessions', heading: 'Sessions', body, ...(options.again && { again: options.again }) },
    options.status,
  )

/** A cookie or an id that was pasted into the wrong place is not repeated. */
const wrongPage = (c: StudioContext, frame: Frame): Promise<Response> =>
  page(
    c,
    frame,
    html`${notice('bad', 'That is not a handle: it has 16 characters. A cookie or an id is not a handle.')}${forms(frame)}`,
    { status: 400 },
  )

interface Waiting {
  readonly handle: string
  readonly found: Exclude<SearchState<unknown>, { readonly state: 'done' }>
}

function waitingPage(c: StudioContext, frame: Frame, { handle, found }: Waiting): Promise<Response> {
  if (found.state === 'busy') {
    c.header('Retry-After', String(TRY_AGAIN))
    const why = html`Too many searches by handle are under way, and each reads the whole store. This one did not begin, and nothing was changed. Try again in a moment, or look for the session by its user.`
    return page(c, frame, html`${notice('bad', why)}${forms(frame, handle)}`, { status: 503 })
  }
  const turn = found.before > 0 ? ` ${plural(found.before, 'other search', 'other searches')} first.` : ''
  return page(
    c,
    frame,
    html`${notice('plain', `Reading the store for ${handle} …${turn} This page loads again by itself.`)}`,
    {
      again: LOAD_AGAIN,
    },
  )
}

function foundPage(c: StudioContext, frame: Frame, found: SessionInfo | null): Promise<Response> {
  if (!found) return page(c, frame, html`${notice('plain', 'No live session has this handle.')}${forms(frame)}`)
  const end = html`<form method="post" action="${frame.base}/sessions/end">${frame.token}<input type="hidden" name="handle" value="${found.handle}"><button class="danger">End this session</button></form>`
  return page(
    c,
    frame,
    html`<section class="panel" aria-labelledby="found"><h2 id="found">One session</h2>${facts(found)}${frame.write ? end : nothing}</section>${forms(frame)}`,
  )
}

const facts = ({
  handle,
  signedIn,
  createdAt,
  expiresAt,
  size,
  deviceBound,
}: SessionInfo): Html => html`<dl class="facts">
<div><dt>Handle</dt><dd><code>${handle}</code></dd></div>
<div><dt>Signed in</dt><dd>${signedIn ? 'yes' : 'no'}</dd></div>
<div><dt>Began</dt><dd>${momentView(createdAt)}</dd></div>
<div><dt>Ends</dt><dd>${momentView(expiresAt)}</dd></div>
${deviceBound ? html`<div><dt>Bound</dt><dd>to one device</dd></div>` : nothing}
<div><dt>Stored</dt><dd>${sizeOf(size)}</dd></div>
</dl>`

const forms = ({ base }: Frame, handle = ''): Html => html`${lookupForm(base)}${handleForm(base, handle)}`

export const handleForm = (
  base: string,
  handle = '',
): Html => html`<form class="lookup" action="${base}/sessions" method="get">
<label for="handle">One session, by its handle</label>
<div class="field"><input id="handle" name="handle" value="${handle}" required minlength="16" maxlength="16" pattern="[\\w\\-]{16}" autocomplete="off" spellcheck="false" aria-describedby="handle-help"><button>Find</button></div>
<p class="help" id="handle-help">16 characters, as in events and logs. The store has no index of handles: this reads it from the beginning, which takes a while when it is large. A user’s sessions are found without that.</p>
</form>`
