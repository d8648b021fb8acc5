import { html } from 'hono/html'
import { logo } from './drawings.ts'
import type { Html } from './html.ts'
import { documentOf } from './layout.ts'

const TITLES: Readonly<Record<number, string>> = {
  403: 'That came from another site',
  404: 'No such page',
  409: 'That came too late',
  503: 'Not now',
}

export function errorView(status: number, message: string): Html {
  const title = TITLES[status] ?? 'That did not work'
  return documentOf(
    title,
    html`
      <header class="top"><a class="brand" href="/">${logo}<span>Strongroom</span></a></header>
      <main id="main" tabindex="-1">
        <div class="narrow">
        <p class="soft">${status}</p>
        <h1>${title}</h1>
        <p class="lead">${message}</p>
        <p><a class="button" href="/">To the start page</a></p>
        </div>
      </main>`,
  )
}
