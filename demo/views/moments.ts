import { html } from 'hono/html'
import type { Html } from './html.ts'

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** "in 29 minutes", "3 hours ago", "just now". */
function fromNow(moment: Date, now = Date.now()): string {
  const away = moment.getTime() - now
  const [unit, length] = UNITS.find(([, length]) => Math.abs(away) >= length) ?? []
  if (!unit) return away < 0 ? 'just now' : 'in less than a minute'
  return relative.format(Math.round(away / length), unit)
}

/** A moment in words, with the exact time next to it, which the page's script converts to the visitor's time zone. */
export function momentView(moment: Date | null): Html {
  if (!moment) return html`<span class="soft">not known</span>`
  return html`<span class="moment">${fromNow(moment)}
    <time class="soft" datetime="${moment.toISOString()}">${exact.format(moment)} UTC</time></span>`
}

/** "30 minutes", "12 hours", "14 days". */
export function lengthOf(ms: number): string {
  const [unit, length] = UNITS.find(([, length]) => ms >= length) ?? (['second', 1000] as const)
  const count = Math.round(ms / length)
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
