import type { Command } from 'commander'
import { type AnySessions, othersNotCounted, type StoreOptions, withSessions } from '../config.ts'
import { dateTime, number, size } from '../format.ts'
import { withExamples, withNamespace, withStoreOptions } from '../options.ts'
import { facts, json, line } from '../output.ts'

interface Options extends StoreOptions {
  readonly json?: true
}

export function stats(program: Command): void {
  const command = withNamespace(withStoreOptions(program.command('stats')))
    .summary('count the sessions in the store')
    .description(
      "Counts an application's live sessions, and the expired ones of all applications, by reading the whole store. It needs no secrets with --store.",
    )
    .action((options: Options) => withSessions(options, ['store', 'namespace'], (sessions) => print(sessions, options)))
  withExamples(command, 'strongroom stats', 'strongroom stats --store file:./sessions --json')
}

async function print(sessions: AnySessions, options: Options): Promise<void> {
  const { engine } = sessions.policy
  const counted = await sessions.stats()
  if (options.json) return json({ engine, ...counted })
  const { live, signedIn, anonymous, bytes, expired, oldest, otherNamespaces } = counted
  facts([
    ['Engine', engine],
    ['Live', live === 0 ? '0' : `${number(live)} (${number(signedIn)} signed in, ${number(anonymous)} anonymous)`],
    ['Stored', size(bytes)],
    ['Oldest', oldest ? dateTime(oldest) : '–'],
    [
      'Expired',
      expired === 0 ? '0' : `${number(expired)} in the whole store, to be removed by strongroom clear-expired`,
    ],
  ])
  if (otherNamespaces > 0) line(othersNotCounted(otherNamespaces))
}
