import { StrongroomError, UnsupportedError } from 'strongroom'
import type { StudioContext } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { html } from '../html.ts'

/** A page that could not be made. Operators may read what this library says about a store; of other errors they see none. */
export function failurePage(c: StudioContext, frame: Frame, error: unknown): Promise<Response> {
  const isOurs = error instanceof StrongroomError
  const said = isOurs ? error.message : 'This page failed. The log of the application says more.'
  const isMissing = error instanceof UnsupportedError
  const heading = isMissing ? 'Not with this engine' : isOurs ? 'The store did not answer' : 'That did not work'
  return send(
    c,
    frame,
    { page: null, heading, body: html`${notice('bad', said)}` },
    isMissing ? 200 : isOurs ? error.status : 500,
  )
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
    why: 'Nothing was changed. To end sessions here, start it with “strongroom studio --write”, or mount it with { write: true }.',
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
