import { html } from 'hono/html'
import type { Session } from 'strongroom'
import { countOf } from '../shop/basket.ts'
import type { Vault, Visit } from '../vault.ts'
import { logo } from './drawings.ts'
import type { Html } from './html.ts'

export interface Frame {
  readonly title: string
  /** Path of the page that is shown. */
  readonly here: string
  readonly session: Session<Visit>
  readonly vault: Vault
  readonly notices: readonly string[]
  /** Was a cookie just set, and not kept by the browser? */
  readonly cookieLost: boolean
}

const PAGES = [
  { path: '/', name: 'Shop' },
  { path: '/devices', name: 'Devices' },
  { path: '/session', name: 'Session' },
  { path: '/thief', name: 'The thief' },
]

export function layout({ title, here, session, vault, notices, cookieLost }: Frame, body: Html): Html {
  const link = ({ path, name }: (typeof PAGES)[number]) =>
    html`<li><a href="${path}" ${path === here && html`aria-current="page"`}>${name}</a></li>`
  return documentOf(
    title,
    html`
      <header class="top">
        <a class="brand" href="/">${logo}<span>Strongroom</span></a>
        <nav aria-label="Pages"><ul>${PAGES.map(link)}</ul></nav>
        ${whoIsHere(session, here)}
      </header>
      <main id="main" tabindex="-1">
        ${cookieLost && COOKIE_LOST}
        <div role="status">${notices.map((text) => html`<p class="notice">${text}</p>`)}</div>
        ${body}
      </main>
      <footer>
        <p>Sessions are stored in: <span class="engine">${vault.storage}</span>.</p>
        <p>A demonstration: no passwords, and nothing is for sale.</p>
      </footer>`,
  )
}

/** A whole document: what `layout` and the page for errors have in common. */
export function documentOf(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title} · Strongroom</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/style.css">
    <script src="/demo.js" defer></script>
  </head>
  <body>
    <a class="skip" href="#main">Skip to the content</a>
    ${body}
  </body>
</html>
`
}

function whoIsHere(session: Session<Visit>, here: string): Html {
  const count = countOf(session.get('basket'))
  return html`<div class="who">
    <a class="basket-link" href="/#basket">Basket<span class="count" ${count === 0 && 'hidden'}>${count}</span></a>
    ${
      session.userId === null
        ? html`<a class="button small" href="/sign-in" ${here === '/sign-in' && html`aria-current="page"`}>Sign in</a>`
        : html`<span class="name">${session.get('name')}</span>
          <form method="post" action="/sign-out"><button class="quiet small">Sign out</button></form>`
    }
  </div>`
}

const COOKIE_LOST = html`<p class="notice warning" role="alert">
  Your browser did not keep the cookie: it is marked Secure, and this page came over plain http. Chrome, Edge and Firefox
  make an exception for localhost; for other browsers start the demo with <code>npm start -- --plain-cookie</code>.
</p>`
