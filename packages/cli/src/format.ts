const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

const relativeTime = new Intl.RelativeTimeFormat('en')
const byteCount = new Intl.NumberFormat('en', {
  style: 'unit',
  unit: 'byte',
  notation: 'compact',
  unitDisplay: 'narrow',
})

/** "3 hours ago", "in 28 minutes". */
export function relative(date: Date): string {
  const distance = date.getTime() - Date.now()
  const [unit, length] = UNITS.find(([, size]) => Math.abs(distance) >= size) ?? ['second', 1000]
  return relativeTime.format(Math.trunc(distance / length), unit)
}

/** "2026-11-22 23:24:27 UTC (3 hours ago)". The same on every machine, whatever its time zone. */
export const dateTime = (date: Date) => `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC (${relative(date)})`

/** "43KB", "2GB", which ICU calls "2BB", a billion bytes. */
export const size = (count: number) => byteCount.format(count).replace('BB', 'GB')

export const number = (count: number) => count.toLocaleString('en')

/** "1 session", "1,204 expired sessions". */
export const sessionCount = (count: number, kind = '') =>
  `${number(count)} ${kind && `${kind} `}${count === 1 ? 'session' : 'sessions'}`

/** "1,204 a second"; "" when it is too early to tell. */
export const rate = (count: number, ms: number) =>
  count > 0 && ms >= 1 ? `${number(Math.max(1, Math.round((count * 1000) / ms)))} a second` : ''

/** " in 12.3 s (1,204 a second)", for the end of a sentence; "" for less than a second. */
export const duration = (count: number, ms: number) =>
  ms < 1000
    ? ''
    : ` in ${(ms / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} s${count > 0 ? ` (${rate(count, ms)})` : ''}`
