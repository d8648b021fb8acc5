import { createHash } from 'node:crypto'
import { NO_STORE, SECURITY_HEADERS } from '../headers.ts'
import { type Html, html } from '../html.ts'
import type { Opened } from '../link.ts'

/** On the page itself: anyone at the door gets no file of the studio. */
const STYLE = `:root{color-scheme:light dark;font:clamp(18px,4px + .5vw,27px)/1.5 system-ui,sans-serif;background:light-dark(#eef1f0,#0c1110);color:light-dark(#12201e,#e6eeec)}
body{margin:0;min-height:100vh;display:grid;place-content:center;padding:1rem;box-sizing:border-box}
main{max-width:32rem;padding:2rem;border-radius:14px;background:light-dark(#fff,#151c1b);border:1px solid light-dark(#c8d1cf,#2b3735)}
h1{margin:0 0 .6rem;font-size:1.5rem;line-height:1.2}p{margin:.6rem 0 0}a{color:inherit}code{font-family:ui-monospace,monospace;font-size:.9em}`
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

function page(status: number, heading: string, body: Html, headers: Readonly<Record<string, string>> = {}): Response {
  const text = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${heading} · Strongroom</title><link rel="icon" href="data:,"><style>`
  const document = `${text}${STYLE}${html`</style></head><body><main><h1>${heading}</h1>${body}</main></body></html>`}`
  const csp = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  return new Response(document, {
    status,
    headers: {
      ...SECURITY_HEADERS,
      'Content-Security-Policy': csp,
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': NO_STORE,
      ...headers,
    },
  })
}

/**
 * A page and not a redirect: after a link from another site, such as a terminal in a browser, a redirect would not send the cookie,
 * which is SameSite=Strict.
 */
export const openedPage = (base: string): Response =>
  page(200, 'The studio is open', html`<p><a href="${base}/">Go on</a> if this page does not do so by itself.</p>`, {
    Refresh: `0; url=${base}/`,
  })

const ANOTHER = html`<p>For a new link, press Enter in the terminal where <code>strongroom studio</code> runs. If it does not run in a terminal, start it again.</p>`

const UNOPENED: Readonly<Record<Exclude<Opened, 'good'>, readonly [number, string, string]>> = {
  used: [
    410,
    'This link was used',
    'Each link opens the studio once, in one browser. If that was not you, somebody else has read it: stop the studio, and look who can see your terminal.',
  ],
  expired: [410, 'This link is too old', 'A link waits ten minutes to be opened.'],
  unknown: [404, 'This link opens nothing', 'It is incomplete, or belongs to a studio that was stopped.'],
}

export function unopenedPage(why: Exclude<Opened, 'good'>): Response {
  const [status, heading, text] = UNOPENED[why]
  return page(status, heading, html`<p>${text}</p>${ANOTHER}`)
}

export const strangerPage = (): Response =>
  page(
    401,
    'Open the studio by its link',
    html`<p>This browser has not opened it, or the address has lost its beginning, or it was left alone for two hours, or its twelve hours are over, or it does not keep the cookie.</p>${ANOTHER}`,
  )
