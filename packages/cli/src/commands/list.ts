import type { Command } from 'commander'
import type { Device } from 'strongroom'
import { type AnySessions, type StoreOptions, withSessions } from '../config.ts'
import { withExamples, withStoreOptions, withUser } from '../options.ts'
import { json, line, oneLine, table } from '../output.ts'
import { ago } from '../words.ts'

interface Options extends StoreOptions {
  readonly user: string
  readonly json?: true
}

export function list(program: Command): void {
  const command = withUser(withStoreOptions(program.command('list')))
    .summary("list a user's sessions")
    .description("Lists a user's live sessions, newest first. The handles it shows are for show and revoke.")
    .action((options: Options) => withSessions(options, 'keys', (sessions) => devices(sessions, options)))
  withExamples(command, 'strongroom list --user 42')
}

async function devices(sessions: AnySessions, options: Options): Promise<void> {
  const found = await sessions.of(options.user).list()
  if (options.json) return json(found.map(({ current: _, ...device }) => device))
  if (found.length === 0) return line('This user has no sessions.')
  table(['Handle', 'Began', 'Last seen', 'Ends', 'Device'], found.map(row))
}

function row({ handle, createdAt, lastSeenAt, expiresAt, label }: Device): string[] {
  return [handle, ago(createdAt), lastSeenAt ? ago(lastSeenAt) : '–', ago(expiresAt), label ? oneLine(label) : '–']
}
