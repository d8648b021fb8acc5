import { ConfigError, StoreError } from 'strongroom'
import { LATEST } from '../expiry.ts'

/** How a column without a time zone stores moments: as the time on the clock of one zone. */
export interface RowTime {
  text(ms: number): string
  /** Of the rows that are at or before this text, Django accepts none any more, neither at `ms` nor later. */
  now(ms: number): string
  /** The last moment at which a clock shows this text. Throws `StoreError` for what is not a date. */
  ms(text: unknown): number
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

/**
 * Checks the option `timeZone`: TIME_ZONE of a Django with USE_TZ=False, or of its entry in DATABASES. Default UTC. Throws
 * `ConfigError`, naming `where`.
 */
export function rowTime(where: string, timeZone: string | undefined): RowTime {
  if (timeZone === undefined) return { text: utcText, now: utcText, ms: fromUtcText }
  const offsetAt = offsetsOf(where, timeZone)
  const clock = (ms: number) => ms + offsetAt(ms)
  return {
    text: (ms) => utcText(clock(ms)),
    now: (ms) => utcText(Math.min(clock(ms), clockAfterSetback(ms, offsetAt))),
    ms(text) {
      const shown = fromUtcText(text)
      const both = [shown - offsetAt(shown - DAY), shown - offsetAt(shown + DAY)]
      const exact = both.filter((ms) => clock(ms) === shown)
      // Twice, when clocks are put back. Never, when they are put forward: then Django counts on as if they had not been.
      return Math.max(...(exact.length > 0 ? exact : both))
    },
  }
}

/**
 * What the clock shows right after it is put back, if that is about to happen; otherwise Infinity. Then Django accepts again what
 * was over for an hour, so that it must not be deleted yet.
 */
function clockAfterSetback(ms: number, offsetAt: (ms: number) => number): number {
  let [before, after] = [ms, ms + 3 * HOUR]
  const later = offsetAt(after)
  if (later >= offsetAt(before)) return Number.POSITIVE_INFINITY
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offsetAt(middle) === later) after = middle
    else before = middle
  }
  return after + later
}

/** How far ahead of UTC the clocks of a zone are at a moment, in ms. */
function offsetsOf(where: string, timeZone: string): (ms: number) => number {
  const format = formatOf(where, timeZone)
  return (ms) => {
    const name = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? ''
    const [, sign, hours = 0, minutes = 0, seconds = 0] = /([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(name) ?? []
    return (sign === '-' ? -1000 : 1000) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds))
  }
}

function formatOf(where: string, timeZone: unknown): Intl.DateTimeFormat {
  const refused = `${where}: timeZone must be the name of a time zone, as in Django's TIME_ZONE: "America/New_York".`
  if (typeof timeZone !== 'string') throw new ConfigError(refused)
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  } catch (cause) {
    throw new ConfigError(refused, { cause })
  }
}

/** `2023-11-28 22:13:20` in UTC, with a fraction only if it is not zero: the format of Django on SQLite, which MySQL parses, too. */
function utcText(ms: number): string {
  const [day, time = ''] = new Date(Math.min(ms, LATEST)).toISOString().slice(0, -1).split('T')
  return `${day} ${time.replace(/\.000$/, '').replace(/(\.\d+)$/, '$1000')}`
}

/** The reverse. The fraction may have six digits. */
function fromUtcText(value: unknown): number {
  const ms = Date.parse(
    `${String(value)
      .replace(' ', 'T')
      .replace(/(\.\d{3})\d*$/, '$1')}Z`,
  )
  if (Number.isNaN(ms)) throw new StoreError('The expire_date of a row in django_session is not a date.')
  return ms
}
