import type { Command } from 'commander'
import { type AnySessions, type StoreOptions, withSessions } from '../config.ts'
import { withExamples, withStoreOptions } from '../options.ts'
import { facts, json } from '../output.ts'
import { moment, number, size } from '../words.ts'

interface Options extends StoreOptions {
  readonly json?: true
}

export function stats(program: Command): void {
  const command = withStoreOptions(program.command('stats'))
    .summary('count what is in the store')
    .description('Counts live and expired sessions by walking the store. It needs no keys with --store.')
    .action((options: Options) => withSessions(options, 'store', (sessions) => count(sessions, options)))
  withExamples(command, 'strongroom stats', 'strongroom stats --store file:./sessions --json')
}

async function count(sessions: AnySessions, options: Options): Promise<void> {
  const { engine } = sessions.policy
  const counted = await sessions.stats()
  if (options.json) return json({ engine, ...counted })
  const { live, signedIn, anonymous, bytes, expired, oldest } = counted
  facts([
    ['Engine', engine],
    ['Live', live === 0 ? '0' : `${number(live)} (${number(signedIn)} signed in, ${number(anonymous)} anonymous)`],
    ['At rest', size(bytes)],
    ['Oldest', oldest ? moment(oldest) : '–'],
    ['Expired', expired === 0 ? '0' : `${number(expired)}, to be removed by strongroom clear-expired`],
  ])
}
