import { html } from 'hono/html'
import type { Html } from './html.ts'

export interface Documentation {
  readonly name: string
  readonly text: string
  /** The section that a link names. */
  readonly section: string | null
}

/** As it is written: Markdown is made to be read. */
export function documentationView({ name, text, section }: Documentation): Html {
  return html`<div class="documentation">
    <p class="soft">docs/${name}</p>
    <h1>From the documentation</h1>
    ${
      section === null
        ? html`<pre class="prose panel" tabindex="0">${text}</pre>`
        : html`<pre class="prose panel" tabindex="0">${section.trim()}</pre>
          <details><summary>The whole page</summary><pre class="prose panel" tabindex="0">${text}</pre></details>`
    }
  </div>`
}

/** "docs/login.md#logout" as an address of the demo. */
export function docsAddress(link: string): string {
  const [path = '', anchor] = link.split('#')
  return `/${path}${anchor ? `?section=${encodeURIComponent(anchor)}` : ''}`
}
