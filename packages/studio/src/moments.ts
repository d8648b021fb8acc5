import { type Html, html } from './html.ts'

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
/** In a table, below which it is said that it is UTC. */
const short = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
})
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const number = new Intl.NumberFormat('en')
const seconds = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })
const bytes = new Intl.NumberFormat('en', {
  style: 'unit',
  unit: 'byte',
  notation: 'compact',
  unitDisplay: 'narrow',
  maximumFractionDigits: 1,
})

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** "in 29 minutes", "3 hours ago", "just now". */
export function fromNow(moment: Date, now = Date.now()): string {
  const away = moment.getTime() - now
  const [unit, length] = UNITS.find(([, each]) => Math.abs(away) >= each) ?? []
  // What ended within this millisecond is over, too.
  if (!unit) return away <= 0 ? 'just now' : 'in less than a minute'
  return relative.format(Math.trunc(away / length), unit)
}

export const exactly = (moment: Date): string => `${exact.format(moment)} UTC`

/** In words, with the exact moment below it: a title would be out of reach for a keyboard and a finger. */
export function momentView(moment: Date | null): Html {
  if (!moment) return html`<span class="soft">not known</span>`
  return html`<time datetime="${moment.toISOString()}">${fromNow(moment)}<small>${exactly(moment)}</small></time>`
}

/** The same, narrow: without the year, unless it is another one, and without "UTC". */
export function shortMomentView(moment: Date | null): Html {
  if (!moment) return html`<span class="soft">not known</span>`
  const format = moment.getUTCFullYear() === new Date().getUTCFullYear() ? short : exact
  return html`<time datetime="${moment.toISOString()}">${fromNow(moment)}<small>${format.format(moment)}</small></time>`
}

/** "30 minutes", "12 hours", "14 days". */
export function lengthOf(ms: number): string {
  const [unit, length] = UNITS.find(([, each]) => ms >= each) ?? (['second', 1000] as const)
  return plural(Math.round(ms / length), unit)
}

/** How long something took: "12 ms", "1.4 s", "75 s". */
export const spanOf = (ms: number): string =>
  ms < 1000 ? `${number.format(Math.round(ms))} ms` : `${seconds.format(ms / 1000)} s`

export const plural = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${number.format(count)} ${count === 1 ? noun : nouns}`

export const numberOf = (count: number): string => number.format(count)

/** "43KB", "2GB", which ICU calls "2BB", a billion bytes. */
export const sizeOf = (count: number): string => bytes.format(count).replace('BB', 'GB')
