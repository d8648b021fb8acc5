import type { Device } from 'strongroom'
import { type Html, html, nothing } from '../html.ts'
import type { DevicesWords } from './words.ts'

export interface ListSettings {
  readonly base: string
  readonly words: DevicesWords
  /** The hidden field of each form. */
  readonly token: Html | string
  readonly level: 'h1' | 'h2'
}

/** On one page. */
export const MOST_DEVICES = 100

/** The list and its forms. Null for an engine that cannot list. */
export function listView(devices: readonly Device[] | null, settings: ListSettings): Html {
  const { base, words, token } = settings
  const others = devices === null || devices.some(({ current }) => !current)
  return html`<div class="strongroom-devices" lang="${words.lang}">
${settings.level === 'h1' ? html`<h1>${words.title}</h1>` : html`<h2>${words.title}</h2>`}
<p class="strongroom-lead">${devices === null ? words.unlisted : words.lead}</p>
${
  devices === null
    ? nothing
    : html`<ul>${ordered(devices)
        .slice(0, MOST_DEVICES)
        .map((device) => deviceView(device, settings))}</ul>`
}
${devices !== null && devices.length > MOST_DEVICES ? html`<p class="strongroom-only">${words.onlyNewest.replace('{count}', String(MOST_DEVICES))}</p>` : nothing}
${
  others
    ? html`<form method="post" action="${base}/end-others">${token}<button class="strongroom-all">${words.endOthers}</button></form>`
    : html`<p class="strongroom-alone">${words.noOthers}</p>`
}
</div>`
}

/** This device first: it is what people look for, to know which are the others. */
const ordered = (devices: readonly Device[]) => [...devices].sort((a, b) => Number(b.current) - Number(a.current))

function deviceView(
  { handle, label, current, createdAt, lastSeenAt, deviceBound, ...where }: Device,
  { base, words, token }: ListSettings,
): Html {
  const name = label ?? words.unknownDevice
  return html`<li${current ? html` class="strongroom-current"` : nothing}>
<div><p class="strongroom-name"><strong>${name}</strong>${current ? html` <span class="strongroom-badge">${words.thisDevice}</span>` : nothing}${deviceBound ? html` <span class="strongroom-badge">${words.bound}</span>` : nothing}</p>
<p class="strongroom-when">${lastSeenAt ? html`${phrase(words, words.lastUse, lastSeenAt)} · ` : nothing}${phrase(words, words.began, createdAt)}</p>${whereView(where)}</div>
<form method="post" action="${base}/end">${token}<input type="hidden" name="handle" value="${handle}"><button aria-label="${current ? words.endThis : words.end}: ${name}">${current ? words.endThis : words.end}</button></form>
</li>`
}

/** Where the application stores addresses. */
function whereView({ address, place }: Pick<Device, 'address' | 'place'>): Html | string {
  const known = [place, address].filter((each) => each !== null)
  return known.length > 0 ? html`<p class="strongroom-where">${known.join(' · ')}</p>` : nothing
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** The sentence with a moment in it, as far away as it is, and exact for machines. */
function phrase({ lang }: DevicesWords, sentence: string, moment: Date): Html {
  const [before = '', after = ''] = sentence.split('{when}')
  const away = moment.getTime() - Date.now()
  const [unit, length] = UNITS.find(([, each]) => Math.abs(away) >= each) ?? (['second', 60_000] as const)
  const words = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' }).format(Math.trunc(away / length), unit)
  return html`${before}<time datetime="${moment.toISOString()}">${words}</time>${after}`
}

export interface DocumentSettings {
  readonly base: string
  readonly words: DevicesWords
  readonly stylesheet: string | null
  /** What happened. */
  readonly notice: { readonly text: string; readonly isBad: boolean } | null
}

export function documentView({ base, words, stylesheet, notice }: DocumentSettings, body: Html | string): Html {
  return html`<!doctype html>
<html lang="${words.lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${words.title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${base}/style.css">
${stylesheet === null ? nothing : html`<link rel="stylesheet" href="${stylesheet}">`}
</head>
<body class="strongroom-page">
<main>
${notice === null ? nothing : html`<p class="strongroom-notice${notice.isBad ? ' strongroom-bad' : ''}" role="${notice.isBad ? 'alert' : 'status'}">${notice.text}</p>`}
${body}
</main>
</body>
</html>`
}
