import type { Command } from 'commander'
import { type AnySessions, type StoreOptions, withSessions } from '../config.ts'
import { withExamples, withStoreOptions } from '../options.ts'
import { isInteractive, json, line } from '../output.ts'
import { confirm } from '../prompts.ts'

interface Options extends StoreOptions {
  readonly sql?: true
  readonly yes?: true
  readonly json?: true
}

export function migrate(program: Command): void {
  const command = withStoreOptions(program.command('migrate'))
    .summary('create the tables that the store needs')
    .description(
      'Creates the tables that the store needs, or brings them up to date. It shows the statements, and on a terminal it asks first. Safe during live traffic and beside other runs. It needs no secrets with --store, but a role that may create tables.',
    )
    .option('--sql', 'print the statements that create everything, without connecting')
    .option('-y, --yes', 'do not ask')
    .action((options: Options) => withSessions(options, ['store', 'schema'], (sessions) => run(sessions, options)))
  withExamples(
    command,
    'strongroom migrate --store postgres://localhost/shop',
    'strongroom migrate --sql > sessions.sql',
  )
}

async function run(sessions: AnySessions, options: Options): Promise<void> {
  const { engine } = sessions.policy
  // Null also for a config that imports an older version of the library.
  const schema = sessions.schema ?? null
  if (!schema) {
    if (options.json) return json({ engine, statements: [] })
    // As an SQL comment where SQL is expected, so that it can be piped into a client.
    return line(`${options.sql ? '-- ' : ''}The store ${engine} needs no tables.`)
  }
  if (options.sql) {
    if (options.json) return json({ engine, statements: schema.statements })
    return print(schema.statements)
  }
  const pending = await schema.pending()
  if (pending.length === 0) {
    if (options.json) return json({ engine, statements: [] })
    return line('Nothing to do: the tables exist and are up to date.')
  }
  if (!options.json) print(pending)
  if (!options.yes && isInteractive()) await confirm('Run this?')
  const ran = await schema.migrate()
  if (options.json) json({ engine, statements: ran })
  else line(ran.length > 0 ? 'Done.' : 'There was nothing left to do: another run was first.')
}

function print(statements: readonly string[]): void {
  for (const statement of statements) line(`${statement.trim().replace(/;$/, '')};`)
}
