import type { Check, Topic } from './check.ts'

/**
 * The first release of each line without CVE-2025-49844: anyone who may run a script, as the application must, could take over the
 * server. As of the makers' release notes of October 2025; later holes are not looked for. A line that is not here and is older than the last one got no fix from its makers.
 */
const MENDED = {
  Redis: { '6.2': 20, '7.2': 11, '7.4': 6, '8.0': 4, '8.2': 2 },
  Valkey: { '7.2': 11, '8.0': 6, '8.1': 4 },
} as const

export function redisVersionCheck(topic: Topic, server: string, full: string): Check {
  const name = 'redis-version'
  const [major = Number.NaN, minor = 0, patch = 0] = full.split('.').map(Number)
  if (full === '' || Number.isNaN(major)) return topic.unknown(name, `${server} does not tell its version.`)
  if (server === 'Redis' && (major < 6 || (major === 6 && minor < 2)))
    return topic.red(name, `This is Redis ${full}, which is too old.`, 'Use Redis 6.2 or later, or Valkey.')
  const lines: Readonly<Record<string, number>> = server === 'Valkey' ? MENDED.Valkey : MENDED.Redis
  const least = lines[`${major}.${minor}`]
  const last = Object.keys(lines).at(-1) ?? ''
  const isLater = last.localeCompare(`${major}.${minor}`, 'en', { numeric: true }) < 0
  if (isLater || (least !== undefined && patch >= least))
    return topic.green(name, `This is ${server} ${full}, which has the fix of CVE-2025-49844.`)
  return topic.amber(
    name,
    `This is ${server} ${full}, in which anyone who may run scripts can take over the server (CVE-2025-49844).`,
    `Use ${server} ${least === undefined ? last : `${major}.${minor}`}.${least ?? lines[last]} or later, unless your system's packages have the fix.`,
  )
}
