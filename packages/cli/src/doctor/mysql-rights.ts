import type { MysqlBackend } from 'strongroom/internal'
import type { Check, Topic } from './check.ts'

/** What sessions need on their table. SHOW GRANTS writes USAGE for "nothing but to connect". */
const NEEDED: readonly string[] = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE']

interface Grant {
  readonly rights: readonly string[]
  /** "*.*", "shop.*", "shop.people". */
  readonly on: string
}

/**
 * Of "GRANT SELECT, INSERT (a, b) ON `shop`.* TO …"; null for a grant of a role, of PROXY, and of what a new server grants everybody
 * on its database "test".
 */
export function grantOf(line: string): Grant | null {
  const [, rights = '', on = ''] = /^GRANT (.+?) ON (?:TABLE )?(\S+) TO /.exec(line) ?? []
  if (on === '' || rights.startsWith('PROXY') || / TO `?PUBLIC\b/.test(line)) return null
  const names = rights.replace(/\([^)]*\)/g, '').split(',')
  const withOption = / WITH GRANT OPTION/.test(line) ? ['GRANT OPTION'] : []
  return { rights: [...names.map((name) => name.trim()), ...withOption], on: on.replaceAll('`', '') }
}

/** A hole in the application reaches as far as the rights of its user. It needs four on one table. */
export async function mysqlRights(
  topic: Topic,
  query: MysqlBackend['query'],
  table: string,
): Promise<readonly Check[]> {
  const name = 'mysql-rights'
  const rows = await query('SHOW GRANTS')
  const lines = rows.map((row) => String(Object.values(row)[0]))
  const grants = lines.flatMap((line) => grantOf(line) ?? [])
  const needed = `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table.includes('.') ? table : `shop.${table}`} TO 'web'@'%'`
  const more = (grant: Grant) => grant.rights.filter((right) => !NEEDED.includes(right))
  const everywhere = grants.find((grant) => grant.on === '*.*' && grant.rights.some((right) => right !== 'USAGE'))
  if (everywhere)
    return [
      topic.red(
        name,
        `This user has ${shown(everywhere.rights)} on every database of the server.`,
        `Give sessions a user of their own: ${needed}`,
      ),
    ]
  const own = table.split('.').at(-1)
  const beyond = grants.filter(({ on, rights }) => on !== '*.*' && !rights.every((right) => right === 'USAGE'))
  const others = beyond.filter(({ on }) => on.split('.')[1] !== own)
  if (others.length > 0)
    return [
      topic.amber(
        name,
        `This user may use more than the table of sessions: it has ${shown(others[0]?.rights ?? [])} on ${others[0]?.on}.`,
        `Give sessions a user of their own: ${needed}`,
      ),
    ]
  const extra = beyond.flatMap(more)
  if (extra.length > 0)
    return [
      topic.amber(
        name,
        `This user has ${shown(extra)} on the table of sessions, which sessions do not need.`,
        `REVOKE ${extra.join(', ')} ON the table from this user, and leave: ${needed}`,
      ),
    ]
  if (beyond.length === 0)
    return [topic.unknown(name, 'The rights of this user come from a role, which the server does not show.')]
  const had = beyond.flatMap(({ rights }) => rights)
  const missing = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'].filter((right) => !had.includes(right))
  // A role may have the rest, and SHOW GRANTS says no more of it than its name.
  if (missing.length > 0 && lines.some((line) => !/ ON /.test(line)))
    return [topic.unknown(name, `This user has ${shown(missing)} from a role, or not at all.`)]
  if (missing.length > 0)
    return [
      topic.red(
        name,
        `This user lacks ${shown(missing)} on the table of sessions: people cannot log in or log out.`,
        needed,
      ),
    ]
  return [topic.green(name, 'This user has no more rights than sessions need.')]
}

const shown = (rights: readonly string[]) =>
  rights.length > 4 ? `${rights.slice(0, 4).join(', ')} and more` : rights.join(', ')
