import type { Command } from 'commander'
import { type AnySessions, type StoreOptions, withSessions } from '../config.ts'
import { withExamples, withStoreOptions } from '../options.ts'
import { isInteractive, json, line } from '../output.ts'
import { agreed } from '../prompts.ts'

interface Options extends StoreOptions {
  readonly sql?: true
  readonly yes?: true
  readonly json?: true
}

export function migrate(program: Command): void {
  const command = withStoreOptions(program.command('migrate'))
    .summary('make the tables that the store needs')
    .description(
      'Makes the tables that the store needs, or brings them up to date. It shows the statements, and on a terminal it asks first. Safe beside live traffic and beside other runs. It needs no keys with --store, and a role that may create tables.',
    )
    .option('--sql', 'print the statements that make all from nothing; no connection')
    .option('-y, --yes', 'do not ask')
    .action((options: Options) => withSessions(options, 'store', (sessions) => work(sessions, options)))
  withExamples(
    command,
    'strongroom migrate --store postgres://localhost/shop',
    'strongroom migrate --sql > sessions.sql',
  )
}

async function work(sessions: AnySessions, options: Options): Promise<void> {
  const { engine } = sessions.policy
  // A config may have brought an older copy of this library.
  const schema = sessions.schema ?? null
  if (!schema) {
    if (options.json) return json({ engine, statements: [] })
    // An SQL comment where SQL is expected: whoever pipes it into a client gets what they need, which is nothing.
    return line(`${options.sql ? '-- ' : ''}The store ${engine} needs no tables to be made.`)
  }
  if (options.sql) return tell(engine, schema.statements, options)
  const pending = await schema.pending()
  if (pending.length === 0) {
    if (options.json) return json({ engine, statements: [] })
    return line('Nothing to do: the tables are there, and up to date.')
  }
  if (!options.json) print(pending)
  if (!options.yes && isInteractive()) await agreed('Run this?')
  const ran = await schema.migrate()
  if (options.json) json({ engine, statements: ran })
  else line(ran.length > 0 ? 'Done.' : 'Nothing was left to do: somebody else was first.')
}

function tell(engine: string, statements: readonly string[], options: Options): void {
  if (options.json) json({ engine, statements })
  else print(statements)
}

function print(statements: readonly string[]): void {
  for (const statement of statements) line(`${statement.trim().replace(/;$/, '')};`)
}
