import { StrongroomError, UnsupportedError } from 'strongroom'
import type { StudioContext } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { userIn } from './user-field.ts'

/** A page that could not be made. Operators may read what this library says about a store; of other errors they see none. */
export function failurePage(c: StudioContext, frame: Frame, error: unknown): Promise<Response> {
  const isOurs = error instanceof StrongroomError
  const said = isOurs ? error.message : 'This page failed. The log of the application says more.'
  const isMissing = error instanceof UnsupportedError
  const heading = isMissing ? 'Not with this engine' : isOurs ? 'The store failed' : 'That did not work'
  return send(
    c,
    frame,
    { page: null, heading, body: html`${notice('bad', said)}${isMissing ? nothing : onward(c, frame)}` },
    isMissing ? 200 : isOurs ? error.status : 500,
  )
}

/** What to do next. A store that failed may have done what a form asked for, and only its answer was lost. */
function onward(c: StudioContext, { base, path }: Frame): Html {
  if (c.req.method === 'GET') return html`<p><a href="${base}${path}${new URL(c.req.url).search}">Try again</a></p>`
  const user = userIn(c.get('fields') ?? {})
  const look =
    user === null
      ? `${base}${path === '/everybody' ? path : '/sessions'}`
      : `${base}/sessions?${new URLSearchParams({ user })}`
  return html`<p>It is not known whether anything was ended. <a href="${look}">Look</a> before you do it again.</p>`
}

export const missingPage = (c: StudioContext, frame: Frame): Promise<Response> =>
  send(
    c,
    frame,
    {
      page: null,
      heading: 'There is no such page',
      body: html`<p>The address leads nowhere in the studio. <a href="${frame.base}/">Go to the overview</a>.</p>`,
    },
    404,
  )

const REFUSED = {
  'read-only': {
    heading: 'The studio is read-only',
    why: 'Nothing was changed. To end sessions here, start it with “strongroom studio --write”, or mount it with { write: true } and a guard that lets you write.',
  },
  forged: {
    heading: 'This form was refused',
    why: 'It did not come from a page of the studio, so that another site may have sent it. Nothing was changed. Go back, load the page again, and repeat what you did.',
  },
} as const

export const refusedPage = (c: StudioContext, frame: Frame, reason: keyof typeof REFUSED): Promise<Response> =>
  send(
    c,
    frame,
    { page: null, heading: REFUSED[reason].heading, body: html`${notice('bad', REFUSED[reason].why)}` },
    403,
  )
