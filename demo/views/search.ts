import { html } from 'hono/html'
import type { Html } from './html.ts'

/** Something of the visitor's that a thief would like to find. */
export interface Secret {
  readonly what: string
  readonly text: string
}

interface Place {
  readonly name: string
  readonly bytes: readonly Uint8Array[]
}

/** Searches each place for each secret, and shows the result. */
export function searchView(secrets: readonly Secret[], places: readonly Place[]): Html {
  if (secrets.length === 0) return html``
  const rows = secrets.map((secret) => ({ ...secret, found: places.map(({ bytes }) => isIn(bytes, secret.text)) }))
  const safe = rows.every(({ found }) => !found.includes(true))
  return html`<section class="panel bytes" aria-labelledby="search">
    <div class="words">
      <h2 id="search" class="verdict ${!safe && 'bad'}">${safe ? 'Nothing of yours can be found' : 'Your data can be read'}</h2>
      <p>${places
        .map(({ name }) => `the ${name}`)
        .join(' and ')
        .replace(/^t/, 'T')} ${places.length > 1 ? 'were' : 'was'} searched for what you put into the session.</p>
    </div>
    <table class="search">
      <thead><tr><th scope="col">Searched for</th>${places.map(({ name }) => html`<th scope="col">In the ${name}</th>`)}</tr></thead>
      <tbody>${rows.map(rowView)}</tbody>
    </table>
  </section>`
}

function rowView({ what, text, found }: Secret & { found: readonly boolean[] }): Html {
  return html`<tr>
    <th scope="row"><q>${text}</q> <span class="soft">${what}</span></th>
    ${found.map((there) => html`<td class="${there && 'found'}">${there ? 'found' : 'not found'}</td>`)}
  </tr>`
}

/** As it is, or as JSON writes it. */
function isIn(bytes: readonly Uint8Array[], text: string): boolean {
  const escaped = JSON.stringify(text).slice(1, -1)
  return bytes.some((some) => Buffer.from(some).includes(text) || Buffer.from(some).includes(escaped))
}
