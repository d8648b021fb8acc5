import type { Hono } from 'hono'
import type { PolicyFacts, StoreStats } from 'strongroom'
import type { Board, Env } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { type Done, Job } from '../job.ts'
import { fromNow, lengthOf, numberOf, plural, sizeOf, spanOf } from '../moments.ts'
import { isAskedHere } from './asked.ts'
import { isPromised, promisesKept } from './lab.ts'
import { lookupForm } from './lookup.ts'
import { reasonOf } from './reason.ts'

/** How long a page waits for a count before it shows that one is under way. */
const TIME_LIMIT = 1500

export function overviewPages(app: Hono<Env>, board: Board): void {
  const count = new Job<StoreStats>(() => board.sessions.stats())
  app.get('/', (c) => {
    const frame = board.frame(c)
    const { policy } = board.sessions
    return send(c, frame, {
      page: 'overview',
      heading: 'Overview',
      body: html`${lookupForm(frame.base)}
${totals(frame, count)}
<section class="panel" aria-labelledby="policy"><h2 id="policy">How sessions are kept</h2>${policyView(policy, board.isApplication)}</section>
${promises(frame, board)}`,
      ...(count.isRunning && { again: 2 }),
    })
  })
  app.get('/count', async (c) => {
    if (isAskedHere(c)) await count.run(TIME_LIMIT)
    return c.redirect(`${c.env.base}/#totals`, 303)
  })
}

function totals({ base }: Frame, count: Job<StoreStats>): Html {
  const failed =
    count.error === null ? nothing : notice('bad', html`The sessions could not be counted: ${reasonOf(count.error)}`)
  return html`<section class="panel" aria-labelledby="totals"><h2 id="totals">Totals</h2>
${failed}${count.last ? tiles(count.last) : nothing}
${
  count.isRunning
    ? notice('plain', 'Counting … This page loads again by itself.')
    : html`<form action="${base}/count" method="get"><button>${count.last ? 'Count again' : 'Count the sessions'}</button><p class="help">Reads the whole store, page by page and beside live traffic.</p></form>`
}</section>`
}

function tiles({ value, at, ms }: Done<StoreStats>): Html {
  const { live, signedIn, anonymous, bytes, expired, otherNamespaces } = value
  const tile = (name: string, number: string) => html`<div><dt>${name}</dt><dd>${number}</dd></div>`
  return html`<dl class="tiles">${tile('Live', numberOf(live))}${tile('Signed in', numberOf(signedIn))}${tile('Anonymous', numberOf(anonymous))}${tile('Stored', sizeOf(bytes))}${tile('Expired, waiting', numberOf(expired))}</dl>
<p class="help">Counted ${fromNow(at)}, in ${spanOf(ms)}.${otherNamespaces > 0 ? ` ${plural(otherNamespaces, 'session')} of other namespaces in this store ${otherNamespaces === 1 ? 'is' : 'are'} not counted.` : ''}</p>`
}

const DURABLE = {
  no: 'No: they end with the process',
  process: 'A crash of the process, not of the machine',
  machine: 'A crash of the process, and of the machine',
} as const
const SHARED = {
  process: 'This process alone',
  machine: 'Every process of this machine',
  network: 'Every server',
} as const

function policyView(policy: PolicyFacts, isApplication: boolean): Html {
  const { engine, traits } = policy
  return html`<dl class="facts">
${fact('Engine', engine)}
${isApplication ? agreed(policy) : nothing}
${fact('Survives', DURABLE[traits.durable])}
${fact('Seen by', SHARED[traits.shared])}
${fact('Can be ended from here', traits.revocable ? 'yes' : 'no: a copied cookie stays good until its deadline')}
${fact('May drop live sessions', traits.evicts ? 'yes, when memory is short' : 'no')}
</dl>${isApplication ? nothing : html`<p class="help">The store was opened by its URL, which does not say which cookie, seal and deadlines the application has chosen.</p>`}`
}

const fact = (name: string, value: Html | string): Html => html`<div><dt>${name}</dt><dd>${value}</dd></div>`

/** What `createSessions` was told. */
const agreed = ({ seal, cipher, crypto, transport, cookieName, idle, absolute, remember }: PolicyFacts): Html =>
  html`${fact('Seal', seal === 'none' ? 'none' : `${seal}, ${cipher}, computed by ${crypto === 'sodium' ? 'libsodium' : 'node:crypto'}`)}
${transport === 'bearer' ? fact('Token', html`<code>Authorization</code>`) : fact('Cookie', html`<code>${cookieName}</code>`)}
${fact('Ends without use', idle === 0 ? 'never' : `after ${lengthOf(idle)}`)}
${fact('Ends in any case', `after ${lengthOf(absolute)}, remembered ones after ${lengthOf(remember)}`)}`

function promises({ base }: Frame, { panels: { lab, doctor } }: Board): Html | string {
  if (!lab && !doctor) return nothing
  const broken = lab ? lab.cells.filter((cell) => isPromised(cell) && cell.verdict === 'broken').length : 0
  return html`<section class="panel" aria-labelledby="proof"><h2 id="proof">What it withstands</h2><ul class="plain">
${lab ? html`<li><a href="${base}/lab">Lab</a>: ${promisesKept(lab)}${broken > 0 ? html` <strong class="bad">${plural(broken, 'promise')} broken.</strong>` : nothing}</li>` : nothing}
${doctor ? html`<li><a href="${base}/doctor">Doctor</a>: examines the store, the cookie and the secrets of this deployment.</li>` : nothing}
</ul></section>`
}
