import type { Command } from 'commander'
import { type AnySessions, type StoreOptions, withSessions } from '../config.ts'
import { dateTime, number, size } from '../format.ts'
import { withExamples, withStoreOptions } from '../options.ts'
import { facts, json } from '../output.ts'

interface Options extends StoreOptions {
  readonly json?: true
}

export function stats(program: Command): void {
  const command = withStoreOptions(program.command('stats'))
    .summary('count the sessions in the store')
    .description('Counts live and expired sessions by reading the whole store. It needs no secrets with --store.')
    .action((options: Options) => withSessions(options, 'store', (sessions) => print(sessions, options)))
  withExamples(command, 'strongroom stats', 'strongroom stats --store file:./sessions --json')
}

async function print(sessions: AnySessions, options: Options): Promise<void> {
  const { engine } = sessions.policy
  const counted = await sessions.stats()
  if (options.json) return json({ engine, ...counted })
  const { live, signedIn, anonymous, bytes, expired, oldest } = counted
  facts([
    ['Engine', engine],
    ['Live', live === 0 ? '0' : `${number(live)} (${number(signedIn)} signed in, ${number(anonymous)} anonymous)`],
    ['Stored', size(bytes)],
    ['Oldest', oldest ? dateTime(oldest) : '–'],
    ['Expired', expired === 0 ? '0' : `${number(expired)}, to be removed by strongroom clear-expired`],
  ])
}
