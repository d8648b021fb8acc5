import type { Check, Topic } from './check.ts'

/**
 * Until when each line of a server or runtime gets fixes, as its makers had announced in November 2026: postgresql.org/support/versioning,
 * mariadb.org/about/#maintenance-policy, Oracle's Lifetime Support Policy, and github.com/nodejs/Release. Of a line that is not here,
 * nothing is known, and nothing is said.
 */
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
    '10.7': '2023-02-09',
    '10.8': '2023-05-20',
    '10.9': '2023-08-22',
    '10.10': '2023-11-17',
    '10.11': '2028-02-16',
    '11.0': '2024-06-06',
    '11.1': '2024-08-21',
    '11.2': '2024-11-21',
    '11.4': '2029-05-29',
    '11.8': '2028-06-04',
  },
  // Of what is between two long-term lines, the next one ends the fixes.
  MySQL: {
    '5.7': '2023-10-31',
    '8.0': '2026-04-30',
    '8.1': '2023-10-25',
    '8.2': '2023-12-14',
    '8.3': '2024-04-10',
    '8.4': '2032-04-30',
    '9.0': '2024-10-15',
    '9.1': '2025-01-21',
    '9.2': '2025-04-15',
    '9.3': '2025-07-22',
    '9.4': '2025-10-21',
    '9.5': '2026-01-20',
    '9.6': '2026-04-21',
  },
  Node: {
    18: '2025-04-30',
    20: '2026-04-30',
    22: '2027-04-30',
    23: '2025-06-01',
    24: '2028-04-30',
    25: '2026-06-01',
    26: '2029-04-30',
  },
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
  if (until === undefined)
    return topic.unknown(
      name,
      `This is ${program} ${full}. Until when ${program} ${line} gets fixes is not known to this program.`,
      'A later @strongroom/cli may know it; its makers do.',
    )
  if (Date.parse(until) <= now)
    return topic.amber(
      name,
      `This is ${program} ${full}, and ${program} ${line} gets no fixes from its makers since ${until}.`,
      `Use a later ${program}, unless your system's packages get fixes from its vendor.`,
    )
  return topic.green(name, `This is ${program} ${full}.`)
}
