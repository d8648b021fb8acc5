import type { DeviceSignals, SignalName } from '../events.ts'
import { networkOf } from '../session/address.ts'
import { describeDevice } from '../session/device.ts'

/**
 * What is compared, in the order in which it is stored. Client hints are three, because a browser may send some of them: what is missing
 * says nothing about the others.
 */
const COLUMNS: readonly SignalName[] = ['family', 'hints', 'hints', 'hints', 'network']

/** One value for each column; '' where it is unknown. */
export type Present = readonly string[]

/** The headers that tell of a device. */
export interface DeviceHeaders {
  readonly userAgent: string | undefined
  /** `Sec-CH-UA`, `Sec-CH-UA-Platform` and `Sec-CH-UA-Mobile` (User-Agent Client Hints §3). */
  readonly brands: string | undefined
  readonly platform: string | undefined
  readonly mobile: string | undefined
}

/** Of what a visitor wrote, no more than this is read, and of one word of it, no more than that is stored. */
const [MOST_READ, LONGEST_WORD] = [1000, 32]
const MOST_BRANDS = 4
/** How many values of a column a session remembers: the login's, and the others that it was seen with last. */
const REMEMBERED = 4

/** The values of the headers: coarse, and without what separates them where they are stored. */
export function deviceOf({ userAgent, brands, platform, mobile }: DeviceHeaders): Present {
  return [
    familyOf(userAgent),
    brandsOf(brands),
    wordOf(platform ?? ''),
    mobile === '?1' || mobile === '?0' ? mobile : '',
  ]
}

/** As in lists of devices; otherwise the product that a program names first: the version changes weekly, and is dropped. */
function familyOf(given: string | undefined): string {
  const userAgent = given?.slice(0, MOST_READ).trim()
  if (!userAgent) return ''
  return describeDevice(userAgent) ?? /^[\w.-]+/.exec(userAgent)?.[0].slice(0, LONGEST_WORD) ?? 'other'
}

/** Sorted, because browsers shuffle them; without versions, and without the brand that is made up to keep readers of the list honest. */
function brandsOf(given = ''): string {
  const all = [...given.slice(0, MOST_READ).matchAll(/"((?:[^"\\]|\\.)*)"\s*(?:;\s*v="[^"]*")?/g)].map(
    ([, name = '']) => name,
  )
  const real = all.filter((name) => name.replace(/[^a-z]/gi, '').toLowerCase() !== 'notabrand')
  return [...new Set(real.map(wordOf))].filter(Boolean).sort().slice(0, MOST_BRANDS).join(', ')
}

const wordOf = (text: string) =>
  text
    .slice(0, MOST_READ)
    .replace(/[^\w .-]/g, '')
    .trim()
    .slice(0, LONGEST_WORD)

/** As it is stored with the session: columns by `|`, and in each the login's value first. */
const textOf = (columns: readonly (readonly string[])[]) => columns.map((values) => values.join(';')).join('|')

const columnsOf = (seen: string | undefined): readonly (readonly string[])[] => {
  const columns = seen?.split('|') ?? []
  return COLUMNS.map((_, at) => columns[at]?.split(';').filter(Boolean) ?? [])
}

/** Which of these the session was never seen with. What is unknown now, or was never known, is no change. */
export function changesIn(seen: string | undefined, present: Present): readonly SignalName[] {
  const columns = columnsOf(seen)
  const changed = COLUMNS.filter((_, at) => isNews(columns[at] ?? [], present[at] ?? ''))
  return [...new Set(changed)]
}

const isNews = (known: readonly string[], value: string) => value !== '' && known.length > 0 && !known.includes(value)

/** With what was not known of the session before; not with what has changed. */
export const learned = (seen: string | undefined, present: Present): string =>
  textOf(columnsOf(seen).map((known, at) => (known.length > 0 || !present[at] ? known : [present[at]])))

/** With what has changed, too. */
export const remembered = (seen: string | undefined, present: Present): string =>
  textOf(
    columnsOf(learned(seen, present)).map((known, at) =>
      isNews(known, present[at] ?? '') ? added(known, present[at] as string) : known,
    ),
  )

/** Of the others, the one that was noticed first makes room. */
const added = ([first = '', ...others]: readonly string[], value: string) => [
  first,
  ...[...others, value].slice(1 - REMEMBERED),
]

/** As the application is told of it. */
export function signalsOf(present: Present): DeviceSignals {
  const [family, brands, platform, mobile, network] = present.map((value) => value || null)
  return {
    family: family ?? null,
    hints: { brands: brands ?? null, platform: platform ?? null, mobile: mobile ? mobile === '?1' : null },
    network: network ? networkOf(network) : null,
  }
}

/** The same of the login. */
export const loginSignals = (seen: string | undefined): DeviceSignals =>
  signalsOf(columnsOf(seen).map(([first = '']) => first))
