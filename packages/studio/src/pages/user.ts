import { type Device, UnsupportedError } from 'strongroom'
import type { DevicePage, DevicePlace } from 'strongroom/internal'
import type { Board, StudioContext } from '../board.ts'
import { type Frame, notice, send } from '../frame.ts'
import { type Html, html, nothing } from '../html.ts'
import { numberOf, plural, shortMomentView } from '../moments.ts'
import { lookupForm } from './lookup.ts'
import { userField } from './user-field.ts'

/** How many of a user's sessions a page shows. */
const SHOWN = 100

/** From which session a page goes on, and in which direction; null for the newest. */
export type Place = { readonly olderThan: DevicePlace } | { readonly newerThan: DevicePlace } | null

type Query = Readonly<Record<string, string | undefined>>

/** From an address or a form. What is no place is the newest, as without one. */
export function placeIn({ older, newer }: Query): Place {
  const [olderThan, newerThan] = [read(older), read(newer)]
  if (olderThan) return { olderThan }
  return newerThan ? { newerThan } : null
}

/** "1764000000000.AbCdEfGhIjKlMnOp": when it began, and its handle, which are both on the page. */
function read(text = ''): DevicePlace | null {
  const [, createdAt, handle] = /^(\d{1,15})\.([\w-]{16})$/.exec(text) ?? []
  return createdAt && handle ? { createdAt: Number(createdAt), handle } : null
}

export function placeQuery(place: Place): Record<string, string> {
  if (place === null) return {}
  return 'olderThan' in place ? { older: written(place.olderThan) } : { newer: written(place.newerThan) }
}

const written = ({ createdAt, handle }: { readonly createdAt: number | Date; readonly handle: string }) =>
  `${Number(createdAt)}.${handle}`

export async function userPage(
  c: StudioContext,
  board: Board,
  { user, said }: { user: string; said: Html | string },
): Promise<Response> {
  const frame = board.frame(c)
  const place = placeIn(c.req.query())
  const found = await listed(board, user, place)
  const body =
    found instanceof UnsupportedError
      ? html`${notice('plain', found.message)}${frame.write ? endAll(frame, user) : nothing}`
      : html`<section class="panel" aria-labelledby="found">
<h2 id="found">${found.total === 0 ? 'No live sessions' : plural(found.total, 'live session')}</h2>
${found.total === 0 ? none(user, board) : html`${pager(frame, user, found)}${deviceTable(frame, { user, place, found })}${pager(frame, user, found)}`}
</section>
${frame.write && found.total > 0 ? endAll(frame, user) : nothing}`
  return send(c, frame, {
    page: 'sessions',
    heading: 'Sessions',
    body: html`${lookupForm(frame.base, user)}<div id="done" tabindex="-1">${said}</div>${body}`,
  })
}

/** The user's sessions; or why this engine cannot list them, though it may be able to end them. */
async function listed({ sessions }: Board, user: string, place: Place): Promise<DevicePage | UnsupportedError> {
  try {
    return await sessions.of(user).page({ limit: SHOWN, ...place })
  } catch (error) {
    if (error instanceof UnsupportedError) return error
    throw error
  }
}

const none = (user: string, { sessions, isApplication }: Board): Html =>
  html`<p>This user has no live session. An id that does not exist looks the same: the store knows no ids.${doubt(user)}</p>
${isApplication ? nothing : html`<p class="help">One namespace was searched: that of the cookie <code>${sessions.policy.cookieName}</code>, or the one that <code>--namespace</code> has named.</p>`}`

/** Ids are compared byte by byte, and what was copied from elsewhere is not always what it looks like. */
function doubt(user: string): string {
  if (user !== user.trim()) return ' The id that you entered begins or ends with a space.'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/.test(user))
    return ' The id that you entered has a character that cannot be seen.'
  if (user.includes('\ufffd')) return ' The id that you entered has a character that was lost on the way.'
  if (user.normalize('NFC') !== user.normalize('NFD'))
    return ' The id that you entered has a letter with a mark, which can be written in two ways: composed, or as two characters.'
  return ''
}

/** Links, and no numbers of pages: what a number leads to is another page when a session has begun or ended. */
function pager({ base }: Frame, user: string, { devices, newer, total }: DevicePage): Html | string {
  const [first, last] = [devices.at(0), devices.at(-1)]
  if (devices.length === total || !first || !last) return nothing
  const link = (query: Record<string, string>, words: string) =>
    html`<a href="${base}/sessions?${new URLSearchParams({ user, ...query })}">${words}</a>`
  return html`<nav class="pager" aria-label="Pages"><span>${numberOf(newer + 1)} to ${numberOf(newer + devices.length)}, the newest first</span>
${newer > 0 ? html`${link({}, 'Newest')} ${link({ newer: written(first) }, 'Newer')}` : nothing}
${newer + devices.length < total ? link({ older: written(last) }, 'Older') : nothing}</nav>`
}

interface Table {
  readonly user: string
  readonly place: Place
  readonly found: DevicePage
}

function deviceTable(frame: Frame, { user, place, found: { devices, total } }: Table): Html {
  // Only where the application stores them.
  const hasAddresses = devices.some(({ address }) => address !== null)
  return html`<div class="scroll" role="region" aria-label="Table of sessions" tabindex="0"><table class="cards">
<thead><tr><th scope="col">Device</th>${hasAddresses ? html`<th scope="col">Address</th>` : nothing}<th scope="col">Last use</th><th scope="col">Began</th><th scope="col">Ends</th><th scope="col">Handle</th>${frame.write ? html`<th scope="col"><span class="hidden">Actions</span></th>` : nothing}</tr></thead>
<tbody>${devices.map(
    (device) => html`<tr>
<th scope="row">${device.label ?? 'Unknown device'}${device.deviceBound ? html` <span class="soft">bound</span>` : nothing}</th>
${hasAddresses ? html`<td data-label="Address">${[device.address ?? 'Unknown', ...(device.place ? [device.place] : [])].join(', ')}</td>` : nothing}
<td data-label="Last use">${shortMomentView(device.lastSeenAt)}</td>
<td data-label="Began">${shortMomentView(device.createdAt)}</td>
<td data-label="Ends">${shortMomentView(device.expiresAt)}</td>
<td data-label="Handle"><code>${device.handle}</code></td>
${frame.write ? html`<td class="actions">${endForms(frame, { user, place, device, hasOthers: total > 1 })}</td>` : nothing}
</tr>`,
  )}</tbody></table></div>
<p class="help">Moments are in UTC.</p>`
}

interface Row {
  readonly user: string
  readonly place: Place
  readonly device: Device
  readonly hasOthers: boolean
}

function endForms(frame: Frame, { user, place, device: { handle, label }, hasOthers }: Row): Html {
  const hidden = Object.entries({ handle, ...placeQuery(place) }).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )
  const fields = html`${frame.token}${userField(user)}${hidden}`
  const which = html`<span class="hidden"> ${label ?? 'unknown device'}, ${handle}</span>`
  return html`<form method="post" action="${frame.base}/sessions/end">${fields}<button class="danger">End${which}</button></form>
${hasOthers ? html`<form method="post" action="${frame.base}/sessions/end-others">${fields}<button>End the others<span class="hidden"> than</span>${which}</button></form>` : nothing}`
}

const endAll = (frame: Frame, user: string): Html => html`<details class="panel">
<summary>End all sessions of this user</summary>
<p>The user is signed out everywhere. A login that is under way now is ended, too, which ending the sessions one by one would miss.</p>
<form method="post" action="${frame.base}/sessions/end-all">${frame.token}${userField(user)}<button class="danger">End all sessions of this user</button></form>
</details>`
