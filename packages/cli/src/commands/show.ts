import type { Command } from 'commander'
import { type AnySessions, type StoreOptions, withSessions } from '../config.ts'
import { EXIT, Failure } from '../failure.ts'
import { checkHandle, withExamples, withStoreOptions } from '../options.ts'
import { facts, json } from '../output.ts'
import { moment, number } from '../words.ts'

interface Options extends StoreOptions {
  readonly json?: true
}

export function show(program: Command): void {
  const command = withStoreOptions(program.command('show'))
    .argument('<handle>', "a session's public name, of 16 characters")
    .summary('show the facts about one session')
    .description('Shows when a session began and ends, and nothing of what it holds. It needs no keys with --store.')
    .action(async (handle: string, options: Options) => {
      checkHandle(handle)
      await withSessions(options, 'store', (sessions) => tell(sessions, handle, options))
    })
  withExamples(command, 'strongroom show 8Jk2xQvT0aLrWm_e')
}

async function tell(sessions: AnySessions, handle: string, options: Options): Promise<void> {
  const found = await sessions.find(handle)
  if (!found) throw new Failure(EXIT.notFound, 'There is no live session with this handle.')
  if (options.json) return json(found)
  facts([
    ['Handle', found.handle],
    ['Signed in', found.signedIn ? 'yes' : 'no'],
    ['Began', moment(found.createdAt)],
    ['Ends', moment(found.expiresAt)],
    ['At rest', `${number(found.size)} bytes`],
  ])
}
