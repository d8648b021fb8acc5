import type { Command } from 'commander'
import type { Device } from 'strongroom'
import { type AnySessions, inNamespace, type StoreOptions, withSessions } from '../config.ts'
import { relative } from '../format.ts'
import { withExamples, withNamespace, withStoreOptions, withUser } from '../options.ts'
import { json, line, oneLine, table } from '../output.ts'

interface Options extends StoreOptions {
  readonly user: string
  readonly json?: true
}

export function list(program: Command): void {
  const command = withUser(withNamespace(withStoreOptions(program.command('list'))))
    .summary("list a user's sessions")
    .description("Lists a user's live sessions, newest first. Use their handles with show and revoke.")
    .action((options: Options) =>
      withSessions(options, ['store', 'namespace', 'keys'], (sessions) => print(sessions, options)),
    )
  withExamples(command, 'strongroom list --user 42')
}

async function print(sessions: AnySessions, options: Options): Promise<void> {
  const devices = await sessions.of(options.user).list(undefined, { complete: true })
  if (options.json) return json(devices.map(({ current: _, ...device }) => device))
  if (devices.length === 0) return line(`This user has no sessions${inNamespace(options, sessions)}.`)
  table(['Handle', 'Began', 'Last seen', 'Ends', 'Device'], devices.map(row))
}

function row({ handle, createdAt, lastSeenAt, expiresAt, label }: Device): string[] {
  const lastSeen = lastSeenAt ? relative(lastSeenAt) : '–'
  return [handle, relative(createdAt), lastSeen, relative(expiresAt), label ? oneLine(label) : '–']
}
