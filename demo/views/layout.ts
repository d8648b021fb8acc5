import { html } from 'hono/html'
import { logo } from './drawings.ts'
import type { Html } from './html.ts'

export interface Frame {
  readonly title: string
  /** Path of the page that is shown. */
  readonly here: string
  readonly notices: readonly string[]
  /** Was a cookie just set, and not kept by the browser? */
  readonly cookieLost: boolean
}

const PAGES = [
  { path: '/', name: 'Your secret' },
  { path: '/#attacks', name: 'Attacks' },
  { path: '/lab', name: 'The lab' },
]

export function layout({ title, here, notices, cookieLost }: Frame, body: Html): Html {
  const link = ({ path, name }: (typeof PAGES)[number]) =>
    html`<li><a href="${path}" ${path === here && html`aria-current="page"`}>${name}</a></li>`
  return documentOf(
    title,
    html`
      <header class="top">
        <a class="brand" href="/">${logo}<span>Strongroom</span></a>
        <nav aria-label="Pages"><ul>${PAGES.map(link)}</ul></nav>
      </header>
      <main id="main" tabindex="-1">
        ${cookieLost && COOKIE_LOST}
        <div role="status">${notices.map((text) => html`<p class="notice">${text}</p>`)}</div>
        ${body}
      </main>
      <footer>
        <p>Everything here happens on this machine, over HTTP, while you watch.</p>
      </footer>`,
  )
}

const STYLES = ['base', 'start', 'attacks', 'narrow']

/** A whole document: what `layout` and the page for errors have in common. */
export function documentOf(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title} · Strongroom</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    ${STYLES.map((name) => html`<link rel="stylesheet" href="/${name}.css">`)}
    <script src="/demo.js" defer></script>
  </head>
  <body>
    <a class="skip" href="#main">Skip to the content</a>
    ${body}
  </body>
</html>
`
}

const COOKIE_LOST = html`<p class="notice warning" role="alert">
  Your browser did not keep the cookie: it is marked Secure, and this page came over plain http. Chrome, Edge and Firefox
  make an exception for localhost; for other browsers start the demo with <code>npm start -- --plain-cookie</code>. If you
  refuse all cookies, the attacks work nevertheless, and your note is not kept.
</p>`
