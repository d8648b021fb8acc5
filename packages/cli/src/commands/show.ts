import type { Command } from 'commander'
import { type AnySessions, inNamespace, type StoreOptions, withSessions } from '../config.ts'
import { EXIT, Failure } from '../failure.ts'
import { dateTime, number } from '../format.ts'
import { checkHandle, withExamples, withNamespace, withStoreOptions } from '../options.ts'
import { facts, json } from '../output.ts'

interface Options extends StoreOptions {
  readonly json?: true
}

export function show(program: Command): void {
  const command = withNamespace(withStoreOptions(program.command('show')))
    .argument('<handle>', "a session's public name, of 16 characters")
    .summary('show when a session began and ends')
    .description('Shows when a session began and ends, and nothing of its data. It needs no secrets with --store.')
    .action(async (handle: string, options: Options) => {
      checkHandle(handle)
      await withSessions(options, ['store', 'namespace'], (sessions) => print(sessions, handle, options))
    })
  withExamples(command, 'strongroom show 8Jk2xQvT0aLrWm_e')
}

async function print(sessions: AnySessions, handle: string, options: Options): Promise<void> {
  const found = await sessions.find(handle)
  if (!found) throw new Failure(EXIT.notFound, `No live session has this handle${inNamespace(options, sessions)}.`)
  if (options.json) return json(found)
  const bound = found.deviceBound ? 'yes, to its device' : 'unknown: the secret of this session is missing'
  facts([
    ['Handle', found.handle],
    ['Signed in', found.signedIn ? 'yes' : 'no'],
    ['Began', dateTime(found.createdAt)],
    ['Ends', dateTime(found.expiresAt)],
    ['Stored', `${number(found.size)} bytes`],
    ...(found.deviceBound === false ? [] : [['Bound', bound] as const]),
  ])
}
