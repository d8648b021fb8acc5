import { html } from 'hono/html'
import type { Hit, Look } from '../search/look.ts'
import { isOnlyInMemory } from '../targets/strongroom.ts'
import type { Absent } from '../targets/targets.ts'
import { bytesOfCookie, bytesOfStore, teaserOfCookie, teaserOfStore } from './bytes.ts'
import type { Html } from './html.ts'
import { chip, type Mark } from './verdict.ts'

/** Where the visitor's note is, engine by engine: found, or not found. */
export function placesView(note: string | null, looks: readonly Look[], absent: readonly Absent[]): Html {
  const files = looks.reduce((sum, look) => sum + look.files, 0)
  const bytes = looks.reduce((sum, look) => sum + look.bytes, 0)
  return html`<section id="places" aria-labelledby="places-title">
    <h2 id="places-title">1 · Find it, as a thief would</h2>
    ${
      note === null
        ? html`<p class="soft">Leave a secret above, and see here which of these engines gives it away.</p>`
        : html`<p class="soft">
            Just now, every cookie and ${files} ${files === 1 ? 'file' : 'files'} (${sizeOf(bytes)}) were searched for
            <q><bdi>${note}</bdi></q>: as plain text, in JSON, percent-encoded, in base64 and in hexadecimal. Open a place to see its bytes.
          </p>`
    }
    <div class="places">
      <p class="head" aria-hidden="true"><span>Engine</span><span><span class="long">In your browser: the cookie</span><span class="brief">Cookie</span></span><span><span class="long">On the server: the store</span><span class="brief">Store</span></span></p>
      <ul>${looks.map(note === null ? engineView : placeView)}</ul>
    </div>
    ${absentView(absent)}
  </section>`
}

const nameView = ({ target }: Look) => html`<h3>${target.title}
  <span class="soft">${target.family === 'peer' ? `for comparison: ${target.seal}` : target.seal}</span></h3>`

const engineView = (look: Look) =>
  html`<li class="${look.target.family}">${nameView(look)}<p class="wide soft">sessions are ${look.target.place}</p></li>`

function placeView(look: Look): Html {
  const { target, state } = look
  if (state !== 'kept')
    return html`<li class="${target.family}">${nameView(look)}<p class="wide">${chip('not run', state === 'gone' && target.family === 'peer' ? STARTED_AFRESH : STATES[state])}</p></li>`
  return html`<li class="${target.family}">${nameView(look)}
    ${foldView({ where: 'Cookie', verdict: verdictOf(look.inCookie), teaser: teaserOfCookie(look) }, bytesOfCookie(look))}
    ${storeView(look)}
  </li>`
}

const STARTED_AFRESH = 'The session is gone: what we compare with starts afresh with the demo.'

const STATES: Readonly<Record<Exclude<Look['state'], 'kept'>, string>> = {
  none: 'Your note is not kept here. Keep it again to include this engine.',
  gone: 'The session is gone: this engine forgets at a restart.',
  away: 'The store does not answer.',
}

function storeView(look: Look): Html {
  const { target, inStore, row, files } = look
  if (!row && !inStore)
    return html`<div class="fold"><span class="unseen">Store</span> ${chip('not applicable', `nothing stored${files > 0 ? ' but ends' : ''}`)}</div>`
  const inMemory = inStore && isOnlyInMemory(target.traits)
  const verdict = inMemory ? (['not applicable', 'readable, in memory only'] as const) : verdictOf(inStore)
  return foldView({ where: 'Store', verdict, teaser: teaserOfStore(look) }, bytesOfStore(look))
}

const verdictOf = (hit: Hit | null): readonly [Mark, string] =>
  hit ? ['broken', `found ${hit.how}`] : ['held', 'not found']

interface Fold {
  readonly where: string
  readonly verdict: readonly [Mark, string]
  /** The beginning of what is inside. */
  readonly teaser: Html
}

const foldView = ({ where, verdict: [mark, words], teaser }: Fold, bytes: Html): Html => html`<details class="fold">
    <summary><span class="unseen">${where}</span> ${chip(mark, words)}<code class="teaser" aria-hidden="true">${teaser}</code></summary>
    ${bytes}
  </details>`

function absentView(absent: readonly Absent[]): Html {
  if (absent.length === 0) return html``
  const startable = absent.filter(({ state }) => state === 'installed' || state === 'failed')
  return html`<form class="absent" method="post" action="/servers">
    ${
      startable.length > 0 &&
      html`<p><button class="quiet">Start ${listOf(startable.map(({ title }) => title))}</button>
        <span class="hint">Private and throw-away, on this machine only. A few seconds.</span></p>`
    }
    <ul>${absent.map(lineView)}</ul>
  </form>`
}

function lineView({ title, state, why }: Absent): Html {
  if (state === 'missing') return html`<li class="hint">${title} is not installed: <code>${why}</code></li>`
  if (state === 'starting') return html`<li class="hint">${title} is starting. Reload in a moment.</li>`
  return state === 'failed' ? html`<li class="hint">${title} did not start: ${why}</li>` : html``
}

const listOf = (names: readonly string[]) => new Intl.ListFormat('en').format(names)

function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${Math.round(bytes / 1024 / 1024)} MB`
}
