import type { Context } from 'hono'
import { assetUrl } from './assets.ts'
import { NO_STORE } from './headers.ts'
import { type Html, html, nothing } from './html.ts'

/** What every page knows about its request. */
export interface Frame {
  /** The path that the studio is mounted at: "" or "/studio". */
  readonly base: string
  /** Below it: "/sessions". */
  readonly path: string
  readonly theme: Theme
  /** The name that the guard returned. */
  readonly operator: string | null
  readonly write: boolean
  /** What the page is about: "postgres", or the title that was given. */
  readonly title: string
  readonly pages: readonly PageName[]
  /** For every form that is sent by POST: a hidden field, where one is needed. */
  readonly token: Html | string
}

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export type PageName = 'overview' | 'sessions' | 'figures' | 'lab' | 'advisor' | 'doctor' | 'everybody'

const PAGES: Readonly<Record<PageName, { readonly path: string; readonly label: string }>> = {
  overview: { path: '/', label: 'Overview' },
  sessions: { path: '/sessions', label: 'Sessions' },
  figures: { path: '/figures', label: 'Figures' },
  lab: { path: '/lab', label: 'Lab' },
  advisor: { path: '/advisor', label: 'Advisor' },
  doctor: { path: '/doctor', label: 'Doctor' },
  everybody: { path: '/everybody', label: 'Breach' },
}

export interface PageContent {
  readonly page: PageName | null
  readonly heading: string
  readonly lead?: Html | string
  readonly body: Html
  /** Scripts and styles of this page alone. */
  readonly scripts?: readonly string[]
  readonly styles?: readonly string[]
  /** Seconds after which the page loads again, while something runs. */
  readonly again?: number
}

/** Sends a page of the studio. */
export async function send(c: Context, frame: Frame, content: PageContent, status = 200): Promise<Response> {
  c.header('Cache-Control', NO_STORE)
  if (content.again !== undefined) c.header('Refresh', String(content.again))
  return c.html(await document(frame, content), status as 200)
}

function document(frame: Frame, content: PageContent): Html {
  const { base, theme } = frame
  return html`<!doctype html>
<html lang="en" data-theme="${theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${theme === 'system' ? 'light dark' : theme}">
<title>${content.heading} · ${frame.title} · Strongroom</title>
<link rel="icon" href="${assetUrl(base, 'icon.svg')}" type="image/svg+xml">
${[...(content.styles ?? []), 'studio.css'].map((name) => html`<link rel="stylesheet" href="${assetUrl(base, name)}">`)}
${(content.scripts ?? []).map((name) => html`<script defer src="${assetUrl(base, name)}"></script>`)}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<div class="frame">
${header(frame, content.page)}
<main id="main" tabindex="-1">
<header class="head">
<h1>${content.heading}</h1>
${content.lead ? html`<p class="lead">${content.lead}</p>` : nothing}
</header>
${content.body}
</main>
${footer(frame)}
</div>
</body>
</html>`
}

function header(frame: Frame, current: PageName | null): Html {
  const { base } = frame
  return html`<header class="side">
<a class="brand" href="${base}/"><img src="${assetUrl(base, 'icon.svg')}" alt="" width="28" height="28"><span>Strongroom <span class="soft">${frame.title}</span></span></a>
<nav aria-label="Studio"><ul>${frame.pages.map((name) => {
    const { path, label } = PAGES[name]
    return html`<li><a href="${base}${path}"${name === current ? html` aria-current="page"` : nothing}>${label}</a></li>`
  })}</ul></nav>
</header>`
}

function footer(frame: Frame): Html {
  const { base, theme, path } = frame
  return html`<footer class="foot">
<p class="mode ${frame.write ? 'may-write' : ''}">${frame.write ? 'May end sessions' : 'Read-only'}${frame.operator ? html` · ${frame.operator}` : nothing}</p>
<div class="themes" role="group" aria-label="Colours">${THEMES.map(
    (each) =>
      html`<a href="${base}/theme/${each}?from=${encodeURIComponent(path)}"${each === theme ? html` aria-current="true"` : nothing}>${each === 'system' ? 'System' : each === 'light' ? 'Light' : 'Dark'}</a>`,
  )}</div>
</footer>`
}

/** What happened, at the top of a page; screen readers say it. */
export const notice = (kind: 'good' | 'bad' | 'plain', text: Html | string): Html =>
  html`<p class="notice ${kind}" role="${kind === 'bad' ? 'alert' : 'status'}">${text}</p>`
