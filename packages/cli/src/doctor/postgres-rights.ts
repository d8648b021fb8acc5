import type { PostgresBackend } from 'strongroom/internal'
import { number } from '../format.ts'
import type { Check, Topic } from './check.ts'

type Query = PostgresBackend['query']

/** Attributes of a role by which it can become another one, or read what its grants do not allow. */
const ATTRIBUTES = [
  ['rolcreaterole', 'CREATEROLE'],
  ['rolcreatedb', 'CREATEDB'],
  ['rolreplication', 'REPLICATION'],
  ['rolbypassrls', 'BYPASSRLS'],
] as const

/** What comes with the server, and reaches beyond one table. */
const MEMBERSHIPS = [
  'pg_read_all_data',
  'pg_write_all_data',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
]

/** A hole in the application reaches as far as the rights of its role. It needs four on one table. */
export async function postgresRights(topic: Topic, query: Query, table: string): Promise<readonly Check[]> {
  const [found] = await query(
    `SELECT current_user, rolsuper, ${ATTRIBUTES.map(([column]) => column).join(', ')} FROM pg_roles WHERE rolname = current_user`,
  )
  if (!found) return [topic.unknown('postgres-rights', 'The server does not tell the rights of this role.')]
  const [role, isSuper, ...attributes] = found
  const grants = `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO web`
  if (isSuper === 't')
    return [
      topic.red(
        'postgres-rights',
        `The role ${role} is a superuser: anyone who gets into the application gets the whole server.`,
        `CREATE ROLE web LOGIN PASSWORD '…'; ${grants}; and name that role in the URL of the store.`,
      ),
    ]
  const strong = ATTRIBUTES.filter((_, i) => attributes[i] === 't').map(([, name]) => name)
  if (strong.length > 0)
    return [
      topic.red(
        'postgres-rights',
        `The role ${role} has ${strong.join(', ')}, which sessions do not need.`,
        `ALTER ROLE ${role} ${strong.map((name) => `NO${name}`).join(' ')}`,
      ),
    ]
  const check = await further(topic, query, { table, role: role ?? '', grants })
  const missing = check.level === 'red' ? [] : await missingRights(query, table)
  if (missing.length === 0) return [check]
  return [
    topic.red(
      'postgres-rights',
      `The role ${role} lacks ${missing.join(', ')} on the table ${table}: people cannot log in or log out.`,
      `GRANT ${missing.join(', ')} ON ${table} TO ${role}`,
    ),
  ]
}

/** Of the four that sessions need; none where there is no table, which has a check of its own. */
async function missingRights(query: Query, table: string): Promise<readonly string[]> {
  const rights = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const
  const columns = rights.map((right) => `has_table_privilege(oid, '${right}')`).join(', ')
  const [found] = await query(`SELECT ${columns} FROM pg_class WHERE oid = to_regclass('${table}')`)
  return found ? rights.filter((_, i) => found[i] !== 't') : []
}

async function further(
  topic: Topic,
  query: Query,
  { table, role, grants }: { readonly table: string; readonly role: string; readonly grants: string },
): Promise<Check> {
  const [[member, tables, isOwner] = []] = await query(
    `SELECT (SELECT string_agg(rolname, ', ') FROM pg_roles
         WHERE (rolsuper OR rolname IN (${MEMBERSHIPS.map((name) => `'${name}'`).join(', ')}))
           AND pg_has_role(current_user, oid, 'MEMBER')),
       (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema$)'
           AND c.oid IS DISTINCT FROM to_regclass('${table}')
           AND pg_has_role(current_user, c.relowner, 'USAGE')),
       (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('${table}'))`,
  )
  if (member)
    return topic.red(
      'postgres-rights',
      `The role ${role} is a member of ${member}.`,
      member
        .split(', ')
        .map((name) => `REVOKE ${name} FROM ${role}`)
        .join('; '),
    )
  const others = Number(tables)
  if (others > 0)
    return topic.amber(
      'postgres-rights',
      `The role ${role} owns ${number(others)} other ${others === 1 ? 'table' : 'tables'}: a hole in the session code reaches them, too.`,
      `Give sessions a role of their own: ${grants}`,
    )
  if (isOwner === 't')
    return topic.amber(
      'postgres-rights',
      `The role ${role} owns the table ${table}, so it may drop it, and its triggers and comment are in its hands.`,
      `Let another role own it (ALTER TABLE ${table} OWNER TO …), and ${grants}`,
    )
  return topic.green('postgres-rights', `The role ${role} has no more rights than sessions need.`)
}
