import type { Command } from 'commander'
import { type AnySessions, inNamespace, type StoreOptions, withSessions } from '../config.ts'
import { EXIT, Failure } from '../failure.ts'
import { checkHandle, withExamples, withNamespace, withStoreOptions } from '../options.ts'
import { json, line } from '../output.ts'

interface Options extends StoreOptions {
  readonly json?: true
}

export function revoke(program: Command): void {
  const command = withNamespace(withStoreOptions(program.command('revoke')))
    .argument('<handle>', "a session's public name, of 16 characters")
    .summary('end one session')
    .description('Ends a session immediately: its cookie no longer opens anything. It needs no secrets with --store.')
    .action(async (handle: string, options: Options) => {
      checkHandle(handle)
      await withSessions(options, ['store', 'namespace'], (sessions) => end(sessions, handle, options))
    })
  withExamples(command, 'strongroom revoke 8Jk2xQvT0aLrWm_e')
}

async function end(sessions: AnySessions, handle: string, options: Options): Promise<void> {
  if (!(await sessions.revoke(handle)))
    throw new Failure(EXIT.notFound, `No live session has this handle${inNamespace(options, sessions)}.`)
  if (options.json) json({ handle, revoked: true })
  else line('Ended 1 session.')
}
