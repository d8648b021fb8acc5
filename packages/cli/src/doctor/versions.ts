import type { Check, Topic } from './check.ts'

/** Until when each line of a server or runtime gets fixes, as its makers have announced. */
const FIXED_UNTIL = {
  PostgreSQL: {
    12: '2024-11-21',
    13: '2025-11-13',
    14: '2026-11-12',
    15: '2027-11-11',
    16: '2028-11-09',
    17: '2029-11-08',
    18: '2030-11-14',
  },
  MariaDB: {
    '10.5': '2025-06-24',
    '10.6': '2026-07-06',
    '10.11': '2028-02-16',
    '11.4': '2029-05-29',
    '11.8': '2028-06-04',
  },
  MySQL: { '5.7': '2023-10-31', '8.0': '2026-04-30', '8.4': '2032-04-30' },
  Node: { 18: '2025-04-30', 20: '2026-04-30', 22: '2027-04-30', 24: '2028-04-30', 26: '2029-04-30' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

export interface Version {
  readonly program: string
  /** Up to the line that gets fixes of its own: "15", "10.11". */
  readonly line: string
  readonly full: string
  /** Whether this library supports it. */
  readonly isSupported: boolean
  /** What is needed: "12 or later". */
  readonly needed: string
  readonly now: number
}

export function versionCheck(topic: Topic, name: string, version: Version): Check {
  const { program, line, full, isSupported, needed, now } = version
  if (!isSupported) return topic.red(name, `This is ${program} ${full}, which is too old.`, `Use ${program} ${needed}.`)
  const lines: Readonly<Record<string, Readonly<Record<string, string>>>> = FIXED_UNTIL
  const until = lines[program]?.[line]
  if (until !== undefined && Date.parse(until) <= now)
    return topic.amber(
      name,
      `This is ${program} ${full}, and ${program} ${line} gets no fixes from its makers since ${until}.`,
      `Use a later ${program}, unless your system's packages get fixes from its vendor.`,
    )
  return topic.green(name, `This is ${program} ${full}.`)
}
