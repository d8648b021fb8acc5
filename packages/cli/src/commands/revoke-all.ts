import type { Command } from 'commander'
import type { AnyUser } from 'strongroom/internal'
import { type AnySessions, inNamespace, type StoreOptions, withSessions } from '../config.ts'
import { sessionCount } from '../format.ts'
import { withExamples, withNamespace, withStoreOptions, withUser } from '../options.ts'
import { isInteractive, json, line } from '../output.ts'
import { confirm } from '../prompts.ts'

interface Options extends StoreOptions {
  readonly user: string
  readonly yes?: true
  readonly json?: true
}

export function revokeAll(program: Command): void {
  const command = withUser(withNamespace(withStoreOptions(program.command('revoke-all'))))
    .summary("end all of a user's sessions")
    .description("Ends all of a user's sessions immediately, on every device. On a terminal it asks first.")
    .option('-y, --yes', 'do not ask')
    .action((options: Options) =>
      withSessions(options, ['store', 'namespace', 'keys'], (sessions) => end(sessions, options)),
    )
  withExamples(command, 'strongroom revoke-all --user 42 --yes')
}

async function end(sessions: AnySessions, options: Options): Promise<void> {
  const user = sessions.of(options.user)
  if (!options.yes && isInteractive()) await ask(user)
  const count = await user.revokeAll()
  if (options.json) json({ ended: count })
  else
    line(
      `Ended ${count === null ? 'all sessions of this user' : sessionCount(count)}${inNamespace(options, sessions)}.`,
    )
}

async function ask(user: AnyUser): Promise<void> {
  const count = await countOf(user)
  if (count === 0) return
  await confirm(count === null ? 'End all sessions of this user?' : `End ${sessionCount(count)} of this user?`)
}

/** Null for cookie sessions: they can be ended, but not counted. */
async function countOf(user: AnyUser): Promise<number | null> {
  try {
    return (await user.list(undefined, { complete: true })).length
  } catch (error) {
    if ((error as { code?: unknown }).code === 'STRONGROOM_UNSUPPORTED') return null
    throw error
  }
}
